"""What torchmetrics would import by the way stays away, and is there for whoever asks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("transformers", reason="nothing to leave out without transformers")


def python(code):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_torchmetrics_is_imported_without_transformers():
    code = (
        "import lepton, torchmetrics, pytorch_lightning, sys; print('transformers' in sys.modules)"
    )
    assert python(code) == ["False"]


@pytest.mark.slow
def test_the_metric_that_wants_transformers_still_finds_it():
    code = """
import lepton, torchmetrics.functional.text.bert as bert, sys
print(bert.AutoTokenizer.from_pretrained.__self__.__name__)
print(type(sys.modules["transformers"]).__name__)
from transformers import AutoModel
print(AutoModel.__module__)"""
    name, kind, module = python(code)
    assert (name, module) == ("AutoTokenizer", "transformers.models.auto.modeling_auto")
    assert kind != "Names"


@pytest.mark.slow
def test_transformers_that_is_there_already_is_used_as_it_is():
    code = """
import transformers, lepton, torchmetrics.functional.text.bert as bert
print(bert.AutoModel is transformers.AutoModel)"""
    assert python(code) == ["True"]
