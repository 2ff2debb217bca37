"""The config of one part of a training: its own learning rate and length."""

from typing import Any


def part_config(
    config: dict[str, Any], *, lr: float | None, epochs: int | None, is_head_alone: bool
) -> dict[str, Any]:
    """The config of a part, on one device; a head alone needs no half precision. None: as the run.

    Of several processes, those that start with a later part read the end of this one from the
    first one's checkpoint.
    """
    trainer: dict[str, Any] = {"devices": 1, "strategy": "auto"}
    if epochs is not None:
        trainer["max_epochs"] = epochs
    if is_head_alone and config["trainer"]["precision"] == "auto":
        trainer["precision"] = "32-true"
    return config | {
        "optimizer": config["optimizer"] | ({} if lr is None else {"lr": lr}),
        "trainer": config["trainer"] | trainer,
    }
