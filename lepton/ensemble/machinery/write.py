"""The run folder of an ensemble: what its members share, who they are, what it predicts."""

import os
from pathlib import Path
from typing import Any

from lepton.ensemble.machinery.blend import Made
from lepton.ensemble.machinery.members import Member
from lepton.ensemble.machinery.souping import save_soup
from lepton.ensemble.machinery.weight_averaging import WeightAverager
from lepton.metric.direction import as_score
from lepton.metric.scoring import split_metrics
from lepton.storage.finished_run import write_outcome, write_settings
from lepton.storage.predictions import SplitPredictions


def model_name(plain: dict[str, Any]) -> str:
    """What stands where runs have the name of their model."""
    return f"ensemble_{plain['choices']['method']}"


def write(
    plain: dict[str, Any],
    made: Made,
    average: WeightAverager | None,
    part: Path,
    *,
    folder: Path,
    seconds: float,
) -> None:
    """Writes into `part` what every run has; `average` holds the weights of a soup."""
    config = _config(plain, made, folder, kind="predictions" if average is None else "weights")
    write_settings(config, part)
    if average is None:
        made.pool.spec.save(part / "spec.json")
        made.method.save(part)
    else:
        save_soup(average, part)
    pool, first = made.pool, made.members[0].result
    predictions = {
        name: SplitPredictions(split.ids, split.target, made.predictions[name])
        for name, split in pool.splits.items()
    }
    metrics = split_metrics(predictions, task=pool.spec.task)
    sizes = _sizes(made.members) if average is None else average.network.sizes()
    write_outcome(
        part,
        config=config,
        spec=pool.spec,
        predictions=predictions,
        history=[],
        run=folder.name,
        metrics=metrics,
        constant=_constant(made.members),
        score=as_score(metrics[f"val/{pool.judge.metric}"], pool.judge.metric),
        seconds=seconds,
        trained="ensemble",
        epochs=0,
        best_epoch=0,
        rows={"train": first.rows["train"]}
        | {name: len(split.ids) for name, split in predictions.items()},
        cleaning=first.cleaning,
        **sizes,
    )


def _config(plain: dict[str, Any], made: Made, folder: Path, *, kind: str) -> dict[str, Any]:
    """What the members share, of a soup all of the best one's, and the ensemble's own."""
    configs = [member.config for member in made.members]
    base = configs[0] if kind == "weights" else _shared(configs) | {"seed": plain["seed"]}
    choices = _shared([config["choices"] for config in configs])
    choices |= {"model": model_name(plain), "ensemble": plain["choices"]["method"]}
    asked = ("method", "metric", "max_members", "max_size", "folds", "seed")
    own = {"kind": kind, **{key: plain[key] for key in asked}, "members": _members(made, folder)}
    places = {"study": folder.parent.name, "runs": str(folder.parent.parent)}
    rest = {"choices": choices, "overrides": plain["overrides"], "ensemble": own}
    return {**base, **places, **rest}


def _shared(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """The values that are the same in all; of mappings what these share."""
    found = {}
    for key, value in nodes[0].items():
        others = [node.get(key) for node in nodes]
        if all(other == value for other in others):
            found[key] = value
        elif key == "dataset":  # of folds all but the fold
            found[key] = _shared(others)
    return found


def _members(made: Made, folder: Path) -> list[dict[str, Any]]:
    """The members in use: run, where from here, digest of its predictions, part, weight."""
    weights = made.weights.tolist()
    return [
        {
            **place(member, folder),
            "part": number,
            "weight": weights[i] / len(made.pool.parts[i].members),
        }
        for number, i in enumerate(made.used)
        for member in made.pool.parts[i].members
    ]


def place(member: Member, folder: Path) -> dict[str, str]:
    """By what a member is found again: its run, where that is from here, what it predicts."""
    path = os.path.relpath(member.folder.absolute(), folder.absolute())
    return {"run": member.run, "path": path, "digest": member.digest}


def _constant(members: list[Member]) -> dict[str, float]:
    """The members' constant predictor's metrics; over folds their mean."""
    found = [member.result.constant for member in members]
    names = [name for name in found[0] if all(name in other for other in found)]
    return {name: sum(other[name] for other in found) / len(found) for name in names}


def _sizes(members: list[Member]) -> dict[str, int]:
    keys = ("parameters", "trainable")
    return {key: sum(getattr(member.result, key) for member in members) for key in keys}
