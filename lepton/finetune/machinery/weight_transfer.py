"""Copies weights into a network that may differ from their source: by names and by data columns."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeGuard

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.layers import named_layers, new_parameters, parameters_under
from lepton.finetune.machinery.source_weights import (
    MAX_NAMES_SHOWN,
    ColumnKeys,
    SourceWeights,
    State,
    column_keys,
)
from lepton.spec import DataSpec


@dataclass
class TransferReport:
    """Names of a network's tensors, by what became of them; `str` says it in a line.

    `partial`: how many indices were loaded, of how many; `unknown`: tensors of the source alone.
    """

    whole: list[str] = field(default_factory=list)
    partial: dict[str, tuple[int, int]] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    misfit: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        total = len(self.whole) + len(self.partial) + len(self.new)
        phrases = [f"{len(self.whole)} of {total} tensors loaded"]
        if self.partial:
            counts = [f"{name} ({n} of {m})" for name, (n, m) in self.partial.items()]
            phrases.append(f"by the names of columns {_join_some(counts)}")
        phrases += [f"made new: {_join_some(self.new)}"] if self.new else []
        phrases += [f"not used: {_join_some(self.unknown)}"] if self.unknown else []
        return "; ".join(phrases)


def transfer_weights(model: nn.Module, spec: DataSpec, source: SourceWeights) -> TransferReport:
    """Loads what fits; the head is made new for another task, columns are found by their names.

    Raises: ConfigError when the rest does not fit, with how many and which.
    """
    target_state, head = model.state_dict(), named_layers(model)[-1]
    state = source.state
    if source.spec is None:
        state = align_names(state, target_state)
    columns = column_keys(model, spec)
    report = TransferReport()
    for name, tensor in target_state.items():
        value = state.get(name)
        if f"{name}.".startswith(tuple(f"{prefix}." for prefix in head)):
            if _is_same_task(spec, source):
                _copy_or_new(tensor, value, report, name)
            else:
                report.new.append(name)
        elif name in columns:
            _copy_by_column(name, tensor, value, columns[name], source, report)
        elif value is None:
            (report.new if name in new_parameters(model) else report.missing).append(name)
        elif not _is_interchangeable(value, tensor):
            report.misfit.append(f"{name}: {_describe(value)} there, {_describe(tensor)} here")
        else:
            _copy_or_new(tensor, value, report, name)
    expected = {*columns, *source.columns, *target_state}
    report.unknown = [name for name in state if name not in expected]
    _refuse_other_network(model, source, report)
    return report


def _is_interchangeable(value: Tensor | None, tensor: Tensor) -> TypeGuard[Tensor]:
    """True when one can take the other's place: the same shape, both real or both whole."""
    if value is None or value.shape != tensor.shape:
        return False
    return value.is_floating_point() == tensor.is_floating_point()


def _describe(tensor: Tensor) -> str:
    whole = "" if tensor.is_floating_point() else f" {tensor.dtype}".replace("torch.", "")
    return f"{[*tensor.shape]}{whole}"


def _is_same_task(spec: DataSpec, source: SourceWeights) -> bool:
    """True when the head predicts what it predicted; weights of no run do not say."""
    if source.spec is None:
        return True
    task, source_task = ((s.task, s.target_names, s.classes) for s in (spec, source.spec))
    return task == source_task


@torch.no_grad()
def _copy_or_new(tensor: Tensor, value: Tensor | None, report: TransferReport, name: str) -> None:
    """Copies a whole tensor where it fits; else its values stay new."""
    if _is_interchangeable(value, tensor):
        tensor.copy_(value)
        report.whole.append(name)
    else:
        report.new.append(name)


def _copy_by_column(
    name: str,
    tensor: Tensor,
    value: Tensor | None,
    keys: ColumnKeys,
    source: SourceWeights,
    report: TransferReport,
) -> None:
    """Copies the indices of a tensor that belong to columns of the same names."""
    if source.spec is None:  # a file says nothing of its columns; the same shape is taken for them
        _copy_or_new(tensor, value, report, name)
        return
    copied, wanted = copy_by_key(tensor, value, keys, source.columns.get(name)), len(keys[1])
    if copied == wanted:
        report.whole.append(name)
    elif copied:
        report.partial[name] = (copied, wanted)
    else:
        report.new.append(name)


@torch.no_grad()
def copy_by_key(
    tensor: Tensor, source: Tensor | None, keys: ColumnKeys, source_keys: ColumnKeys | None
) -> int:
    """Copies the indices that stand for the same, along one dimension; returns their number."""
    if source is None or source_keys is None:
        return 0
    dim, names = keys
    source_index_by_name = {name: index for index, name in enumerate(source_keys[1])}
    pairs = [
        (index, source_index_by_name[name])
        for index, name in enumerate(names)
        if name in source_index_by_name
    ]
    other_sizes = [[n for d, n in enumerate(t.shape) if d != dim] for t in (tensor, source)]
    if not pairs or other_sizes[0] != other_sizes[1]:
        return 0
    indices, source_indices = (torch.tensor(side) for side in zip(*pairs, strict=True))
    tensor.index_copy_(dim, indices, source.index_select(dim, source_indices).to(tensor))
    return len(pairs)


def _refuse_other_network(model: nn.Module, source: SourceWeights, report: TransferReport) -> None:
    """Raises: ConfigError when the weights are those of another network."""
    misfits = {"of another shape": report.misfit, "missing": report.missing}
    if source.strict:
        misfits["unknown here"] = report.unknown
    problems = [
        f"{len(names)} {kind} ({_join_some(names)})" for kind, names in misfits.items() if names
    ]
    if problems:
        raise ConfigError(
            f"init_from={source.name}: weights of another network than {type(model).__name__}: "
            f"{'; '.join(problems)}"
        )
    whole, below_head = set(report.whole), named_layers(model)[:-1]
    if not any(set(parameters_under(model, names)) <= whole for names in below_head):
        raise ConfigError(
            f"init_from={source.name}: no layer below the head could be loaded whole ({report}); "
            "nothing would be left of what was learned"
        )


def _join_some(names: list[str]) -> str:
    more = f", ... {len(names)} in all" if len(names) > MAX_NAMES_SHOWN else ""
    return ", ".join(names[:MAX_NAMES_SHOWN]) + more


def align_names(state: State, target: State) -> State:
    """Foreign weights under the names of a network: the prefixes with which most tensors fit."""
    best, best_count = state, _count_fitting(state, target)
    for source_prefix in _prefixes(state):
        for target_prefix in _prefixes(target):
            renamed = {
                target_prefix + name.removeprefix(source_prefix): tensor
                for name, tensor in state.items()
                if name.startswith(source_prefix)
            }
            if (count := _count_fitting(renamed, target)) > best_count:
                others = {n: t for n, t in state.items() if not n.startswith(source_prefix)}
                best, best_count = renamed | others, count
    return best


def _prefixes(names: Iterable[str]) -> list[str]:
    """The first one and two components of all names, and none; the shortest first."""
    prefixes = {""}
    for name in names:
        components = name.split(".")
        prefixes |= {".".join(components[:n]) + "." for n in (1, 2) if n < len(components)}
    return sorted(prefixes, key=lambda prefix: (len(prefix), prefix))


def _count_fitting(state: State, target: State) -> int:
    return sum(name in target and target[name].shape == t.shape for name, t in state.items())
