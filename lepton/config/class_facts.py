"""What classes of options say of themselves in constants, read from source; for those of other
packages, which say nothing, a table does."""

from typing import Any

from lepton.config.lineage import UNREAD, class_names
from lepton.config.signature import TargetError, read_signature
from lepton.optimizer.said_for_others import SAID_FOR_OTHERS


def class_fact(node: dict[str, Any], name: str) -> Any:
    """What the class of a node, or the nearest of its bases, says under a name; None: nothing."""
    for origin in class_names(node.get("_target_")):
        said = _said_for(origin) or _own_constants(origin)
        if name in said:
            return said[name]
    return None


def _said_for(name: str) -> dict[str, Any]:
    """What the table says of a class."""
    entries = (
        said
        for known, said in SAID_FOR_OTHERS.items()
        if name == known or (known.endswith(".") and name.startswith(known))
    )
    return next(entries, {})


def _own_constants(name: str) -> dict[str, Any]:
    """The literals that the body of a class sets."""
    if not name or name.startswith(UNREAD):
        return {}
    try:
        return read_signature(name).constants
    except TargetError:  # a base without Python source
        return {}
