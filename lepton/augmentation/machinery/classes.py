"""Checks that rows are of classes."""

from lepton.errors import ConfigError
from lepton.spec import DataSpec


def require_classes(option: str, spec: DataSpec) -> None:
    """Raises: ConfigError for a target of which not each row has one of several classes."""
    if spec.task not in ("binary", "multiclass"):
        raise ConfigError(
            f"augmentation.{option}, task: a {spec.task} target has no classes of which each row "
            "has one; leave it out"
        )
