"""Composes and checks the config of `lepton publish`, from `key=value` words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lepton.config.chosen_options import option_label
from lepton.config.node_checks import key_problems, target_problems, typed_keys
from lepton.config.options import CONF_DIR
from lepton.config.root_config import compose_root
from lepton.config.words import value_text
from lepton.errors import ConfigError
from lepton.groups import GROUPS

GROUP, TO = "logger", "to"
KEYS = {TO: "dict | None", "report": "bool"}
PLACE = ("study", "runs")  # keys of a training that options of the group refer to


def compose_publishing(overrides: Sequence[str], study: Path) -> dict[str, Any]:
    """The config that the words of `lepton publish` mean for the runs of a study's folder.

    Raises: ConfigError with every mistake, one line each.
    """
    if own := [word for word in overrides if word.lstrip("+").partition("=")[0] in PLACE]:
        raise ConfigError(*(f"{word}: lepton publish takes it from the runs" for word in own))
    values = zip(PLACE, (study.name, str(study.parent)), strict=True)
    if "${" in str(study):
        raise ConfigError(f"{study}: a config would read ${{ in it as a key; rename the folder")
    words = [*overrides, *(f"{key}={value_text(value)}" for key, value in values)]
    keys = {**KEYS, **dict.fromkeys(PLACE, "str")}
    config, _ = compose_root(CONF_DIR / "publish.yaml", words, groups={TO: GROUP}, keys=keys)
    problems = key_problems("", config, typed_keys(keys), "lepton publish")
    nodes = config[TO] if isinstance(config[TO], dict) else {}
    for name, node in nodes.items():
        supplied, option = GROUPS[GROUP].supplied, option_label({}, f"{TO}.{name}")
        problems += target_problems(f"{TO}.{name}", node, supplied, option, group=GROUP)
    if not problems and not nodes:
        problems.append(f"{TO}: say which tracker, as {TO}=mlflow; lepton list {GROUP}")
    if problems:
        raise ConfigError(*problems)
    return config
