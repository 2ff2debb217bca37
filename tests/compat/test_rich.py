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


def test_a_bar_shows_its_text_as_it_is():
    console = PlainConsole(file=(out := io.StringIO()), width=80, force_terminal=True)
    with Progress(BarColumn(), PlainColumn("{task.description}"), console=console) as bar:
        bar.add_task("[/x] \x1b]0;t\x07")
    assert r"[/x] \x1b]0;t\x07" in out.getvalue()
