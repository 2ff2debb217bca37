"""The learner of a config: made anew, or read back from the folder of a finished run."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from lepton.config.check import check, fits_itself, with_later_keys
from lepton.errors import explain_read_errors
from lepton.pretrained import init_weights
from lepton.spec import DataSpec
from lepton.storage.run_folder import CONFIG_FILE, read_config
from lepton.training.estimator import Estimator
from lepton.training.network import ARCHITECTURE, FILE, Network


def build_learner(
    cfg: dict[str, Any], spec: DataSpec, saved: Path | None = None
) -> Network | Estimator:
    """What learns, before it has; `saved` is the run folder whose weights it will be given.

    Raises: ConfigError for values that the model or a method refuses.
    """
    if fits_itself(cfg):
        return Estimator(cfg, spec)
    return Network(cfg, spec, load_network=load_network, saved=saved)


def load_learner(folder: Path) -> tuple[Network | Estimator, DataSpec]:
    """The trained learner of a finished run, and what its data were.

    Raises: LeptonError for a damaged folder; ConfigError for a config that cannot be built.
    """
    config = with_later_keys(read_config(folder / CONFIG_FILE))
    config.pop("ensemble", None)  # what a soup was made of
    cfg = check(OmegaConf.create(config), files=False)
    if (folder / ARCHITECTURE).is_dir():
        cfg["model"] |= _encoder(folder)
    with explain_read_errors(folder / "spec.json") as path:
        spec = DataSpec.load(path)
    learner = build_learner(cfg, spec, saved=folder)
    weights = folder / FILE
    with explain_read_errors(weights if weights.is_file() else folder):
        learner.load(folder)
    return learner, spec


def load_network(folder: Path) -> Network:
    """The trained network of a finished run.

    Raises: LeptonError, as `load_model`.
    """
    return load_learner(folder)[0]


def _encoder(folder: Path) -> dict[str, Any]:
    """What a run's encoder is built from: the weights below its adapter, or its form alone."""
    if not (folder / FILE).is_file():
        with explain_read_errors(folder / init_weights.BASE):
            key, place = init_weights.find_base(folder)
        if key == "model.path":
            return {"path": place}
    return {"path": str(folder / ARCHITECTURE), "pretrained": False}
