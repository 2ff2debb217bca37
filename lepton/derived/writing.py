"""Writes the files of a run that was made of others, those that every run folder has."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lepton.config.data_identity import IDENTITY_KEY
from lepton.config.younger_keys import revisions_of
from lepton.derived.derivation import Derivation, DerivationRequest, MadeRun
from lepton.derived.inputs import InputRun, run_reference
from lepton.metric.direction import directions_to_store
from lepton.storage.derived_record import DERIVED_KEY, training_config
from lepton.storage.finished_run import write_outcome, write_settings
from lepton.storage.run_folder import SPEC_FILE


def write_made_run(
    made: MadeRun, derivation: Derivation, unfinished: Path, folder: Path, *, seconds: float
) -> None:
    """Writes settings, predictions and, last, the result into `unfinished`, to become `folder`."""
    config = stored_config(made, derivation, folder)
    write_settings(config, unfinished)
    if not (unfinished / SPEC_FILE).is_file():
        made.inputs[0].spec.save(unfinished / SPEC_FILE)
    metrics = _scores(made) if made.metrics is None else made.metrics
    rows = {name: len(split.ids) for name, split in made.predictions.items()}
    first = made.inputs[0].result
    facts = {
        "run": folder.name,
        "metrics": metrics,
        "constant": _mean_constant(made.inputs),
        "score": made.task.as_score(metrics[f"val/{made.task.monitor}"]),
        "seconds": seconds,
        "trained": derivation.request.command,
        "epochs": len(made.history),
        "best_epoch": 0,
        "rows": {"train": first.rows["train"], **rows},
        "cleaning": first.cleaning,
    }
    added = {**made.facts.get("added", {}), **directions_to_store(made.task.metrics)}
    write_outcome(
        unfinished,
        config=config,
        columns=made.task.columns,
        predictions=made.predictions,
        history=made.history,
        **{**facts, **made.sizes, **made.facts, "added": added},
    )


def model_name(request: DerivationRequest) -> str:
    """The name that stands where trained runs have the name of their model."""
    return f"{request.command}_{request.label}" if request.label else request.command


def stored_config(made: MadeRun, derivation: Derivation, folder: Path) -> dict[str, Any]:
    """The config to store: a training's as far as it holds, and how the run was made of others."""
    request = derivation.request
    settings = {k: v for k, v in request.settings.items() if k not in derivation.unstored}
    config = training_config(made.config)
    revisions = {**config.get("revisions", {}), **revisions_of(request.changes)}
    names = {"model": model_name(request), request.command: request.label or request.command}
    stored = {
        **config,
        **({"revisions": revisions} if revisions else {}),
        "study": folder.parent.name,
        "runs": str(folder.parent.parent),
        "choices": made.config["choices"] | names,
        "overrides": request.overrides,
        **({request.command: made.notes} if made.notes else {}),
        DERIVED_KEY: {
            "command": request.command,
            "settings": settings,
            "inputs": [run_reference(run, folder) for run in made.inputs],
        },
    }
    return copy.deepcopy(stored)  # so that YAML has no anchors for what stands in it twice


def shared_config(inputs: Sequence[InputRun]) -> dict[str, Any]:
    """What the configs of several runs share; of the data set the keys that are the same in all."""
    configs = [run.config for run in inputs]
    choices = shared_values([config["choices"] for config in configs])
    return shared_values(configs) | {"choices": choices}


def shared_values(nodes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The values that are the same in all; those of a data set, and of what it is, one by one."""
    shared = {}
    for key, value in nodes[0].items():
        values: list[Any] = [node.get(key) for node in nodes]
        if all(other == value for other in values):
            shared[key] = value
        elif key in ("dataset", IDENTITY_KEY):
            shared[key] = shared_values(values)
    return shared


def _scores(made: MadeRun) -> dict[str, float]:
    """The metrics of the predictions by split/name."""
    return {
        f"{name}/{metric}": value
        for name, split in made.predictions.items()
        for metric, value in made.task.score_rows(
            split.prediction, split.target, split.weight
        ).items()
    }


def _mean_constant(inputs: Sequence[InputRun]) -> dict[str, float]:
    """The metrics of the inputs' constant predictor; over folds their mean."""
    constants = [run.result.constant for run in inputs]
    names = [name for name in constants[0] if all(name in other for other in constants)]
    return {name: sum(other[name] for other in constants) / len(constants) for name in names}
