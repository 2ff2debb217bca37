"""The judge of generated rows, judged by copies, columns apart, and calculations by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency
from scipy.stats.contingency import association
from sklearn.metrics import roc_auc_score

from lepton.config.synthesize_root import compose_synthesis
from lepton.generator.bootstrap import Bootstrap
from lepton.generator.copula import Copula
from lepton.generator.independent import Independent
from lepton.generator.rows import TableRows
from lepton.synthesis.distributions import association_kept, column_distances, pair_associations
from lepton.synthesis.judge import detection_auc, usefulness
from lepton.synthesis.nearness import nearness
from lepton.synthesis.page import quality_page
from lepton.synthesis.quality import measure_quality
from lepton.synthesis.source import Source, read_source

WORDS = ("dataset=synthetic", "dataset.rows=1000", "dataset.missing=0.05", "out=x", "resamples=20")


@pytest.fixture(scope="module")
def source():
    return read_source(compose_synthesis(WORDS))


@pytest.fixture(scope="module")
def judged(source):
    """The quality of what controls and a copula make."""
    train, config = source.train, compose_synthesis(WORDS)
    generators = {
        "bootstrap": Bootstrap(),
        "independent": Independent(),
        "copula": Copula(by_class=True, iterations=10),
    }
    return {
        name: measure_quality(source, generator.generate(train, len(train), 0).rows, config)
        for name, generator in generators.items()
    }


@pytest.mark.slow
def test_copies_of_training_rows_are_told_and_real_held_out_rows_are_not(judged, source):
    near = judged["bootstrap"].nearness
    assert judged["bootstrap"].verdict == "leaks"
    assert near.exact(near.generated) == near.near(near.generated) == 1.0
    assert near.near(near.held_out) == pytest.approx(0.05, abs=0.02)
    honest = measure_quality(source, source.held_out, compose_synthesis(WORDS))
    assert honest.verdict == "fine"


@pytest.mark.slow
def test_columns_apart_pass_one_by_one_and_fail_in_pairs_and_as_training_rows(judged):
    apart, copies = judged["independent"], judged["bootstrap"]
    assert apart.columns["generated"].max() < 0.1
    assert apart.columns["generated"].mean() == pytest.approx(
        copies.columns["generated"].mean(), abs=0.02
    )
    assert apart.verdict == "unusable"
    assert apart.kept["generated"] < 0.3 < 0.9 < copies.kept["generated"]
    assert apart.usefulness.share_lost > 0.7
    assert copies.usefulness.share_lost < 0.2
    assert len(apart.reasons) == 2


def test_a_copula_is_between_the_two(judged):
    assert judged["copula"].verdict == "fine"
    near = judged["copula"].nearness
    assert near.exact(near.generated) == 0
    order = [judged[name].usefulness.share_lost for name in ("bootstrap", "copula", "independent")]
    assert order == sorted(order)


@pytest.mark.slow
def test_a_judge_tells_columns_apart_from_real_rows_and_no_real_rows_from_others():
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    rows = table(np.column_stack([x, x + 0.3 * rng.normal(size=600)]), (x[:, None] > 0) * 1, (2,))
    apart = Independent().generate(rows, len(rows), 0).rows
    halves = rows.at(np.arange(0, len(rows), 2)), rows.at(np.arange(1, len(rows), 2))
    assert detection_auc(*halves, folds=3, seed=0) == pytest.approx(0.5, abs=0.1)
    assert detection_auc(rows, apart, folds=3, seed=0) > 0.9


def table(numbers, codes, sizes, target="class"):
    return TableRows(np.array(numbers, float), np.array(codes), sizes, target)


def test_a_distance_is_the_mean_over_columns_of_what_differs():
    train = table(
        [[0, 1], [10, 2], [20, 3], [30, np.nan]], [[0, 0], [1, 0], [1, 1], [0, 1]], (2, 2)
    )
    asked = table([[10, 2], [25, 3], [30, 3]], [[1, 0], [1, 1], [0, 1]], (2, 2))
    near = nearness(train, asked, asked, quantile=0.5, most_rows=9, seed=0)
    # a copy; half a row from the third in one number; and a third of all rows from the middle, on
    # which the missing number of the last one stands
    expected = [0, 1 / 8 / 4, (1 / 2 + 1 / 3) / 4]
    np.testing.assert_allclose(near.generated, expected, atol=1e-12)


def test_associations_are_those_of_scipy_corrected_for_chance():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 3, 400)
    b = np.where(rng.random(400) < 0.6, a, rng.integers(0, 3, 400))
    rows = TableRows(np.empty((400, 0)), np.column_stack([a, b]), (3, 3), "class")
    pairs = pair_associations(rows, {"other": rows}, ["a", "b"], bins=5, most_columns=9)
    counts = pd.crosstab(a, b).to_numpy()
    raw = association(counts, method="cramer")
    assert raw == pytest.approx(np.sqrt(chi2_contingency(counts).statistic / 400 / 2))
    phi2 = raw**2 * 2 - 4 / 399
    assert pairs["train"].item() == pytest.approx(np.sqrt(phi2 / (3 - 4 / 399 - 1)))
    assert association_kept(pairs, "other") == pytest.approx(1)


def test_distances_of_columns_are_gaps_of_their_distributions():
    train = table([[1], [2], [3], [4]], [[0, 0], [0, 1], [1, 0], [1, 1]], (2, 2))
    other = table([[1], [1], [1], [np.nan]], [[1, 0], [1, 1], [-1, 0], [1, 1]], (2, 2))
    frame = column_distances(train, {"generated": other}, ["x", "c", "y"]).set_index("column")
    assert frame["generated"].tolist() == pytest.approx([0.75, 0.5, 0.0])
    assert frame.loc["x", "generated_missing"] == 0.25
    assert frame["measure"].tolist() == ["ks", "tv", "tv"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "metric"), [("dataset.classes=3", "accuracy"), ("dataset.classes=0", "r2")]
)
def test_classes_and_numbers_are_scored_by_their_metrics(target, metric):
    source = read_source(compose_synthesis([*WORDS, target]))
    made = Bootstrap().generate(source.train, 300, 0).rows
    useful = usefulness(source.train, made, source.held_out, resamples=30, seed=0)
    assert useful.metric == metric
    assert useful.constant < useful.generated.value <= useful.real.value + 0.05
    assert useful.real.low < useful.real.value < useful.real.high
    difference = useful.both.value - useful.real.value
    assert useful.both_minus_real.value == pytest.approx(difference)
    widths = [s.high - s.low for s in (useful.both_minus_real, useful.real)]
    assert widths[0] < widths[1]  # both are scored on the same rows


@pytest.mark.slow
def test_the_judge_is_scored_as_scikit_learn_scores(source):
    from sklearn.ensemble import HistGradientBoostingClassifier

    train, asked = source.train, source.held_out
    places = [*range(train.numbers.shape[1], train.numbers.shape[1] + train.codes.shape[1] - 1)]
    model = HistGradientBoostingClassifier(
        categorical_features=places, early_stopping=False, random_state=0
    )
    features = [np.column_stack([r.numbers, r.codes[:, :-1]]) for r in (train, asked)]
    chance = model.fit(features[0], train.labels).predict_proba(features[1])[:, 1]
    useful = usefulness(train, train, asked, resamples=1, seed=0)
    assert useful.real.value == pytest.approx(roc_auc_score(asked.labels, chance))


def test_the_page_says_the_verdict_and_names_the_pairs_that_are_lost(judged, source):
    config = compose_synthesis([*WORDS, "generator=independent"])
    made = Independent().generate(source.train, 100, 0)
    page = quality_page(source, made, judged["independent"], config, "lepton synthesize")
    assert page.summary[0] == "verdict: unusable"
    assert page.sections[0].title == "Verdict"
    assert len(page.tables()) == 4
    (pairs,) = [t for t in page.tables() if t.name == "pairs"]
    assert all(cell for row in pairs.rows for cell in row)
    assert isinstance(source, Source)
