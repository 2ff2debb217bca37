"""Whose code may be left out of a step that is replayed: only of classes that say so themselves."""

from torch import nn

from lepton.compat.torch import forward_hooks
from lepton.method import Method, overrides

HOOKS_IN_STEP = ("on_batch", "loss", "penalty", "perturbation")


def is_replayable(owner: object) -> bool:
    """True where an object's Python does the same tensor operations in every step.

    That is of torch's layers, of methods without hooks in the step, and of classes that say
    `replayable = True`, as hooks on layers may; what a base class says counts for no other.
    """
    cls = type(owner)
    if isinstance(owner, nn.Module) and not all(_says_so(type(h)) for h in forward_hooks(owner)):
        return False
    if isinstance(owner, nn.Module) and cls.__module__.partition(".")[0] == "torch":
        return True
    if isinstance(owner, Method) and not any(overrides(cls, hook) for hook in HOOKS_IN_STEP):
        return True
    return _says_so(cls)


def _says_so(cls: type) -> bool:
    return vars(cls).get("replayable") is True
