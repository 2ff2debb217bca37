"""Members that belong together: same task, same rows; their predictions as one tensor a split."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lepton.config.identity import COSMETIC_KEYS
from lepton.ensemble.machinery.members import SHOWN, Member
from lepton.errors import ConfigError
from lepton.metric.direction import as_score
from lepton.metric.scoring import METRICS, monitor_value
from lepton.spec import DataSpec
from lepton.storage.predictions import PREDICTED_SPLITS, SplitPredictions


@dataclass(frozen=True, eq=False)
class Judge:
    """Scores predictions by one metric; larger is better."""

    task: str
    metric: str

    def __call__(self, prediction: Tensor, target: Tensor) -> float:
        value = monitor_value(prediction, target, task=self.task, metric=self.metric)
        return as_score(value, self.metric)


@dataclass(frozen=True, eq=False)
class Part:
    """What is weighted as one: a run, or the runs of one setting over all folds."""

    members: list[Member]
    splits: dict[str, SplitPredictions]

    @property
    def name(self) -> str:
        return self.members[0].run

    @property
    def size(self) -> int:
        return sum(member.size for member in self.members)


class Pool:
    """Parts that agree, the best on validation first.

    Shapes: `splits[...].prediction` (parts, rows[, classes]); `scores` (parts,).
    """

    def __init__(self, parts: Sequence[Part], judge: Judge):
        val = [part.splits["val"] for part in parts]
        scores = [judge(split.prediction, split.target) for split in val]
        order = sorted(range(len(parts)), key=lambda i: (-scores[i], parts[i].name))
        self.parts, self.judge = [parts[i] for i in order], judge
        self.scores = torch.tensor([scores[i] for i in order], dtype=torch.float64)
        self.spec: DataSpec = self.parts[0].members[0].spec
        self.splits = {name: _together(self.parts, name) for name in PREDICTED_SPLITS}
        self.dtype = self.parts[0].splits["val"].prediction.dtype

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def members(self) -> list[Member]:
        return [member for part in self.parts for member in part.members]


def _together(parts: Sequence[Part], name: str) -> SplitPredictions:
    first = parts[0].splits[name]
    stacked = torch.stack([part.splits[name].prediction.double() for part in parts])
    return SplitPredictions(first.ids, first.target, stacked)


def make_pool(members: list[Member], metric: str | None, *, across_folds: bool) -> Pool:
    """The members as parts; with `across_folds` the folds of each setting are joined.

    Raises: ConfigError when members differ in what an ensemble needs equal; names the runs.
    """
    _same(members, "tasks", lambda m: m.spec.task)
    _same(members, "targets", lambda m: m.spec.target_names)
    _same(members, "classes", lambda m: m.spec.classes)
    judge = Judge(members[0].spec.task, _metric(members, metric))
    parts = _joined(members) if across_folds else [Part([m], m.splits) for m in members]
    for name, said in (("val", "validation"), ("test", "test")):
        for what in ("ids", "target"):
            _same(parts, f"{said} {'rows' if what == 'ids' else 'targets'}", _bytes(name, what))
    return Pool(parts, judge)


def _bytes(split: str, what: str) -> Callable[[Part], bytes]:
    return lambda part: getattr(part.splits[split], what).contiguous().numpy().tobytes()


def _same(items: Sequence[Any], what: str, key: Callable[[Any], Any]) -> None:
    """Refuses items that differ in `what`, with their names and what their data differ in."""
    groups = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    if len(groups) == 1:
        return
    usual, *odd = sorted(groups.values(), key=len, reverse=True)
    strange = [item for group in odd for item in group]
    names = ", ".join(_run(item).run for item in strange[:SHOWN])
    more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
    raise ConfigError(
        f"runs: {names}{more} and {_run(usual[0]).run} differ in their {what}"
        f"{_why(_run(usual[0]), _run(strange[0]))}; members need the same"
    )


def _run(item: Member | Part) -> Member:
    return item.members[0] if isinstance(item, Part) else item


def _why(one: Member, other: Member) -> str:
    """The keys of their data in which two runs differ, and what to do about folds."""
    here, there = one.config["dataset"], other.config["dataset"]
    keys = [key for key in {**here, **there} if here.get(key) != there.get(key)]
    shown = ", ".join(f"dataset.{key} {there.get(key)} and {here.get(key)}" for key in keys[:3])
    hint = ", and method=kfold joins folds" if keys == ["fold"] else ""
    return f" ({shown}{hint})" if keys else ""


def _metric(members: list[Member], asked: str | None) -> str:
    """The metric asked for, or the one that all members monitored.

    Raises: ConfigError for one that the task does not have, and where members differ.
    """
    have = METRICS[members[0].spec.task]
    if asked is not None:
        if asked not in have:
            task = members[0].spec.task
            raise ConfigError(f"metric: {task} has no metric {asked!r}; it has {', '.join(have)}")
        return asked
    first = next(iter(have))
    names = {member.config["task"]["monitor"] or first for member in members}
    if len(names) > 1:
        raise ConfigError(
            f"metric: the members monitored {' and '.join(sorted(names))}; say which by metric=NAME"
        )
    return names.pop()


def _joined(members: list[Member]) -> list[Part]:
    """A part for each setting, of one run a fold.

    Raises: ConfigError when a run has no fold, or a setting lacks one.
    """
    settings: dict[str, dict[int, Member]] = defaultdict(dict)
    for member in members:
        dataset = member.config["dataset"]
        if dataset.get("fold") is None:
            raise ConfigError(
                f"runs: {member.run} has no fold to join; train with dataset.folds=5 "
                "dataset.fold='range(5)'"
            )
        kept = {k: v for k, v in member.config.items() if k not in COSMETIC_KEYS}
        kept["dataset"] = {k: v for k, v in dataset.items() if k != "fold"}
        settings[json.dumps(kept, sort_keys=True)][dataset["fold"]] = member
    for known in settings.values():
        first = next(iter(known.values()))
        count = first.config["dataset"]["folds"]
        if absent := sorted(set(range(count)) - set(known)):
            raise ConfigError(
                f"runs: {first.run}: of its {count} folds these are missing: "
                f"{', '.join(map(str, absent))}; train dataset.fold='range({count})'"
            )
    parts = [[known[fold] for fold in sorted(known)] for known in settings.values()]
    return [Part(found, {name: _join(found, name) for name in PREDICTED_SPLITS}) for found in parts]


def _join(members: list[Member], name: str) -> SplitPredictions:
    """The rows of all folds, each once; of a row predicted several times the mean."""
    splits = [member.splits[name] for member in members]
    ids, targets = (torch.cat([getattr(s, what) for s in splits]) for what in ("ids", "target"))
    predictions = torch.cat([split.prediction for split in splits])
    rows, place, counts = ids.unique(return_inverse=True, return_counts=True)
    sums = predictions.new_zeros(len(rows), *predictions.shape[1:])
    sums.index_add_(0, place, predictions)
    first = torch.full((len(rows),), len(ids)).scatter_reduce(
        0, place, torch.arange(len(ids)), "amin"
    )
    mean = sums / counts.reshape(-1, *[1] * (sums.ndim - 1))
    return SplitPredictions(rows, targets[first], mean)
