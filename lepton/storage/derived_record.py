"""What the config of a derived run says of how it was made: by which command, of which runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lepton.errors import LeptonError

DERIVED_KEY = "derived"  # of the config of a run that a command made of other runs
EARLIER = {  # commands whose runs of 0.1 have a node of the command's name alone; their classes
    "ensemble": "lepton.ensemble.derivation.Ensemble",
}
REFERENCE_KEYS = ("run", "path", "digest")  # that tell an input, and where it lies from the folder


@dataclass(frozen=True)
class DerivedRecord:
    """How a run was made: by a command with these settings, of these runs.

    `settings` name in `_target_` the class that made it. Each of `inputs` has REFERENCE_KEYS.
    """

    command: str
    settings: dict[str, Any]
    inputs: list[dict[str, Any]]

    @property
    def shown_settings(self) -> dict[str, Any]:
        """The settings that tables show where trained runs have the values of their model.

        An option's values stand beside the others, and a seed in its own column.
        """
        shown = {}
        for key, value in self.settings.items():
            if isinstance(value, dict) and "_target_" in value:
                shown |= value
            elif key != "seed":
                shown[key] = value
        return shown


def read_record(config: dict[str, Any], folder: Path | None = None) -> DerivedRecord | None:
    """How the run of a stored config was made of others; None for one that was trained.

    Raises: LeptonError that names the folder, for a config that does not say all of it.
    """
    try:
        if (node := config.get(DERIVED_KEY)) is not None:
            return _checked(node["command"], node["settings"], node["inputs"])
        for command, target in EARLIER.items():
            if own := config.get(command):
                values = {key: v for key, v in own.items() if key not in ("kind", "members")}
                return _checked(command, {"_target_": target, **values}, own["members"])
    except (KeyError, TypeError, AttributeError) as e:
        place = "config" if folder is None else folder
        raise LeptonError(f"{place}: does not say how it was made of other runs ({e})") from None
    return None


def _checked(command: str, settings: dict[str, Any], inputs: list[Any]) -> DerivedRecord:
    """Raises: KeyError, TypeError for what is no record."""
    for reference in inputs:
        _ = [reference[key] for key in REFERENCE_KEYS]
    if not isinstance(command, str) or not isinstance(settings["_target_"], str):
        raise TypeError("command")
    return DerivedRecord(command, settings, inputs)


def training_config(config: dict[str, Any]) -> dict[str, Any]:
    """The config without what the command noted that made the run of others: as for training."""
    if (record := read_record(config)) is None:
        return config
    values = {k: v for k, v in config.items() if k not in (DERIVED_KEY, record.command)}
    if "revisions" in values:
        own = own_revisions(config, record.command)
        values["revisions"] = {k: v for k, v in values["revisions"].items() if k not in own}
    choices = config.get("choices", {})
    return values | {"choices": {k: v for k, v in choices.items() if k != record.command}}


def own_revisions(config: dict[str, Any], command: str) -> dict[str, int]:
    """The revisions with which a command made a run: its own, its options' by COMMAND.KEY."""
    revisions = config.get("revisions", {})
    return {path: n for path, n in revisions.items() if path.partition(".")[0] == command}
