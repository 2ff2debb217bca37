"""What lepton advises to type can be typed: names of data are keys, commands are parsed."""

import ast
import functools
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton import __file__ as lepton_file
from lepton import compose
from lepton.cli import COMMANDS
from lepton.commands.flags import parse_arguments
from lepton.config.commands import command_roots
from lepton.config.options import find_options
from lepton.config.overrides import parse_overrides
from lepton.config.words import shell_word, typed
from lepton.dataset.clean.column_kinds import infer_kinds
from lepton.dataset.read.csv_layout import find_layout
from lepton.errors import DataError

NAMES = [
    *("customer id", "a.b", "größe", "5", "2024-01", "it's", 'say "x"', '"quoted"', "'single'"),
    *("a=b", "a,b", "{a}", "[a]", "$HOME", "${a}", "`x`", "a\\b", "a\\", "~x", "+x", "a:b", "#c"),
    *("x!", "null", "true", "-m", "漢字", "a\tb", "a\nb", "a\x1bb", "a\u202eb", "$20$", "a@b", "'"),
    *("*", "a/b", "a;b", " a", "a ", "(a)", "a&b", "a|b", "%s", "\U0001f600", "a\u2028b", '"'),
    "\\'",
]


def as_a_shell_reads(text: str) -> list[str]:
    """The words that a shell makes of a line."""
    line = f"printf '%s\\0' {text}"
    return subprocess.check_output(["bash", "-c", line]).decode().split("\0")[:-1]


def test_the_advice_for_a_column_is_read_as_that_column():
    values = [f"k{i}" for i in range(40)]
    frame = pd.DataFrame(dict.fromkeys(NAMES, values))
    _, notes = infer_kinds(frame, {}, min_identifier_values=20)
    advice = [re.search(r"ignored; (.*) keeps it", str(note), re.DOTALL)[1] for note in notes]
    words = as_a_shell_reads(" ".join(advice))
    assert len(words) == len(NAMES)
    cfg = compose("dataset=csv", "dataset.path=x.csv", "dataset.target=y", *words)
    assert dict(cfg.dataset.columns) == dict.fromkeys(NAMES, "categorical")
    assert [*cfg.overrides][3:] == words


def test_quotes_around_a_name_are_none_of_it_and_a_sweep_takes_names_too(lepton):
    words = ["dataset=csv", "dataset.path=x.csv", "dataset.target=y", "model=linear"]
    code, out, _ = lepton(
        "check", "-m", *words, 'dataset.columns."customer id"=numeric,categorical'
    )
    assert code == 0
    assert "dataset.columns.customer id=numeric" in out
    assert "dataset.columns.customer id=categorical" in out


@pytest.fixture(autouse=True)
def table(here):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"customer id": range(60), "a": rng.normal(size=60), "y": [0, 1] * 30})
    frame.to_csv(here / "x.csv", index=False)


VALUES = (",", ";", "\t", "a b", "null", "1e3", "a\\", 'a"b', "it's", "", "ü", None)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_read_as_it_was(value):
    (word,) = as_a_shell_reads(typed("dataset.separator", value))
    cfg = compose("dataset=csv", "dataset.path=x.csv", "dataset.target=y", word)
    assert cfg.dataset.separator == value


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_the_advice_for_a_separator_is_read_as_that_separator(separator):
    line = separator.join(["a", "b", "c"]) + "\n"
    with pytest.raises(DataError, match="set ") as error:
        find_layout("x.csv", line * 3, ",", '"')
    (word,) = as_a_shell_reads(str(error.value).partition("; set ")[2])
    cfg = compose("dataset=csv", "dataset.path=x.csv", "dataset.target=y", word)
    assert cfg.dataset.separator == separator


def test_a_word_of_a_shell_is_one_word():
    words = [name for name in NAMES if "\0" not in name]
    assert as_a_shell_reads(" ".join(map(shell_word, words))) == words


@functools.cache
def texts_of_the_source():
    """Every text of lepton's source that is no docstring, with x for what is put into it."""
    return [*_texts_of_the_source()]


def _texts_of_the_source():
    for path in sorted(Path(lepton_file).parent.rglob("*.py")):
        tree = ast.parse(path.read_text())
        inside = {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in n.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if id(node) not in inside:
                    yield path.name, node.value
            elif isinstance(node, ast.JoinedStr):
                yield (
                    path.name,
                    "".join(
                        str(v.value) if isinstance(v, ast.Constant) else "x" for v in node.values
                    ),
                )


GROUPS = {group.partition("/")[0] for group in find_options()} - {"hydra"}
ROOTS = "|".join([*sorted(GROUPS), "seed", "rerun", "study", "runs"])
VALUE = r"""(?:'[^']*'|"[^"]*"|[^ ;)'"]+)'?"""
ADVICE = re.compile(rf"(?:^|[ (;])(-m )?('?(?:{ROOTS})(?:\.[a-z_]+)*={VALUE})(?:[ ;,.)]|$)")
COMMAND = re.compile(r"`lepton ([^`]+)`")


def test_every_key_and_value_that_is_advised_can_be_read_as_it_stands():
    unreadable, count = [], 0
    others = {*COMMANDS, *command_roots()} - {"train", "check"}  # with keys that train has not
    own_keys = re.compile(rf"lepton ({'|'.join(others)}) .*")
    for name, text in texts_of_the_source():
        for _, word in ADVICE.findall(own_keys.sub("", text)):
            word = word.rstrip(",.:")
            if re.search(r"=(NAME|A,B|OPTION|x$|$|\[A|range\(x|.*\.\.\.)|x=|^[a-z]+=[a-z]+=", word):
                continue
            count += 1
            try:
                parse_overrides(shlex.split(word.replace("(x", "(1")), sweep=True)
            except Exception as e:
                unreadable.append(f"{name}: {word}: {e}")
    assert count > 40
    assert not unreadable, "\n".join(unreadable)


def test_a_range_that_is_advised_comes_with_the_flag_of_sweeps():
    lacking = [
        (name, text)
        for name, text in texts_of_the_source()
        if re.search(r"='range\(", text) and not re.search(r"-m\b.*='range\(", text)
    ]
    assert not lacking


def test_every_command_that_is_named_is_one():
    commands = [c for _, text in texts_of_the_source() for c in COMMAND.findall(text)]
    assert len(commands) > 8
    for command in commands:
        name, *words = shlex.split(re.split(r" [\[A-Z]", command)[0])
        if name in ("NAME", "x"):
            continue
        assert name in (*COMMANDS, *command_roots()), command
        if name in ("train", "check"):
            parse_overrides(parse_arguments(words).overrides, sweep=True)
        elif name == "list" and words and words[0] != "x":
            assert words[0] in find_options(), command
