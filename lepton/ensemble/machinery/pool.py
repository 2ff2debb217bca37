"""The pool of members that belong together: same task, same rows; predictions in one tensor."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Any

import torch

from lepton import build
from lepton.derived.inputs import MAX_NAMES_SHOWN, InputRun
from lepton.ensemble.machinery.fold_joining import group_by_setting, join_folds, joined_keys
from lepton.ensemble.machinery.scorer import Scorer
from lepton.errors import ConfigError, did_you_mean
from lepton.metric.direction import LARGER_IS_BETTER
from lepton.spec import DataSpec
from lepton.storage.predictions import PREDICTED_SPLITS, SplitPredictions
from lepton.task.base import Task

MAX_KEYS_SHOWN = 3


@dataclass(frozen=True, eq=False)
class PoolEntry:
    """One thing to be weighted: a run, or the runs of one setting over all folds."""

    members: list[InputRun]
    splits: dict[str, SplitPredictions]

    @property
    def name(self) -> str:
        return self.members[0].run

    @property
    def size(self) -> int:
        """Bytes of weights."""
        return sum(member.size for member in self.members)


class MemberPool:
    """Entries that agree, the best on validation first; `left_out` are runs in none, with reasons.

    Shapes: `splits[...].prediction` (entries, rows[, classes]); `scores` (entries,).
    """

    def __init__(
        self,
        entries: Sequence[PoolEntry],
        scorer: Scorer,
        left_out: Sequence[tuple[Path, str]] = (),
    ):
        self.left_out = left_out
        val = [entry.splits["val"] for entry in entries]
        scorer = Scorer(scorer.scored_task, val[0].weight)
        scores = [scorer(split.prediction, split.target) for split in val]
        order = sorted(range(len(entries)), key=lambda i: (-scores[i], entries[i].name))
        self.entries, self.scorer = [entries[i] for i in order], scorer
        self.scores = torch.tensor([scores[i] for i in order], dtype=torch.float64)
        self.task = scorer.scored_task
        self.spec: DataSpec = self.entries[0].members[0].spec
        self.splits = {name: _stacked(self.entries, name) for name in PREDICTED_SPLITS}
        dtypes = [entry.splits["val"].prediction.dtype for entry in self.entries]
        self.dtype = reduce(torch.promote_types, dtypes)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def members(self) -> list[InputRun]:
        return [member for entry in self.entries for member in entry.members]


def _stacked(entries: Sequence[PoolEntry], split: str) -> SplitPredictions:
    first = max((e.splits[split] for e in entries), key=lambda rows: rows.target.itemsize)
    predictions = torch.stack([entry.splits[split].prediction.double() for entry in entries])
    return SplitPredictions(first.ids, first.target, predictions, first.weight)


def make_pool(
    members: list[InputRun], metric: str | None, *, across_folds: bool, joins: bool = True
) -> MemberPool:
    """The members as entries; where a method `joins`, the validation folds of each setting are one,
    with `across_folds` also those of the test split.

    Raises: ConfigError when members differ in what an ensemble needs equal; names the runs.
    """
    _require_same(members, "tasks", lambda member: member.spec.task)
    _require_same(members, "targets", lambda member: member.spec.target_names)
    _require_same(members, "classes", lambda member: member.spec.classes)
    scorer = Scorer(_scored_task(members, metric))
    if not scorer.scored_task.is_scored_as_stored:
        raise ConfigError(
            f"runs: {members[0].run}: task {scorer.task} is scored by more than the stored "
            "predictions and targets, of which ensembles are made"
        )
    left_out: list[tuple[Path, str]] = []
    if keys := joined_keys(members, across_folds=across_folds) if joins else []:
        settings, left_out = group_by_setting(members, keys)
        entries = [PoolEntry(runs, join_folds(runs)) for runs in settings]
    else:
        entries = [PoolEntry([member], member.splits) for member in members]
    for split, title in (("val", "validation"), ("test", "test")):
        _require_same(entries, f"{title} rows", _content(split, "ids"))
        _require_same(entries, f"{title} targets", _targets(entries, split))
        _require_same(entries, f"weights of {title} rows", _weights(split))
    return MemberPool(entries, scorer, left_out)


def _weights(split: str) -> Callable[[PoolEntry], bytes]:
    def content(entry: PoolEntry) -> bytes:
        weight = entry.splits[split].weight
        return b"" if weight is None else weight.double().numpy().tobytes()

    return content


def _targets(entries: Sequence[PoolEntry], split: str) -> Callable[[PoolEntry], bytes]:
    """The targets of an entry in the shortest type of all; older runs held 32 bits."""
    dtypes = {entry.splits[split].target.dtype for entry in entries}
    if len(dtypes) == 1:
        return _content(split, "target")
    return lambda entry: entry.splits[split].target.float().numpy().tobytes()


def _content(split: str, name: str) -> Callable[[PoolEntry], bytes]:
    return lambda entry: getattr(entry.splits[split], name).contiguous().numpy().tobytes()


def _require_same(
    items: Sequence[InputRun] | Sequence[PoolEntry], plural: str, key: Callable[[Any], Any]
) -> None:
    """Raises: ConfigError for items that differ, with names and with how their data differ."""
    groups = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    if len(groups) == 1:
        return
    usual, *others = sorted(groups.values(), key=len, reverse=True)
    odd = [item for group in others for item in group]
    names = ", ".join(_first_run(item).run for item in odd[:MAX_NAMES_SHOWN])
    more = f" and {len(odd) - MAX_NAMES_SHOWN} more" if len(odd) > MAX_NAMES_SHOWN else ""
    raise ConfigError(
        f"runs: {names}{more} and {_first_run(usual[0]).run} differ in their {plural}"
        f"{_data_differences(_first_run(usual[0]), _first_run(odd[0]))}; members need the same"
    )


def _first_run(item: InputRun | PoolEntry) -> InputRun:
    return item.members[0] if isinstance(item, PoolEntry) else item


def _data_differences(usual: InputRun, odd: InputRun) -> str:
    """The keys of their data in which two runs differ, and a way out where it is the fold."""
    usual_data, odd_data = usual.config["dataset"], odd.config["dataset"]
    keys = [k for k in {**usual_data, **odd_data} if usual_data.get(k) != odd_data.get(k)]
    differences = ", ".join(
        f"dataset.{key} {odd_data.get(key)} and {usual_data.get(key)}"
        for key in keys[:MAX_KEYS_SHOWN]
    )
    hint = ", and method=kfold joins folds" if keys == ["fold"] else ""
    return f" ({differences}{hint})" if keys else ""


def _scored_task(members: list[InputRun], requested: str | None) -> Task:
    """The members' task, with the metric requested, or else the one that all of them monitored.

    Raises: ConfigError for one that the task does not have, and where members differ.
    """
    config, spec = members[0].config, members[0].spec
    task = build.task(config, spec)
    if requested is not None and requested not in task.metrics:
        name = f"{task.name} has " if requested in LARGER_IS_BETTER else ""
        raise ConfigError(
            f"metric: {name}no metric {requested!r}{did_you_mean(requested, task.metrics)} "
            f"({', '.join(task.metrics)})"
        )
    monitored = {requested or _monitored(member, next(iter(task.metrics))) for member in members}
    if len(monitored) > 1:
        raise ConfigError(
            f"metric: the members monitored {' and '.join(sorted(monitored))}; say which by "
            "metric=NAME"
        )
    name = monitored.pop()
    if name not in LARGER_IS_BETTER:
        _require_same(members, f"settings of the metric {name!r}", partial(_definition, name))
    return build.task({**config, "task": {**config["task"], "monitor": name}}, spec)


def _monitored(member: InputRun, default: str) -> str:
    """The metric that a run monitored; a loss of its own may bring another than the default."""
    if member.config.get("loss"):
        return build.task(member.config, member.spec).monitor
    return member.config["task"].get("monitor") or default


def _definition(metric: str, member: InputRun) -> str:
    """What a metric of a run's own is made of: its option, or the loss that brings it."""
    added = member.config.get("metric") or {}
    return json.dumps(added.get(metric) or member.config.get("loss"), sort_keys=True, default=str)
