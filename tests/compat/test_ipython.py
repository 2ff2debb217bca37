"""IPython says what shows a cell, replaces what it showed, and draws what a type is told to."""

import sys
from functools import partial

import matplotlib
import pytest
from matplotlib.figure import Figure

from lepton.compat import ipython


@pytest.fixture
def moved(canary):
    return partial(canary, "ipython")


@pytest.fixture
def shell(monkeypatch):
    """A shell of a terminal's kind, as `get_ipython` gives it, taken away afterwards."""
    import IPython
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setattr(sys, "ps1", "", raising=False)  # which a shell sets, as in a console
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    yield shell
    InteractiveShell.clear_instance()


@pytest.mark.slow
def test_a_kernels_shell_has_a_kernel_and_that_of_a_terminal_has_none(shell, moved):
    with moved("the trait `kernel` of ipykernel's shell"):
        from ipykernel.zmqshell import ZMQInteractiveShell
        from IPython.terminal.interactiveshell import TerminalInteractiveShell

        assert hasattr(ZMQInteractiveShell, "kernel")
        assert not hasattr(TerminalInteractiveShell, "kernel")
        assert not ipython.in_notebook()


def test_what_is_shown_can_be_replaced(shell, moved, capsys):
    with moved("IPython.display.display with display_id"):
        handle = ipython.show_replaceable("first")
        handle.update("second")
        assert capsys.readouterr().out.split() == ["'first'", "'second'"]


def test_figures_are_shown_as_pictures_from_then_on(shell, moved):
    matplotlib.use("agg")
    with moved("the shell's display_formatter and its formatters by kind"):
        ipython.show_figures()
        content, _ = shell.display_formatter.format(Figure(figsize=(1, 1)))
        assert content["image/png"].startswith(b"\x89PNG")
