"""Tells methods, before a training, what the finished runs that they name predict for its rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from lepton import build
from lepton.config.data_identity import IDENTITY_KEY
from lepton.config.named_runs import named_runs
from lepton.dataset.data import Data
from lepton.dataset.split.split_rows import held_out
from lepton.errors import ConfigError, LeptonError, explain_read_errors
from lepton.evaluation.combination import Combination
from lepton.evaluation.sample_inputs import unchanged_config
from lepton.method import overrides
from lepton.pretrained.run_content import run_content
from lepton.pretrained.weight_files import own_model_files
from lepton.spec import DataSpec
from lepton.storage.cache import cached
from lepton.storage.derived_record import read_record
from lepton.storage.run_files import check_model_files
from lepton.storage.run_folder import CONFIG_FILE, SPEC_FILE, read_config
from lepton.trainer.default import takes_cuda
from lepton.training.learner import Learner, load_learner
from lepton.training.network import Network

COMPUTED_BY = ("torch", "scikit-learn", "transformers")  # packages that predictions depend on


@dataclass(frozen=True)
class RunOutputs:
    """What a run predicts for all rows of its data, and which of these it was trained on.

    Shapes: ids and trained (rows,), predictions (rows,) or (rows, outputs).
    """

    ids: Tensor
    predictions: Tensor
    trained: Tensor


def tell_named_runs(config: dict[str, Any], learner: Learner, data: Data) -> None:
    """Calls `told` of the learner's methods for each run that they name.

    Raises: ConfigError for a run of other data, another task, other classes or other rows.
    """
    methods = {m.stream_name: m for m in getattr(learner, "methods", ())}
    for path, key, name in named_runs(config) if methods else ():
        for other, method in methods.items():
            if overrides(type(method), "further_rows"):
                raise ConfigError(
                    f"{path}.{key}, {other}: {name} is not asked about the rows that {other} adds; "
                    "leave one of them out"
                )
        folder = Path(name)
        _refuse_other_data(f"{path}.{key}", folder, config, data)
        outputs = run_outputs(folder)
        _refuse_other_rows(f"{path}.{key}", name, outputs, data)
        methods[path].told(key, outputs.ids, outputs.predictions)


def run_outputs(folder: Path) -> RunOutputs:
    """What a finished run predicts for the rows of its data; kept in the cache by its content."""
    file = f"{run_content(folder)}.safetensors"

    def compute() -> bytes:
        return save({name: values.contiguous() for name, values in vars(_computed(folder)).items()})

    return RunOutputs(**cached("outputs", file, compute, load, computed_by=COMPUTED_BY))


def _computed(folder: Path) -> RunOutputs:
    """Raises: LeptonError for a run that predicts through others in a way of its own."""
    config = read_config(folder / CONFIG_FILE)
    if read_record(config, folder) is None or own_model_files(folder):
        return _of_own_model(folder)
    settings = config.get("ensemble") or {}
    if not settings.get("members"):
        raise LeptonError(f"{folder}: predicts through other runs; name one of these")
    members = [_computed(folder / member["path"]) for member in settings["members"]]
    ids = members[0].ids
    if not all(torch.equal(ids, member.ids) for member in members):
        raise LeptonError(f"{folder}: its members read other rows than each other")
    with explain_read_errors(folder):
        task = DataSpec.load(folder / SPEC_FILE).task
        combination = Combination(folder, settings, task)
    predictions = combination.combine(torch.stack([member.predictions for member in members]))
    trained = torch.stack([member.trained for member in members]).any(0)
    return RunOutputs(ids, predictions.float(), trained)


def _of_own_model(folder: Path) -> RunOutputs:
    check_model_files(folder)
    learner, _ = load_learner(folder)
    config = unchanged_config(folder)
    if isinstance(learner, Network) and takes_cuda(config["trainer"]["accelerator"]):
        learner.device = torch.device("cuda")
    splits = build.data(config).splits
    ids = torch.cat([rows["id"] for rows in splits.values()])
    predictions = torch.cat([learner.predict(rows) for rows in splits.values()])
    trained = [torch.full((len(rows["id"]),), name == "train") for name, rows in splits.items()]
    order = ids.argsort()
    return RunOutputs(ids[order], predictions[order].float(), torch.cat(trained)[order])


def _refuse_other_data(key: str, folder: Path, config: dict[str, Any], data: Data) -> None:
    """Raises: ConfigError for a run on other data, of another task or with other classes."""
    with explain_read_errors(folder / SPEC_FILE) as path:
        spec = DataSpec.load(path)
    own, its = config[IDENTITY_KEY], unchanged_config(folder)[IDENTITY_KEY]
    if spec.task != data.spec.task:
        raise ConfigError(
            f"{key}, task: {folder} predicts a {spec.task} target, and this run a {data.spec.task}"
        )
    if own["content"] != its["content"]:
        raise ConfigError(
            f"{key}, dataset: {folder} was trained on {its['name']} to predict "
            f"{', '.join(spec.target_names)}, and this run learns from {own['name']} to predict "
            f"{', '.join(data.spec.target_names)}; their data or targets differ"
        )
    if spec.classes != data.spec.classes:
        raise ConfigError(
            f"{key}, dataset: {folder} has the classes {', '.join(spec.classes)}, and this run "
            f"{', '.join(data.spec.classes)}, in this order; give both the same"
        )


def _refuse_other_rows(key: str, name: str, outputs: RunOutputs, data: Data) -> None:
    """Raises: ConfigError for a run that lacks training rows, or has learned from others."""
    missing = int((~torch.isin(data.splits["train"]["id"].cpu(), outputs.ids)).sum())
    if missing:
        raise ConfigError(
            f"{key}, dataset: {name} reads none of {missing} training rows of this run; give both "
            "the same rows"
        )
    learned = outputs.ids[outputs.trained]
    for split in held_out(data.splits):
        if count := int(torch.isin(data.splits[split]["id"].cpu(), learned).sum()):
            raise ConfigError(
                f"{key}, dataset: {name} was trained on {count} rows of this run's {split} split, "
                "which it would give away; both need the same split_seed, the same fold, and "
                "dataset.validation=outside"
            )
