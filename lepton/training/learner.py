"""The learner of a config: built anew, or loaded from the folder of a finished run."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from lepton.config.check import check, fits_itself, with_later_keys
from lepton.errors import explain_read_errors
from lepton.pretrained import init_weights
from lepton.spec import DataSpec
from lepton.storage.run_folder import CONFIG_FILE, read_config
from lepton.training.estimator import Estimator
from lepton.training.network import Network
from lepton.training.weights import ARCHITECTURE_FOLDER


def build_learner(
    config: dict[str, Any], spec: DataSpec, run_folder: Path | None = None
) -> Network | Estimator:
    """The untrained learner of a config; `run_folder` is a finished run whose weights it will load.

    Raises: ConfigError for values that the model or a method refuses.
    """
    if fits_itself(config):
        return Estimator(config, spec)
    return Network(config, spec, load_network=load_network, run_folder=run_folder)


def load_learner(run_folder: Path) -> tuple[Network | Estimator, DataSpec]:
    """The trained learner of a finished run, and the spec of its data.

    Raises: LeptonError for a damaged folder; ConfigError for a config that cannot be built.
    """
    stored_config = with_later_keys(read_config(run_folder / CONFIG_FILE))
    stored_config.pop("ensemble", None)  # how the run's weights were averaged, in a soup
    config = check(OmegaConf.create(stored_config), files=False)
    if (run_folder / ARCHITECTURE_FOLDER).is_dir():
        config["model"] |= _encoder_source(run_folder)
    with explain_read_errors(run_folder / "spec.json") as path:
        spec = DataSpec.load(path)
    learner = build_learner(config, spec, run_folder)
    weights = run_folder / init_weights.WEIGHTS
    with explain_read_errors(weights if weights.is_file() else run_folder):
        learner.load(run_folder)
    return learner, spec


def load_network(run_folder: Path) -> Network:
    """The trained network of a finished run.

    Raises: LeptonError, as `load_model`.
    """
    return load_learner(run_folder)[0]


def _encoder_source(run_folder: Path) -> dict[str, Any]:
    """Values of the model's config that build its encoder again.

    That is from the weights below an adapter; else from the architecture alone.
    """
    if not (run_folder / init_weights.WEIGHTS).is_file():
        with explain_read_errors(run_folder / init_weights.BASE):
            key, place = init_weights.find_base(run_folder)
        if key == "model.path":
            return {"path": place}
    return {"path": str(run_folder / ARCHITECTURE_FOLDER), "pretrained": False}
