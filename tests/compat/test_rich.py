"""Rich turns every string into text by `render_str`, which lepton's console overrides."""

import io

import pytest
from rich.console import Console
from rich.progress import BarColumn, Progress
from rich.table import Table

from lepton.compat.rich import PlainColumn, PlainConsole

HOSTILE = ("[/red]", "[bold]x[/bold]", ":smile:", "a\x1b[2Jb", "[link=http://x]y[/link]", "[/x]/r")


def shown(renderable, console=PlainConsole):
    out = io.StringIO()
    console(file=out, width=60).print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_string_is_shown_as_it_is(text):
    escaped = text.replace("\x1b", r"\x1b")
    table = Table(text, title=text, box=None)
    table.add_row(text)
    assert shown(text) == f"{escaped}\n"
    assert shown(table).count(escaped) == 3


def test_richs_own_console_would_read_it():
    assert shown("[bold]x[/bold]", Console) == "x\n"
    assert "\x1b" in shown("a\x1b[2Jb", Console)


@pytest.mark.parametrize(("width", "parts"), [(60, 3), (80, 2), (100, 1)])
def test_a_table_that_is_too_wide_is_shown_in_parts_whose_words_are_whole(width, parts):
    titles = ["finetune", "dataset.shots", "test auroc [95 %]", "test ks", "minus first row [95 %]"]
    rows = [
        [name, "64", f"0.78{i} [0.7672, 0.7930]", "0.4990 ± 0.0200", f"+0.{i} [-0.0042, +0.0129]"]
        for i, name in enumerate(["lora", "head"])
    ]
    table = Table(*titles[:2], box=None)
    for title in titles[2:]:
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    out = io.StringIO()
    PlainConsole(file=out, width=width).print(table)
    lines = out.getvalue().splitlines()
    assert "…" not in out.getvalue()
    assert max(map(len, lines)) <= width
    for cells in (titles, *rows):
        own = [line for line in lines if line.split()[0] == cells[0]]
        assert len(own) == parts
        assert all(any(cell in line for line in own) for cell in cells)
        assert all(cells[1] in line for line in own)  # what the row is about


def test_a_bar_shows_its_text_as_it_is():
    console = PlainConsole(file=(out := io.StringIO()), width=80, force_terminal=True)
    with Progress(BarColumn(), PlainColumn("{task.description}"), console=console) as bar:
        bar.add_task("[/x] \x1b]0;t\x07")
    assert r"[/x] \x1b]0;t\x07" in out.getvalue()
