"""Values of a data set that are texts whatever they look like: names of columns, classes, cells."""

import pickle
from collections.abc import Mapping
from typing import Any, TypeAlias

from lepton.config.annotations import accepts
from lepton.config.data_identity import NAME_KEY
from lepton.config.signature import Parameter, TargetError, read_signature

Memory: TypeAlias = dict[tuple[str, ...], Any]


def with_names_as_text(config: dict[str, Any], memory: Memory | None = None) -> dict[str, Any]:
    """The config with a data set's numbers as texts where it takes texts and no numbers.

    So a column that is called 7 is named as it is: `dataset.target=7`.
    """
    node = config.get("dataset")
    if not isinstance(node, dict) or "_target_" not in node:
        return config
    target = str(node["_target_"])
    try:
        parameters = read_signature(target).parameters
    except TargetError:
        return config
    words = _words_of(config.get("overrides"))
    memory = {} if memory is None else memory
    key = target, repr(node), repr(words)
    if key not in memory:
        memory[key] = pickle.dumps(_named(node, words, parameters))
    return {**config, "dataset": {**node, **pickle.loads(memory[key])}}


def _named(
    node: dict[str, Any], words: dict[str, str], parameters: Mapping[str, Parameter]
) -> dict[str, Any]:
    named = {}
    for key, value in node.items():
        annotation = parameters[key].annotation if key in parameters else None
        text = _as_text(value, words.get(key))
        takes_it = annotation is not None and accepts(annotation, text)
        if isinstance(value, dict) and not accepts(annotation, value):
            takes_it = False
        if isinstance(value, dict) or (takes_it and not accepts(annotation, value)):
            named[key] = text
    if NAME_KEY not in parameters and not isinstance(name := node.get(NAME_KEY), bool):
        named |= {NAME_KEY: _as_text(name, words.get(NAME_KEY))} if name is not None else {}
    return named


def _as_text(value: Any, word: str | None = None) -> Any:
    """A number as it was written, where that is known; so too in a list, and as a key."""
    if isinstance(value, dict):
        return {_as_text(key): item for key, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return word if word is not None and _is_number(word, value) else str(value)


def _is_number(word: str, value: float) -> bool:
    try:
        return float(word) == value
    except ValueError:
        return False


def _words_of(overrides: Any) -> dict[str, str]:
    """The values of a data set's keys as they were typed."""
    pairs = [str(text).lstrip("+").partition("=") for text in overrides or ()]
    return {
        key.removeprefix("dataset."): word for key, _, word in pairs if key.startswith("dataset.")
    }
