"""Finds kinds of inputs: by name, and those that a spec describes."""

import importlib
from functools import cache
from pathlib import Path

from lepton.config.input_kinds import kind_target
from lepton.config.trust import is_trusted
from lepton.config.words import shell_word
from lepton.dataset.inputs.kind import InputKind
from lepton.errors import ConfigError
from lepton.spec import DataSpec

KIND_KEY = "kind"  # of a kind's own fields in a spec: the dotted name of its class
OTHER_MODULES = (
    "__init__",
    "absence",
    "decoded",
    "example_table",
    "example_text",
    "explained",
    "find",
    "kind",
    "measured",
    "picture",
    "pixels",
    "shown",
    "shown_sounds",
    "shown_tensors",
    "sound",
)  # of this package, which hold no kind


def input_kind(name: str) -> type[InputKind]:
    """The class of a kind, by its dotted name or the short name of a kind of lepton's.

    Raises: ConfigError when it is not in a trusted package, or no kind of inputs.
    """
    target = kind_target(name)
    if not is_trusted(target, "dataset"):
        package = target.split(".")[0]
        raise ConfigError(
            f"the kind of inputs {name!r} is not in a trusted package; if you trust it, "
            f"--allow {shell_word(package)}"
        )
    module, _, attribute = target.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as e:
        raise ConfigError(f"the kind of inputs {name!r} cannot be imported: {e}") from None
    if not (isinstance(kind, type) and issubclass(kind, InputKind)):
        raise ConfigError(f"{name!r} is no kind of inputs; one is a subclass of InputKind")
    return kind


@cache
def shipped_kinds() -> tuple[type[InputKind], ...]:
    """The kinds that come with lepton, each a module of this package."""
    modules = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    return tuple(input_kind(name) for name in modules if name not in OTHER_MODULES)


def kinds_in(spec: DataSpec) -> list[type[InputKind]]:
    """The kinds of inputs that a spec describes.

    Raises: ConfigError, as `input_kind`.
    """
    of_others = [input_kind(fields[KIND_KEY]) for fields in spec.inputs.values()]
    shipped = [kind for kind in shipped_kinds() if kind not in of_others]
    return [*(kind for kind in shipped if kind.describes(spec)), *of_others]


def kind_name(kind: type[InputKind]) -> str:
    """The dotted name of a kind's class."""
    return f"{kind.__module__}.{kind.__qualname__}"
