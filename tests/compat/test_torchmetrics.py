"""Canaries for torchmetrics: transformers stays away, and is there for whoever asks."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("transformers", reason="nothing to leave out without transformers")


@pytest.fixture
def moved(canary):
    return partial(canary, "torchmetrics")


def python(code):
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.split()


@pytest.mark.slow  # tests/test_imports.py looks at every command
def test_lepton_and_its_metrics_and_trainer_are_imported_without_transformers(moved):
    code = """
import sys, lepton.run, lepton.launch.vectorized, lepton.metric.scoring
print("torchmetrics.functional.text.bert" in sys.modules, "transformers" in sys.modules)
import torchmetrics, pytorch_lightning
print("transformers" in sys.modules, [type(f).__name__ for f in sys.meta_path])"""
    with moved("torchmetrics.functional.text.bert, which imports transformers"):
        bert, first, later, *finders = python(code)
        assert bert == "True", "torchmetrics does not import the module any more"
        assert first == later == "False", "another module imports transformers"
        assert "_ImporterFinder" not in " ".join(finders)


def test_import_lepton_alone_changes_nothing_of_how_modules_are_found():
    assert python(
        "import sys\nbefore = [*sys.meta_path]\nimport lepton\nprint(sys.meta_path == before)"
    ) == ["True"]


@pytest.mark.slow
def test_without_the_stand_in_torchmetrics_would_import_transformers(moved):
    with moved("torchmetrics.functional.text.bert, which imports transformers"):
        assert python("import torchmetrics, sys; print('transformers' in sys.modules)") == [
            "True"
        ], "lepton.compat.torchmetrics has nothing to leave out any more"


@pytest.mark.slow
def test_the_metric_that_wants_transformers_still_finds_it(moved):
    code = """
import lepton.compat.torchmetrics, torchmetrics.functional.text.bert as bert, sys
print(bert.AutoTokenizer.from_pretrained.__self__.__name__)
print(type(sys.modules["transformers"]).__name__)
from transformers import AutoModel
print(AutoModel.__module__)"""
    with moved("the names that torchmetrics.functional.text.bert takes from transformers"):
        name, kind, module = python(code)
        assert (name, module) == ("AutoTokenizer", "transformers.models.auto.modeling_auto")
        assert kind != "_StandIn"


@pytest.mark.slow
def test_transformers_that_is_there_already_is_used_as_it_is(moved):
    code = """
import transformers, lepton.compat.torchmetrics, torchmetrics.functional.text.bert as bert
print(bert.AutoModel is transformers.AutoModel)"""
    with moved("the names that torchmetrics.functional.text.bert takes from transformers"):
        assert python(code) == ["True"]


def test_metrics_whose_states_are_sums_over_rows_are_told_from_others(moved):
    from torchmetrics import classification, regression

    from lepton.compat.torchmetrics import sums_over_rows

    sums = (classification.BinaryPrecision(), regression.MeanAbsolutePercentageError())
    with moved("Metric._reductions, or Metric._defaults"):
        assert all(map(sums_over_rows, sums))
    others = (classification.BinaryAUROC(), regression.PearsonCorrCoef())
    assert not any(map(sums_over_rows, others))


def test_a_value_by_weights_is_that_of_repeated_rows():
    import torch
    from torchmetrics.classification import MulticlassCohenKappa

    from lepton.compat.torchmetrics import computed_by_weights

    metric = MulticlassCohenKappa(num_classes=3)
    generator = torch.Generator().manual_seed(0)
    p, y = torch.rand(20, 3, generator=generator), torch.randint(3, (20,), generator=generator)
    parts = [(2.0, p[:10], y[:10]), (3.0, p[10:], y[10:])]
    expected = MulticlassCohenKappa(num_classes=3)
    for times, some, of in parts:
        expected.update(some.repeat(int(times), 1), of.repeat(int(times)))
    value = float(expected.compute())  # which counts in 32 bits
    assert float(computed_by_weights(metric, parts)) == pytest.approx(value, rel=1e-5)
