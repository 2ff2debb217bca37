"""Progress in notebooks: one output a call that is replaced, by a stand-in and by a real kernel."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from lepton import multirun, train
from lepton.compat.ipython import in_notebook

ROOT = str(Path(__file__).parents[2])
WINE = ("dataset=wine", "model=mlp_small", "trainer.accelerator=cpu")
CELLS = (
    "import lepton\nstudy = lepton.multirun('dataset=wine', 'model=linear', 'seed=0,1,2', "
    "'trainer.max_epochs=3', 'hydra/launcher=parallel', 'hydra.launcher.workers=2')\nstudy",
    "class Cell: pass\nresult = lepton.train('dataset=wine', 'model=mlp_small', "
    "'trainer.max_epochs=3')\nresult",
    "result.plot()",
    "async def later():\n    return lepton.train('dataset=wine', 'trainer.max_epochs=1').run\n"
    "await later()",
    "lepton.train(5)",
)
EXECUTE = """
import json, sys
import nbformat
from nbclient import NotebookClient
cells = [nbformat.v4.new_code_cell(cell) for cell in json.loads(sys.argv[1])]
notebook = nbformat.v4.new_notebook(cells=cells)
NotebookClient(notebook, timeout=300, kernel_name="python3", allow_errors=True).execute()
print("@" + json.dumps([cell.outputs for cell in notebook.cells]))
"""


class Shown:
    """Outputs below a cell, and what each of them was replaced by."""

    def __init__(self):
        self.outputs = []

    def display(self, content, *, display_id):
        assert display_id is True
        self.outputs.append([content])
        shown = self.outputs[-1]
        return types.SimpleNamespace(update=lambda content, raw=False: shown.append(content))


@pytest.fixture
def shown(monkeypatch):
    """What a stand-in for IPython was given to show."""
    shown, ipython = Shown(), types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=None)
    ipython.display = types.ModuleType("IPython.display")
    ipython.display.display = shown.display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    return shown


def test_only_a_process_with_a_kernel_is_a_notebook(shown, monkeypatch):
    assert in_notebook()
    sys.modules["IPython"].get_ipython = lambda: types.SimpleNamespace()  # a shell in a terminal
    assert not in_notebook()
    sys.modules["IPython"].get_ipython = lambda: None  # imported by a script
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


@pytest.mark.slow
def test_a_run_has_one_output_which_is_empty_at_its_end(here, shown, capsys, monkeypatch):
    monkeypatch.setattr("lepton.compat.rich.SECONDS_BETWEEN", 0.0)
    train(*WINE, "trainer.max_epochs=3")
    ((*_, last),) = shown.outputs
    assert last == {"text/html": "", "text/plain": ""}
    assert len(shown.outputs[0]) == 1 + 3 + 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_sweep_has_one_output_which_stays(here, shown, capsys):
    multirun(*WINE, "trainer.max_epochs=1", "seed=0,1", "hydra/launcher=basic")
    (contents,) = shown.outputs
    row = contents[-1].columns[-1]
    assert [str(cell) for cell in row.cells] == ["2/2 done"]
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_nothing_is_shown_where_progress_is_not_wanted(here, shown):
    train(*WINE, "trainer.max_epochs=1", "trainer.progress=false")
    assert shown.outputs == []


@pytest.mark.slow
def test_a_real_kernel_shows_one_output_for_each_call(here):
    pytest.importorskip("nbclient")
    process = subprocess.run(
        [sys.executable, "-c", EXECUTE, json.dumps(CELLS)],
        cwd=here,
        env=os.environ | {"PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
    )
    (line,) = [x for x in process.stdout.splitlines() if x.startswith("@")] or [process.stderr]
    sweep, run, plot, later, mistake = json.loads(line[1:])
    assert [output["output_type"] for output in sweep] == ["display_data", "execute_result"]
    assert "3/3 done" in sweep[0]["data"]["text/plain"]
    assert "<table>" in sweep[1]["data"]["text/html"]
    assert [output["output_type"] for output in run] == ["display_data", "execute_result"]
    assert run[0]["data"]["text/html"] == ""
    assert "<table>" in run[1]["data"]["text/html"]
    assert plot[-1]["data"]["image/png"]
    assert "wine-tabm_small-s0-" in later[-1]["data"]["text/plain"]
    (error,) = mistake
    assert error["traceback"] == [
        "LeptonError: train: 5 is no word; each is a string, as in train('seed=1')"
    ]
