"""RunResult: what a notebook sees of a run is what its folder holds."""

import re

import numpy as np
import pandas as pd
import pytest

from lepton.errors import LeptonError
from lepton.notebook.html import Page
from lepton.notebook.run_result import RunResult

WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=3")


@pytest.fixture
def result(run_once):
    return RunResult.read(run_once(*WINE))


@pytest.mark.slow
def test_the_history_and_the_predictions_are_those_of_the_files(result):
    stored = pd.read_parquet(result.folder / "history.parquet")
    pd.testing.assert_frame_equal(result.history, stored)
    assert list(result.predictions["split"].unique()) == ["val", "test"]
    for split, frame in result.predictions.groupby("split", sort=False):
        stored = pd.read_parquet(result.folder / "predictions" / f"{split}.parquet")
        pd.testing.assert_frame_equal(
            frame.drop(columns="split").reset_index(drop=True), stored, check_names=False
        )
    test = result.predictions.query("split == 'test'")
    probabilities = test.filter(like="p_").to_numpy()
    accuracy = np.mean(probabilities.argmax(1) == test["target"])
    assert accuracy == pytest.approx(result.metrics["test/accuracy"])


def test_a_file_that_is_not_what_was_written_is_named(result):
    path = result.folder / "history.parquet"
    path.write_bytes(path.read_bytes()[:-9] + b"otherwise")
    with pytest.raises(LeptonError, match=r"history\.parquet: damaged"):
        _ = result.history
    (result.folder / "predictions" / "val.parquet").unlink()
    with pytest.raises(LeptonError, match=r"predictions/val\.parquet: cannot be read"):
        _ = result.predictions


def test_the_plot_has_the_curves_of_the_history(result):
    pytest.importorskip("matplotlib")
    axes = result.plot().axes
    assert [ax.get_title(loc="left") for ax in axes] == ["validation score", "training loss"]
    for ax, column in zip(axes, ("val/score", "train/loss"), strict=True):
        (line,) = ax.get_lines()
        np.testing.assert_allclose(line.get_ydata(), result.history[column])
        assert line.get_xdata().tolist() == [1, 2, 3]


def test_a_plot_leaves_the_settings_of_the_notebooks_own_plots(result):
    matplotlib = pytest.importorskip("matplotlib")
    with matplotlib.rc_context():
        matplotlib.rcParams["backend"] = "svg"
        before = dict(matplotlib.rcParams)
        result.plot()
        assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
def test_a_model_that_was_not_fitted_in_epochs_has_no_curve(run_once):
    pytest.importorskip("matplotlib")
    folder = run_once("dataset=wine", "model=gradient_boosting", "model.max_iter=3")
    with pytest.raises(LeptonError, match="gradient_boosting was not fitted in epochs"):
        RunResult.read(folder).plot()


def test_its_page_says_what_the_command_prints(lepton, result):
    _, printed, _ = lepton("train", *WINE)
    shown = re.sub(r"<[^>]+>", " ", result._repr_html_())
    assert shown.split() == [result.run, *printed.split()]


def test_a_page_takes_every_text_for_text():
    page = Page("<b>")
    page.print("a\x1b[2J & <script>")
    assert (
        page.html() == r"<div><strong>&lt;b&gt;</strong><p>a\x1b[2J &amp; &lt;script&gt;</p></div>"
    )


def test_its_repr_is_a_line_that_names_the_folder(result):
    assert repr(result) == f"<{result}  {result.folder}>"
    assert "\n" not in repr(result)
