"""Weights into a network that need not be the same: by name, and by the names of columns."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.layers import layers, made_new, under
from lepton.spec import DataSpec

SHOWN = 5  # names in a line

State = dict[str, Tensor]


@dataclass
class Given:
    """Weights to start from; those of a run know their columns and what their head predicts.

    `strict`: names that the network does not know are a mistake.
    """

    name: str
    state: State
    columns: dict = field(default_factory=dict)
    spec: DataSpec | None = None
    strict: bool = True


@dataclass
class Loaded:
    """What became of every tensor of a network."""

    whole: list[str] = field(default_factory=list)
    part: dict[str, tuple[int, int]] = field(default_factory=dict)  # indices loaded, of so many
    new: list[str] = field(default_factory=list)
    misfit: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        total = len(self.whole) + len(self.part) + len(self.new)
        words = [f"{len(self.whole)} of {total} tensors loaded"]
        if self.part:
            parts = [f"{name} ({n} of {m})" for name, (n, m) in self.part.items()]
            words.append(f"by the names of columns {_some(parts)}")
        words += [f"made new: {_some(self.new)}"] if self.new else []
        words += [f"not used: {_some(self.unknown)}"] if self.unknown else []
        return "; ".join(words)


def transfer(model: nn.Module, spec: DataSpec, given: Given) -> Loaded:
    """Loads what fits; the head is made new for another task, columns are found by their names.

    Raises: ConfigError when the rest does not fit, with how many and which.
    """
    state = aligned(given.state, model.state_dict()) if given.spec is None else given.state
    own, head = model.state_dict(), layers(model)[-1]
    columns = model.columns(spec) if hasattr(model, "columns") else {}
    loaded = Loaded()
    for name, tensor in own.items():
        there = state.get(name)
        if f"{name}.".startswith(tuple(f"{part}." for part in head)):
            fits = _alike(there, tensor) and _same_task(spec, given)
            _put(tensor, there, loaded, name) if fits else loaded.new.append(name)
        elif name in columns:
            _by_column(name, tensor, there, columns[name], given, loaded)
        elif there is None and name in made_new(model):
            loaded.new.append(name)
        elif there is None:
            loaded.missing.append(name)
        elif not _alike(there, tensor):
            loaded.misfit.append(f"{name}: {_said(there)} there, {_said(tensor)} here")
        else:
            _put(tensor, there, loaded, name)
    spare = [*columns, *given.columns, *own]
    loaded.unknown = [n for n in state if n not in spare]
    _judge(model, given, loaded)
    return loaded


def _alike(there: Tensor | None, tensor: Tensor) -> bool:
    """Whether one can take the other's place: the same shape, both real or both whole."""
    if there is None or there.shape != tensor.shape:
        return False
    return there.is_floating_point() == tensor.is_floating_point()


def _said(tensor: Tensor) -> str:
    whole = "" if tensor.is_floating_point() else f" {tensor.dtype}".replace("torch.", "")
    return f"{[*tensor.shape]}{whole}"


def _put(tensor: Tensor, there: Tensor, loaded: Loaded, name: str) -> None:
    with torch.no_grad():
        tensor.copy_(there)
    loaded.whole.append(name)


def _same_task(spec: DataSpec, given: Given) -> bool:
    """Whether the head predicts what it predicted; weights of no run do not say."""
    if given.spec is None:
        return True
    one, two = ((s.task, s.target_names, s.classes) for s in (spec, given.spec))
    return one == two


def _by_column(name: str, tensor: Tensor, there, column, given: Given, loaded: Loaded) -> None:
    """Loads the parts of a tensor that belong to columns of the same names."""
    if given.spec is None:  # a file says nothing of its columns; the same shape is taken for them
        fits = _alike(there, tensor)
        _put(tensor, there, loaded, name) if fits else loaded.new.append(name)
        return
    copied, wanted = copy_by_key(tensor, there, column, given.columns.get(name)), len(column[1])
    if copied == wanted:
        loaded.whole.append(name)
    elif copied:
        loaded.part[name] = (copied, wanted)
    else:
        loaded.new.append(name)


@torch.no_grad()
def copy_by_key(tensor: Tensor, there: Tensor | None, column, other) -> int:
    """Copies what stands for the same, along one dimension; returns how many indices that were."""
    if there is None or other is None:
        return 0
    (dim, keys), known = column, {key: at for at, key in enumerate(other[1])}
    pairs = [(at, known[key]) for at, key in enumerate(keys) if key in known]
    rest = [[n for d, n in enumerate(t.shape) if d != dim] for t in (tensor, there)]
    if not pairs or rest[0] != rest[1]:
        return 0
    here, source = (torch.tensor(side) for side in zip(*pairs, strict=True))
    tensor.index_copy_(dim, here, there.index_select(dim, source).to(tensor))
    return len(pairs)


def _judge(model: nn.Module, given: Given, loaded: Loaded) -> None:
    """Raises: ConfigError when the weights are those of another network."""
    kinds = {"of another shape": loaded.misfit, "missing": loaded.missing}
    if given.strict:
        kinds["unknown here"] = loaded.unknown
    wrong = [f"{len(names)} {kind} ({_some(names)})" for kind, names in kinds.items() if names]
    if wrong:
        raise ConfigError(
            f"init_from={given.name}: weights of another network than {type(model).__name__}: "
            f"{'; '.join(wrong)}"
        )
    whole = set(loaded.whole)
    if not any(set(under(model, names)) <= whole for names in layers(model)[:-1]):
        raise ConfigError(
            f"init_from={given.name}: no layer below the head could be loaded whole ({loaded}); "
            "nothing would be left of what was learned"
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f", ... {len(names)} in all" if len(names) > SHOWN else "")


def aligned(state: State, own: State) -> State:
    """Foreign weights under the names of a network: prefixes are found by what then fits."""
    mine = {prefix for name in own for prefix in _prefixes(name)}
    theirs = {prefix for name in state for prefix in _prefixes(name)}
    best, most = state, _fitting(state, own)
    for off in sorted(theirs, key=len):
        for on in sorted(mine, key=len):
            renamed = {
                on + name.removeprefix(off): tensor
                for name, tensor in state.items()
                if name.startswith(off)
            }
            if (fitting := _fitting(renamed, own)) > most:
                others = {n: t for n, t in state.items() if not n.startswith(off)}
                best, most = renamed | others, fitting
    return best


def _prefixes(name: str) -> list[str]:
    """The first one and two parts of a name, and none."""
    parts = name.split(".")
    return ["", *(".".join(parts[:n]) + "." for n in (1, 2) if n < len(parts))]


def _fitting(state: State, own: State) -> int:
    return sum(name in own and own[name].shape == tensor.shape for name, tensor in state.items())
