"""Families of bad inputs to lepton; each makes one, with a single mistake, by a generator."""

import ast
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lepton.config.options import find_options
from lepton.config.signature import TargetError, read_signature
from lepton.values.bounds import BOUNDS

TRAIN = ["dataset=wine", "model=linear", "trainer.max_epochs=1"]
TABLE = ["dataset=csv", "dataset.path=t.csv", "dataset.target=y", "model=linear"]
TEXTS = ["dataset=text_csv", "dataset.path=t.csv", "dataset.text=t", "model=tfidf_linear"]
MISTAKES: dict[str, list[str]] = yaml.safe_load(
    (Path(__file__).parent / "mistakes.yaml").read_text()
)  # by family, the words of each; WORD is one that means nothing
MOST_TRIES = 50  # at an input that there has not been yet
OUTSIDE = {  # values outside of bounds
    "AtLeast1": ("0", "-1", "1.5", "-9999999"),
    "AtLeast0": ("-1", "0.5"),
    "Above0": ("0", "-1e-9", "-3"),
    "NotBelow0": ("-1e-9", "-3"),
    "Between0And1": ("0", "1", "-0.1", "7"),
    "From0To1": ("-0.1", "1.1"),
    "From0Below1": ("1", "-0.1", "2"),
    "Above0To1": ("0", "1.1"),
    "From0To100": ("-0.1", "100.5"),
}
WRONG_TYPES = {
    "int": ("x", "[1]", "1.5"),
    "float": ("x", "[1]"),
    "bool": ("x", "3"),
    "str": ("3", "[]"),
}


@dataclass
class BadInput:
    """The words of a command, and the files that lie there with the content of each."""

    words: list[str]
    files: dict[str, bytes] = field(default_factory=dict)


def _word(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(4, 9))) + "q"


def _verb(rng: random.Random) -> list[str]:
    return rng.choice((["train"], ["check"], ["train", "-m"], ["check", "-m"]))


def _rows(rng: random.Random, rows: int = 60) -> list[list[str]]:
    return [[f"{rng.gauss(0, 1):.3f}", rng.choice("uvw"), str(i % 2)] for i in range(rows)]


def _csv(rows: list[list[str]], head: str = "a,b,y") -> bytes:
    return "\n".join([head, *(",".join(row) for row in rows), ""]).encode()


def _table(rng: random.Random) -> dict[str, bytes]:
    return {"t.csv": _csv(_rows(rng))}


def unknown_key(rng: random.Random) -> BadInput:
    """A key that nothing has: of the root, of an option, of one inside a list of options."""
    key = rng.choice(("{}", "model.{}", "optimizer.{}", "trainer.{}", "task.{}", "dataset.{}.z"))
    return BadInput(
        [*_verb(rng), *TRAIN, f"{key.format(_word(rng))}={rng.choice(('1', 'x', '[]'))}"]
    )


def unknown_option(rng: random.Random) -> BadInput:
    """An option that a group has not."""
    group = rng.choice([name for name in find_options() if name != "model"])
    if group in ("ensemble",):
        return BadInput(["ensemble", "runs=there", f"method={_word(rng)}"])
    words = [word for word in TRAIN if not word.startswith(f"{group}=")]
    verb = ["check", "-m"] if group.startswith("hydra") else _verb(rng)
    return BadInput([*verb, *words, f"{group}={_word(rng)}"])


def _numbers_of_options() -> list[tuple[str, str, str, str]]:
    """Group, option, key and the name of the bounds of each number that has some."""
    found = []
    for group, options in find_options().items():
        for option, path in options.items():
            node = yaml.safe_load(path.read_text()) or {}
            if "???" in str(node):  # which would be a second mistake
                continue
            if not isinstance(node, dict) or group.startswith(("ensemble", "search", "hydra")):
                continue
            inside = node.get(option) if "_target_" not in node else node
            prefix = group if inside is node else f"{group}.{option}"
            if not isinstance(inside, dict) or "_target_" not in inside:
                continue
            try:
                parameters = read_signature(inside["_target_"]).parameters
            except TargetError:
                continue
            for key in inside:
                annotation = parameters[key].annotation if key in parameters else None
                if isinstance(annotation, ast.Name):
                    found.append((f"{group}={option}", f"{prefix}.{key}", annotation.id, group))
    return found


def _option_words(choice: str, group: str) -> list[str]:
    words = [word for word in TRAIN if not word.startswith(f"{group}=")]
    return [*words, choice]


def out_of_bounds(rng: random.Random) -> BadInput:
    """A number outside of the bounds that its class says."""
    numbers = [n for n in _numbers_of_options() if n[2] in BOUNDS]
    choice, key, bounds, group = rng.choice(numbers)
    value = rng.choice(OUTSIDE[bounds])
    return BadInput([*_verb(rng), *_option_words(choice, group), f"{key}={value}"])


def wrong_type(rng: random.Random) -> BadInput:
    """A value of another type than its key's."""
    values = [n for n in _numbers_of_options() if n[2] in WRONG_TYPES]
    choice, key, kind, group = rng.choice(values)
    value = rng.choice(WRONG_TYPES[kind])
    return BadInput([*_verb(rng), *_option_words(choice, group), f"{key}={value}"])


def refused_number(rng: random.Random) -> BadInput:
    """A number that a strategy, a method, or another package refuses."""
    mistake = rng.choice(MISTAKES["refused_number"])
    return BadInput([rng.choice(("train", "check")), *TRAIN, mistake])


def bad_sweep(rng: random.Random) -> BadInput:
    """A sweep of which one job is wrong, or that is none."""
    mistake = rng.choice(MISTAKES["bad_sweep"])
    words = [word for word in TRAIN if word.partition("=")[0] != mistake.partition("=")[0]]
    return BadInput([rng.choice(("train", "check")), "-m", *words, mistake])


def bad_search(rng: random.Random) -> BadInput:
    """A search whose space or settings are wrong."""
    mistake = rng.choice(MISTAKES["bad_search"])
    return BadInput(["train", "-m", "hydra/sweeper=search", *TRAIN, *mistake.split()])


def bad_table(rng: random.Random) -> BadInput:
    """A file that is no table, or a table that lacks what is asked for."""
    rows = _rows(rng)
    good = _csv(rows)
    content = rng.choice(
        (
            b"",
            b"\n\n\n",
            b"a,b,y\n",
            b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
            good.replace(b"0", b"\xff", 1),
            good.decode().encode("utf-16"),
            good + b"1,2,3,4,5\n",
            good.replace(b"\n", b'\n"', 1),
            _csv(rows, "a,a,y"),
            _csv(rows, "a,b,z"),
            _csv([[a, b, ""] for a, b, _ in rows]),
            _csv([[a, b, "1"] for a, b, _ in rows]),
            _csv([["", "", y] for _, _, y in rows]),
            _csv([["1e300" if i else "1", b, y] for i, (_, b, y) in enumerate(rows)]),
            _csv(rows[:2]),
            b"\x00" * 100,
        )
    )
    return BadInput([rng.choice(("train", "check")), *TABLE], {"t.csv": content})


def bad_table_settings(rng: random.Random) -> BadInput:
    """A table that is right, and a setting that does not fit it."""
    mistake = rng.choice(MISTAKES["bad_table_settings"])
    return BadInput([rng.choice(("train", "check")), *TABLE, *mistake.split()], _table(rng))


def bad_texts(rng: random.Random) -> BadInput:
    """Texts that lack a column, or a setting that does not fit them."""
    mistake = rng.choice(MISTAKES["bad_texts"])
    lines = [f"good film {i} {_word(rng)},{i % 2}" for i in range(60)]
    content = "\n".join(["t,y", *lines, ""]).encode()
    words = [word for word in TEXTS if "model=" not in mistake or not word.startswith("model=")]
    return BadInput([rng.choice(("train", "check")), *words, *mistake.split()], {"t.csv": content})


def bad_experiment(rng: random.Random) -> BadInput:
    """A user's file of conf/ that is no option."""
    name = _word(rng)
    group, text = rng.choice(
        (
            ("experiment", b"seed: 1\n"),
            ("experiment", b"# Notes.\n# @package _global_\nseed: 1\n"),
            ("experiment", b"# @package _global_\nseed: [1\n"),
            ("experiment", b"# @package _global_\n\tseed: 1\n"),
            ("experiment", b"# @package _global_\nnosuch: 1\n"),
            ("experiment", b"# @package _global_\nseed: \xff\n"),
            ("experiment", b"# @package _global_\nseed: x\n"),
            ("experiment", b"# @package _global_\n- 1\n"),
            ("experiment", b"# @package _global_\ndefaults:\n  - override /optimizer: nosuch\n"),
            ("experiment", b"# @package _global_\ndefaults: 3\n"),
            ("experiment", b"# @package _global_\nseed: 1\nseed: 2\n"),
            ("regularization", b"_target_: lepton.regularization.l1.L1\nrate: 0.1\n"),
            ("model", b"_target_: os.system\n"),
            ("model", b"width: 3\n"),
            ("model", b"_target_: nosuch.Net\n"),
            ("model", b"_target_: lepton.model.linear\n"),
            ("optimizer", b"3\n"),
            ("scheduler", b"_target_: torch.optim.Adam\n"),
            ("model", b"_target_: &x [*x]\n"),
        )
    )
    words = [word for word in TRAIN if not word.startswith(f"{group}=")]
    return BadInput(
        [rng.choice(("train", "check")), *words, f"{group}={name}"],
        {f"conf/{group}/{name}.yaml": text},
    )


def bad_command(rng: random.Random) -> BadInput:
    """A command, a flag or a name that there is not."""
    words = rng.choice(MISTAKES["bad_command"]).replace("WORD", _word(rng))
    return BadInput(words.split())


FAMILIES: dict[str, Callable[[random.Random], BadInput]] = {
    function.__name__: function
    for function in (
        unknown_key,
        unknown_option,
        out_of_bounds,
        wrong_type,
        refused_number,
        bad_sweep,
        bad_search,
        bad_table,
        bad_table_settings,
        bad_texts,
        bad_experiment,
        bad_command,
    )
}
ORDER = [*FAMILIES, "bad_command", "bad_table_settings", "refused_number", "bad_command"]


def bad_inputs(count: int, seed: int) -> Iterator[tuple[str, BadInput]]:
    """Yields so many different bad inputs, with the family of each."""
    rng, seen = random.Random(seed), set()
    for number in range(count):
        name = ORDER[number % len(ORDER)]
        for _ in range(MOST_TRIES):
            bad = FAMILIES[name](rng)
            if (key := repr(bad)) not in seen:
                break
        seen.add(key)
        yield name, bad
