"""Composes and checks the config of `lepton show`, from `key=value` words."""

from collections.abc import Sequence
from typing import Any

from lepton.config.check import check, group_problems
from lepton.config.compose import compose_unchecked
from lepton.config.constraints import missing_files, number_problems
from lepton.config.input_kinds import models_that_read, provided_kinds, read_kinds, use_problems
from lepton.config.names_as_text import with_names_as_text
from lepton.config.node_checks import key_problems, resolved_config, typed_keys
from lepton.config.options import CONF_DIR
from lepton.config.root_config import compose_root, span_problems
from lepton.errors import ConfigError
from lepton.groups import TRAINING_GROUPS

GROUPS_SHOWN = ("dataset", "preprocessing", "task")
SPANS = {"samples": (1, 100), "classes": (1, 1000), "columns": (1, 2000), "rows": (1, 10_000_000)}
OF_AUGMENTATION = ("augmentation", "model", "seed")  # words that say of which training it is
OF_TRAINING = {"batch_size": 1, "seed": 0, "init_from": None}  # which what is shown does not heed


def training_words(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words that say what is shown, and where an augmentation is asked for all those of the
    training that it is shown of; no others."""
    is_of_training = [_key(word) in OF_AUGMENTATION for word in overrides]
    shown = [word for word, of in zip(overrides, is_of_training, strict=True) if not of]
    if not any(_key(word) == "augmentation" for word in overrides):
        return [*overrides], []
    return shown, [word for word in overrides if _key(word) not in SPANS]


def compose_training(words: Sequence[str], shown: dict[str, Any]) -> dict[str, Any]:
    """The checked config of a training with these words; of a model that reads the data where they
    name none.

    Raises: ConfigError with every mistake, one line each.
    """
    words, kinds = [*words, "trainer=cpu"], provided_kinds(shown)
    composed = compose_unchecked(*words)
    if not any(_key(word) == "model" for word in words) and len(kinds) == 1:
        read = [kind.name for kind in read_kinds(resolved_config(composed))]
        names = [] if kinds[0].name in read else models_that_read(kinds[0])
        composed = compose_unchecked(*words, f"model={names[0]}") if names else composed
    return check(composed)


def _key(word: str) -> str:
    """The group or the first key that a word sets."""
    return word.lstrip("+").partition("=")[0].partition(".")[0]


def compose_show(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that the words of `lepton show` mean, as plain values.

    It has what data are built from; groups of a training that are not asked for are empty.

    Raises: ConfigError with every mistake, one line each.
    """
    types = {**dict.fromkeys(GROUPS_SHOWN, "dict"), **dict.fromkeys(SPANS, "int")}
    groups = {name: name for name in GROUPS_SHOWN}
    config, choices = compose_root(CONF_DIR / "show.yaml", overrides, groups=groups, keys=types)
    problems = key_problems("", config, typed_keys(types), "lepton show")
    config = {name: {} for name in TRAINING_GROUPS} | OF_TRAINING | config
    config = with_names_as_text({**config, "choices": choices, "overrides": list(overrides)})
    problems += [line for name in GROUPS_SHOWN for line in group_problems(config, name)]
    problems += span_problems(config, SPANS)
    if not problems:
        problems = number_problems(config) + use_problems(config) + missing_files(config)
    if problems:
        raise ConfigError(*dict.fromkeys(problems))
    return config
