"""The template of a project: its files, and those of each kind of option in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "my_project"  # the name that a project takes the place of, in paths and in files
PACKAGE_DIR = Path(__file__).resolve().parent
TEMPLATE_DIR = next(
    folder
    for folder in (PACKAGE_DIR / "project", PACKAGE_DIR.parents[1] / "templates" / "project")
    if folder.is_dir()
)
CACHES = {"__pycache__", ".ruff_cache", ".pytest_cache"}  # of tools that looked at the template


@dataclass(frozen=True)
class Kind:
    """A kind of option: its group, and the option of the template that new ones begin as."""

    group: str
    option: str

    @property
    def files(self) -> list[str]:
        """The option's YAML, its module where it has one, and its test."""
        names = (
            f"conf/{self.group}/{self.option}.yaml",
            f"{PACKAGE}/{self.option}.py",
            f"tests/test_{self.option}.py",
        )
        return [name for name in names if (TEMPLATE_DIR / name).is_file()]


KINDS = {
    "model": Kind("model", "wide"),
    "module": Kind("model", "perceptron"),
    "dataset": Kind("dataset", "rings"),
    "method": Kind("augmentation", "input_noise"),
    "loss": Kind("loss", "probability_error"),
    "metric": Kind("metric", "top_share"),
    "callback": Kind("callbacks", "gradient_norm"),
    "evaluation": Kind("evaluation", "noisy_inputs"),
    "ensemble": Kind("ensemble", "best_member"),
    "experiment": Kind("experiment", "rings_baseline"),
}


def template_files() -> list[str]:
    """The paths of all files of a project, below its folder."""
    paths = (path.relative_to(TEMPLATE_DIR) for path in TEMPLATE_DIR.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if not CACHES & {*path.parts})


def filled(names: list[str], words: Mapping[str, str]) -> dict[str, str]:
    """The files of the template by their new paths, with other words in paths and texts."""
    return {
        replaced(name, words): replaced((TEMPLATE_DIR / name).read_text(encoding="utf-8"), words)
        for name in names
    }


def option_words(kind: Kind, name: str) -> dict[str, str]:
    """What stands for the option of the template in a new one: its name, and that of its class."""
    return {kind.option: name, class_name(kind.option): class_name(name)}


def class_name(name: str) -> str:
    """The name of a class by that of its module.

    >>> class_name("input_noise")
    'InputNoise'
    """
    return "".join(part.capitalize() for part in name.split("_"))


def replaced(text: str, words: Mapping[str, str]) -> str:
    """The text with these words replaced, alone or after `test_` and `Test`, all at once.

    >>> replaced("class TestWide: wide, widest, test_wide", {"wide": "deep", "Wide": "Deep"})
    'class TestDeep: deep, widest, test_deep'
    """
    either = "|".join(map(re.escape, words))
    pattern = rf"\b(test_|Test)?({either})\b"
    return re.sub(pattern, lambda match: (match[1] or "") + words[match[2]], text)
