#!/usr/bin/env python3
"""Runs the notebooks of docs/notebooks in empty folders, and keeps what they print as text.

usage: python scripts/run_notebooks.py [NAME ...]

It needs the extra `dev`. Pictures, progress and the times of cells are not kept.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def executed(path: Path, folder: Path) -> nbformat.NotebookNode:
    """The notebook after it was run in a folder, with the lepton of this checkout."""
    notebook = nbformat.read(path, as_version=4)
    there = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook, kernel_name="python3", timeout=300, startup_timeout=300, resources=there
    )
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
    return notebook


def texts(cell: nbformat.NotebookNode) -> str:
    """What a cell printed and what it ended with, as text."""
    printed = [output["text"] for output in cell["outputs"] if output.get("name") == "stdout"]
    ends = [
        output["data"]["text/plain"]
        for output in cell["outputs"]
        if output["output_type"] == "execute_result"
    ]
    return "\n".join(part.rstrip("\n") for part in printed + ends)


def keep_texts(notebook: nbformat.NotebookNode) -> None:
    """Leaves of a notebook that was run its text alone."""
    notebook["metadata"] = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["execution_count"], text = None, texts(cell)
            stream = nbformat.v4.new_output("stream", name="stdout", text=text + "\n")
            cell["outputs"] = [stream] if text else []


if __name__ == "__main__":
    for path in NOTEBOOKS:
        if sys.argv[1:] and path.stem not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(path, Path(folder))
        keep_texts(notebook)
        nbformat.write(notebook, path)
        print(path.relative_to(ROOT))
