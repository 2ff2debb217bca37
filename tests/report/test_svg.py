"""SVG files of large figures stay small, keep their text, and take the style of their page."""

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lepton.report.figures.classification import binary_curves, calibration, class_curves
from lepton.report.figures.comparison import paired_change
from lepton.report.figures.importance import interaction
from lepton.report.figures.regression import residuals
from lepton.report.figures.style import INK, PAPER, SERIES
from lepton.report.figures.training import learning_curves, parallel_coordinates, score_by_cost
from lepton.report.svg import MAX_BYTES, compact_svg, inline_svg
from lepton.stats.pairs import PairedScores
from tests.report.samples import (
    binary_predictions,
    history,
    multiclass_predictions,
    regression_predictions,
    runs_frame,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

pytestmark = pytest.mark.usefixtures("figure_style")


def large_figure(name: str) -> "Figure":
    """A figure of thousands of runs or samples."""
    frame = runs_frame(5000)
    match name:
        case "score_by_cost":
            labels = frame["model"]
            return score_by_cost(frame, "seconds", "score", larger_is_better=True, labels=labels)
        case "parallel_coordinates":
            return parallel_coordinates(frame, ["optimizer.lr", "model", "seconds"], "score")
        case "interaction":
            return interaction(frame, ("optimizer.lr", "model"), "score")
        case "learning_curves":
            return learning_curves({(f"m{i}",): [history(900)] * 5 for i in range(6)})
        case "binary_curves":
            return binary_curves({f"m{i}": binary_predictions(50_000, i) for i in range(5)})
        case "calibration":
            return calibration(binary_predictions(50_000))
        case "class_curves":
            return class_curves(multiclass_predictions(50_000))
        case "residuals":
            return residuals(regression_predictions(50_000))
    pairs = PairedScores(np.arange(500.0), np.arange(500.0)[::-1], "seed", 0.0, ())
    return paired_change(pairs, ("before", "after"), "test/auroc", larger_is_better=True)


FIGURES = ["score_by_cost", "parallel_coordinates", "interaction", "learning_curves"]
FIGURES += ["binary_curves", "calibration", "paired_change", "class_curves", "residuals"]


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_of_very_much_is_a_small_file_with_its_words_as_text(name):
    svg = compact_svg(large_figure(name))
    assert len(svg) <= MAX_BYTES
    assert svg.count("<text") >= 3


@pytest.mark.slow
def test_an_inlined_figure_has_the_colours_of_its_page_and_identifiers_of_its_own():
    svg = inline_svg(compact_svg(large_figure("interaction")), "one", 'a "name" <here>')
    assert svg.startswith("<svg ")
    assert not re.findall("|".join([INK, PAPER, *SERIES]), svg)
    assert "var(--ink)" in svg
    assert 'aria-label="a &quot;name&quot; &lt;here&gt;"' in svg
    identifiers = re.findall(r'\bid="([^"]+)"', svg)
    assert all(identifier.startswith("one-") for identifier in identifiers)
    references = re.findall(r'(?:url\(#|href="#)([^)"]+)', svg)
    assert references
    assert set(references) <= set(identifiers)


@pytest.mark.slow
def test_each_dot_of_few_runs_says_its_run_its_seed_and_its_value(figure_style):
    runs = runs_frame(9)
    labels = runs["model"]
    figure = score_by_cost(runs, "seconds", "score", larger_is_better=True, labels=labels)
    titles = re.findall(r'<g class="dot"><title>(.*?)</title>', compact_svg(figure))
    assert {*titles} == {
        f"run-{i}, seed {i}, score {score:.4f}" for i, score in enumerate(runs["score"])
    }


@pytest.mark.slow
def test_the_same_figure_is_the_same_file():
    first, second = (compact_svg(large_figure("score_by_cost")) for _ in range(2))
    assert first == second


def test_words_of_a_figure_are_kept_whatever_they_hold():
    svg = '<svg viewBox="0 0 72.0 36.0"><path id="a"/><use href="#a"/></svg>'
    inlined = inline_svg(svg, r"by\1path", r"loss over C:\data\1 \g<0>")
    assert r'aria-label="loss over C:\data\1 \g&lt;0&gt;"' in inlined
    assert r'id="by\1path-a"' in inlined
    assert r'href="#by\1path-a"' in inlined
