"""Text from outside is shown as text: no markup, no escapes, no formulas."""

import ast
import logging
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

import lepton
from lepton.foreign_text import PlainFormatter, printable, say, spreadsheet_safe

ROOT = Path(lepton.__file__).parent
OBEYED = ("Cc", "Cs", "Zl", "Zp")  # categories of Unicode: controls, surrogates, ends of lines
HOSTILE = "a\x1b]0;title\x07[/red]\r\x9b2Jb\u202ec"


@pytest.mark.parametrize("category", OBEYED)
def test_no_character_that_is_obeyed_stays(category):
    characters = [chr(i) for i in range(0x110000) if unicodedata.category(chr(i)) == category]
    for c in characters:
        assert c in "\n\t" or printable(c) != c
        assert printable(c).encode("utf-8").decode("unicode_escape") == c


def test_characters_that_are_read_stay():
    text = "Straße [b] {x} 50 % naïve 漢字 👩\u200d🔬 $a_b$ \\n"
    assert printable(text) == text


def test_the_direction_of_reading_cannot_be_turned():
    turning = [
        chr(i)
        for i in range(0x10000)
        if unicodedata.bidirectional(chr(i))
        in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    ]
    assert len(turning) == 9
    assert all(printable(c).isascii() for c in turning)


def test_a_line_can_be_kept_to_one():
    assert printable("a\nb", one_line=True) == r"a\nb"


def test_what_is_said_and_logged_holds_no_escape(capsys):
    say(HOSTILE)
    record = logging.LogRecord("lepton", 20, "", 0, "%s", (HOSTILE,), None)
    shown = r"a\x1b]0;title\x07[/red]\r\x9b2Jb\u202ec"
    assert capsys.readouterr().out == f"{shown}\n"
    assert PlainFormatter("%(message)s").format(record) == shown


def test_a_text_that_a_spreadsheet_would_compute_gets_a_mark_and_numbers_do_not():
    formulas = ["=1+1", "+A1", "-A1", "@SUM(A1)", "\tx", "a=b", "-5", "+1e3", None]
    frame = pd.DataFrame({"=x": formulas, "score": [-1.5] * 9, "mixed": [-2, *"=bcdefgh"]})
    safe = spreadsheet_safe(frame)
    assert [*safe.columns] == ["'=x", "score", "mixed"]
    assert [*safe["'=x"]][:8] == ["'=1+1", "'+A1", "'-A1", "'@SUM(A1)", "'\tx", *formulas[5:8]]
    assert pd.isna(safe["'=x"].iloc[8])
    assert [*safe["score"]] == [-1.5] * 9
    assert [*safe["mixed"]] == [-2, "'=", *"bcdefgh"]
    assert frame["=x"][0] == "=1+1"


def test_categories_and_columns_of_one_name_are_made_safe_too():
    frame = pd.DataFrame([["=a", "=b"], ["c", "d"]], columns=["x", "x"])
    frame = pd.concat([frame, pd.Series(["=e", "f"], dtype="category", name="y")], axis=1)
    assert spreadsheet_safe(frame).iloc[0].tolist() == ["'=a", "'=b", "'=e"]


def test_nothing_in_lepton_prints_in_another_way():
    """Prints, consoles and formats of logs stand in one place each, which escapes."""
    other_ways = []
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in ("print", "Console", "logging.Formatter", "traceback.print_exception"):
                    other_ways.append(f"{path.relative_to(ROOT)}: {name}")
                if name.endswith(".to_csv") and "spreadsheet_safe" not in name:
                    other_ways.append(f"{path.relative_to(ROOT)}: {name}")
    assert other_ways == ["foreign_text.py: print"]
