"""What figures show, computed another way; an SVG stays small and takes its page's style."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binned_statistic, binomtest, mannwhitneyu
from sklearn.metrics import confusion_matrix

from lepton.example import make_spec
from lepton.report.blocks import Table
from lepton.report.figures.options import change, interaction
from lepton.report.figures.predicted import (
    calibration,
    calibration_table,
    class_curves,
    confusion_table,
    curves,
    residual_means,
    residuals,
    wilson,
)
from lepton.report.figures.training import cost, learning_curves, parallel, pareto
from lepton.report.latex import table as latex
from lepton.report.markdown import table as markdown
from lepton.report.predictions import Predictions
from lepton.report.style import INK, LARGEST, PAPER, SERIES, inlined, small, styled
from lepton.stats.pairs import Pairs


def binary(n=3000, seed=0):
    generator = np.random.default_rng(seed)
    p = generator.uniform(size=n).astype("float32")
    target = (generator.uniform(size=n) < p).astype("float32")
    return Predictions(np.arange(n), target, p, make_spec("binary"))


def multiclass(n=300):
    generator = np.random.default_rng(1)
    p = generator.dirichlet(np.ones(3), n)
    return Predictions(np.arange(n), generator.integers(3, size=n), p, make_spec("multiclass"))


def regression(n=2000):
    generator = np.random.default_rng(2)
    true = generator.normal(size=n)
    return Predictions(
        np.arange(n), true, true / 2 + generator.normal(size=n), make_spec("regression")
    )


@pytest.fixture(autouse=True)
def style():
    with styled():
        yield


@pytest.mark.parametrize(("larger", "best"), [(True, [3, 5, 9]), (False, [3, 2, 1])])
def test_the_front_holds_the_points_that_no_other_beats(larger, best):
    x, y = np.array([1, 2, 2, 3, 4, 5.0]), np.array([3, 5, 2, 4, 9, 1.0])
    front = pareto(x, y, larger=larger)
    expected = [
        (a, b)
        for a, b in sorted(zip(x, y, strict=True))
        if not any((c <= a and (d > b if larger else d < b)) for c, d in zip(x, y, strict=True))
    ]
    assert front[1].tolist() == best
    assert list(zip(*front, strict=True)) == expected


@pytest.mark.parametrize("run", [binary(), multiclass()], ids=["binary", "multiclass"])
def test_the_confusion_table_is_that_of_scikit_learn(run):
    p = run.prediction
    predicted = p > 0.5 if p.ndim == 1 else p.argmax(1)
    expected = confusion_matrix(run.target, predicted)
    assert confusion_table(run).tolist() == expected.tolist()
    assert run.wrong.sum() == expected.sum() - np.trace(expected)


def test_the_interval_of_a_share_is_wilsons_of_scipy():
    for k, n in ((0, 10), (3, 10), (10, 10), (40, 90)):
        expected = binomtest(k, n).proportion_ci(0.95, method="wilson")
        assert wilson(k, n) == pytest.approx(tuple(expected), abs=1e-12)


def test_predictions_that_are_true_lie_on_the_diagonal():
    table = calibration_table(binary())
    assert table["n"].sum() == 3000
    assert table["n"].max() - table["n"].min() <= 1
    inside = (table["low"] <= table["predicted"]) & (table["predicted"] <= table["high"])
    assert inside.sum() >= 8


def test_curves_of_classes_have_the_areas_of_mann_and_whitney_the_worst_first():
    run = multiclass()
    areas = {}
    for i, name in enumerate(run.spec.classes):
        p, own = run.prediction[:, i], run.target == i
        areas[name] = mannwhitneyu(p[own], p[~own]).statistic / own.sum() / (~own).sum()
    drawn = [text.get_text() for text in class_curves(run).axes[0].get_legend().get_texts()]
    assert drawn == [f"{name} {areas[name]:.3f}" for name in sorted(areas, key=areas.get)]


def test_what_is_left_of_the_target_is_its_mean_in_ten_bins_of_the_prediction():
    run, edges = regression(), np.arange(0, 101, 10)
    edges = np.percentile(run.prediction, edges)
    expected = binned_statistic(run.prediction, run.target - run.prediction, bins=edges).statistic
    assert residual_means(run)["left"].to_numpy() == pytest.approx(expected, abs=0.02)


def test_losses_order_mistakes_as_their_likelihoods_do():
    run = multiclass()
    own = run.prediction[np.arange(300), run.target]
    assert np.argsort(-run.loss, kind="stable").tolist() == np.argsort(own, kind="stable").tolist()


def frame(n):
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "seconds": generator.uniform(1, 99, n),
            "optimizer.lr": 10 ** generator.uniform(-5, -1, n),
            "model": generator.choice(["mlp", "linear", "resnet"], n),
            "score": generator.normal(size=n),
        }
    )


def history(epochs):
    score = np.random.default_rng(epochs).normal(size=epochs)
    return pd.DataFrame({"epoch": range(epochs), "val/score": score, "train/loss": score})


def many(kind):
    found = frame(5000)
    match kind:
        case "cost":
            names = found["model"]
            return cost(found, "seconds", "score", larger=True, options=names)
        case "parallel":
            return parallel(found, ["optimizer.lr", "model", "seconds"], "score")
        case "interaction":
            return interaction(found, ("optimizer.lr", "model"), "score")
        case "learning_curves":
            return learning_curves({(f"m{i}",): [history(900)] * 5 for i in range(6)})
        case "curves":
            return curves({f"m{i}": binary(50_000, i) for i in range(5)})
        case "calibration":
            return calibration(binary(50_000))
        case "class_curves":
            return class_curves(multiclass(50_000))
        case "residuals":
            return residuals(regression(50_000))
    pairs = Pairs(np.arange(500.0), np.arange(500.0)[::-1], "seed", 0.0, ())
    return change(pairs, ("before", "after"), "test/auroc", True)


KINDS = ["cost", "parallel", "interaction", "learning_curves", "curves", "calibration", "change"]
KINDS += ["class_curves", "residuals"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_of_very_much_is_a_small_file_with_its_words_as_text(kind):
    text = small(many(kind))
    assert len(text) <= LARGEST
    assert text.count("<text") >= 3


def test_better_and_worse_pairs_have_colours_of_their_own():
    pairs = Pairs(np.array([2.0, 1.0]), np.array([1.0, 2.0]), "seed", 0.0, ())
    for larger in (True, False):
        figure = change(pairs, ("a", "b"), "test/auroc", larger)
        first, second, mean = (line.get_color() for line in figure.axes[0].lines)
        assert (first, second) == ((SERIES[2], SERIES[4]) if larger else (SERIES[4], SERIES[2]))
        assert mean == INK


def test_an_inlined_figure_has_the_colours_of_its_page_and_identifiers_of_its_own():
    text = inlined(small(many("interaction")), "one", 'a "name" <here>')
    assert text.startswith("<svg ")
    assert not re.findall("|".join([INK, PAPER, *SERIES]), text)
    assert "var(--ink)" in text
    assert 'aria-label="a &quot;name&quot; &lt;here&gt;"' in text
    names = re.findall(r'\bid="([^"]+)"', text)
    assert all(name.startswith("one-") for name in names)
    used = re.findall(r'(?:url\(#|href="#)([^)"]+)', text)
    assert used
    assert set(used) <= set(names)


def test_the_same_figure_is_the_same_file():
    assert small(many("cost")) == small(many("cost"))


TABLE = Table("t", "50 % of a_b", ["key", "a|b"], [["x_y", "1 & 2"], ["~", "<3>"]], 1)


def test_a_markdown_table_keeps_its_columns_whatever_its_cells_hold():
    rows = markdown(TABLE).splitlines()
    assert rows[0] == "| key | a\\|b |"
    assert rows[1] == "| :--- | ---: |"
    assert len(rows) == 4


def test_a_latex_table_escapes_what_latex_would_read():
    text = latex(TABLE)
    assert r"x\_y & 1 \& 2 \\" in text
    assert r"\textasciitilde{} & \textless{}3\textgreater{} \\" in text
    assert r"\caption{50 \% of a\_b}" in text
    assert r"\begin{tabular}{lr}" in text
