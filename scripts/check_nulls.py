"""Holds every statement that lepton prints against simulated results in which nothing differs.

python scripts/check_nulls.py [--draws 1000] [--only options] [--workers 1] [--seed 0]

Nothing is trained: scores, errors and ranks are drawn, and lepton's own functions say what they
would say of them. A statement's share of false ones is at most two standard errors of the
simulation above 5 %, and an interval of 95 % holds the truth in 90 to 97 % of the draws. The exit
code is 1 where one does not.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from lepton.analysis.comparison import compare
from lepton.analysis.conclusions import conclusions
from lepton.decision.choice import choose_rule
from lepton.metric.ranges import SHARE
from lepton.report.sections.ranking import MIN_DATASETS
from lepton.stats.bayes import correlated_t_test, signed_rank_test
from lepton.stats.bootstrap import bootstrap_intervals
from lepton.stats.group_gaps import group_gaps
from lepton.stats.key_chance import key_p_values
from lepton.stats.pairs import PairedScores, holm, mean_interval
from lepton.stats.permutation import PermutedScores
from lepton.stats.ranks import rank_options
from lepton.stats.slices import slices
from lepton.stats.welch import UnpairedScores

LEVEL = 0.05
COVERAGE = (0.90, 0.97)
MEAN, SPREAD = 0.8, 0.02  # of scores
ROWS, TEST_SHARE = 400, 0.2
TRAINING = 0.7  # what a training row does to a score, beside what a test row does
FOUR = (0.5, 0.25, 0.15, 0.1)  # shares of rows that groups have
FALSE, HELD = "false: ", "held: "
BEYOND = "P(better) beyond 2.5 and 97.5 %"

Counts = Iterable[tuple[str, int, int]]  # a statement, how often it was false or held, of how many
Draw = Callable[[np.random.Generator], Counts]


def options(
    generator: np.random.Generator, *, splits: str, count: int, seeds: int, k: int = 4
) -> Counts:
    """Options over seeds, folds or drawn splits; validation scores choose the baseline."""
    scores, validation = option_scores(generator, k, splits, count, seeds)
    units = scores[:, 0] if splits == "seeds" else scores.mean(2)
    ratio = 0.0 if splits == "seeds" else TEST_SHARE / (1 - TEST_SHARE)
    narrow = ratio / count if splits == "folds" else ratio
    baseline = int(validation.mean((1, 2)).argmax())
    rivals = [
        PairedScores(units[o], units[baseline], splits, ratio, (), narrow)
        for o in range(k)
        if o != baseline
    ]
    p_values = holm(np.array([pairs.p for pairs in rivals]), k * (k - 1) // 2)
    gaps = [pairs.interval(SHARE, picked_of=k)[1:] for pairs in rivals]
    means = [mean_interval(values, narrow, SHARE)[1:] for values in units]
    better = [correlated_t_test(pairs.differences, pairs.ratio, picked_of=k) for pairs in rivals]
    yield FALSE + "an option is better or worse", bool((p_values < LEVEL).any()), 1
    yield FALSE + BEYOND, sum(abs(p - 0.5) > 0.475 for p in better), len(better)
    yield HELD + "a difference", sum(low <= 0 <= high for low, high in gaps), len(gaps)
    yield HELD + "a mean", sum(low <= MEAN <= high for low, high in means), len(means)


def compared_options(
    generator: np.random.Generator, *, splits: str, count: int, seeds: int
) -> Counts:
    """As `options`, by the table and the sentences of `lepton results --compare`."""
    scores, validation = option_scores(generator, 4, splits, count, seeds)
    key = {"folds": "dataset.fold", "splits": "dataset.split_seed"}.get(splits, "dataset.fold")
    frame = pd.DataFrame(
        {
            **{"model": "abcd"[o], key: split, "seed": seed, "status": "finished"},
            **{"test/auroc": scores[o, split, seed], "score": validation[o, split, seed]},
        }
        for o, split, seed in np.ndindex(scores.shape)
    )
    test_rows = int(ROWS * TEST_SHARE)
    rows = {"rows/train": ROWS - 2 * test_rows, "rows/val": test_rows, "rows/test": test_rows}
    frame = frame.assign(run=[f"r{i}" for i in range(len(frame))], **rows)
    (comparison,) = compare(frame, ["model"], metric="test/auroc", baseline=None, select="score")
    said, table = " ".join(conclusions(comparison)), comparison.table
    better, gaps = table["better"].dropna(), table.dropna(subset="gap_low")
    yield FALSE + "an option is better or worse", "is better" in said or "is worse" in said, 1
    yield FALSE + BEYOND, int(((better - 0.5).abs() > 0.475).sum()), len(better)
    held = (gaps["gap_low"] <= 0) & (gaps["gap_high"] >= 0)
    yield HELD + "a difference", int(held.sum()), len(gaps)
    held = (table["low"] <= MEAN) & (table["high"] >= MEAN)
    yield HELD + "a mean", int(held.sum()), len(table)


def option_scores(
    generator: np.random.Generator, k: int, splits: str, count: int, seeds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Test and validation scores of options, which share luck. Shapes: (options, splits, seeds)."""
    scores = MEAN + SPREAD * _scores(generator, k, splits, count, seeds)
    return scores, scores + generator.normal(0, SPREAD, scores.shape)


def _scores(
    generator: np.random.Generator, k: int, splits: str, count: int, seeds: int
) -> np.ndarray:
    """Scores that are means over test rows, plus what the training rows and the seed do.

    Shapes: (options, splits, seeds).
    """
    luck = generator.normal(0, 1, (k, count if splits != "seeds" else 1, seeds))
    if splits == "seeds":
        return luck + generator.normal(0, 0.5, (1, 1, seeds))
    order = generator.permuted(np.tile(np.arange(ROWS), (count, 1)), axis=1)
    test_rows = int(ROWS * TEST_SHARE)
    is_test = order < test_rows
    if splits == "folds":
        is_test = generator.permutation(np.arange(ROWS) % count) == np.arange(count)[:, None]
    difficulty = generator.normal(size=ROWS) + generator.normal(size=(k, ROWS))
    training = generator.normal(size=(k, ROWS))
    tested = difficulty @ is_test.T / is_test.sum(1)
    learned = training @ ~is_test.T / (~is_test).sum(1)
    return np.sqrt(test_rows / 2) * (tested + TRAINING * learned)[:, :, None] + 0.3 * luck


def unpaired(generator: np.random.Generator) -> Counts:
    """Two optimizers of a search, each with learning rates of its own."""
    scores = UnpairedScores(
        generator.normal(size=12), generator.normal(0, 2, size=8), "setting", settings=()
    )
    _, low, high = scores.interval()
    yield FALSE + "told apart without pairs", scores.p < LEVEL, 1
    yield HELD + "Welch's difference", low <= 0 <= high, 1


def picked_unpaired(generator: np.random.Generator, *, k: int) -> Counts:
    """Options of a search, with ten settings each; validation scores choose the baseline."""
    scores = generator.normal(size=(k, 10))
    baseline = int((scores + generator.normal(0, 0.5, scores.shape)).mean(1).argmax())
    rivals = [
        UnpairedScores(scores[o], scores[baseline], "setting", settings=())
        for o in range(k)
        if o != baseline
    ]
    p_values = holm(np.array([rival.p for rival in rivals]), k * (k - 1) // 2)
    intervals = [rival.interval(picked_of=k)[1:] for rival in rivals]
    yield FALSE + "told apart without pairs", bool((p_values < LEVEL).any()), 1
    held = sum(low <= 0 <= high for low, high in intervals)
    yield HELD + "Welch's difference", held, len(intervals)


def before_and_after(generator: np.random.Generator) -> Counts:
    """Three strategies of fine-tuning against what was there before it."""
    changes = [
        PairedScores(generator.normal(size=5), generator.normal(size=5), "seed", 0.0, ())
        for _ in range(3)
    ]
    p_values = holm(np.array([change.p for change in changes]))
    yield FALSE + "tuning changes a score", bool((p_values < LEVEL).any()), 1


def slices_of(generator: np.random.Generator, *, losses: bool) -> Counts:
    """Rows whose errors have nothing to do with their columns."""
    columns = {f"c{i}": np.where(generator.random(200) < 0.06, "a", "b") for i in range(10)}
    frame = pd.DataFrame(
        {**columns, "x": generator.normal(size=200), "job": generator.choice(list("abcd"), 200)}
    )
    if losses:
        errors, truth = np.abs(generator.normal(size=200)), np.sqrt(2 / np.pi)
    else:
        errors, truth = (generator.random(200) < 0.15) * 1.0, 0.15
    table = slices(frame, errors)
    yield FALSE + "a slice differs", (table["p_holm"] < LEVEL).any(), 1
    yield HELD + "a slice", table["low"].le(truth).mul(table["high"].ge(truth)).sum(), len(table)


def keys_of_grid(generator: np.random.Generator) -> Counts:
    """A grid of three keys over three seeds."""
    frame = pd.MultiIndex.from_product(
        [range(3), range(2), range(2), range(3)], names=["a", "b", "c", "seed"]
    ).to_frame(index=False)
    scores = generator.normal(size=len(frame)) + generator.normal(size=3)[frame["seed"]]
    p = key_p_values(frame, ["a", "b", "c"], scores)
    yield FALSE + "a key explains more than chance", min(p.values()) < LEVEL, 1


def keys_of_search(generator: np.random.Generator) -> Counts:
    """Five keys of a search with 60 trials, whose scores have long tails."""
    frame = pd.DataFrame({f"x{i}": generator.uniform(size=60) for i in range(4)})
    frame["optimizer"] = generator.choice(["adam", "sgd", "lion"], 60)
    p = key_p_values(frame, [*frame], -generator.lognormal(size=60))
    yield FALSE + "a key explains more than chance", min(p.values()) < LEVEL, 1


def ranks(generator: np.random.Generator, *, datasets: int, k: int) -> Counts:
    """Options over data sets, whose scores have nothing to do with the option."""
    scores = pd.DataFrame(generator.normal(size=(datasets, k)), columns=list("abcdefgh")[:k])
    option_ranks = rank_options(scores, "a")
    yield FALSE + "options rank differently", option_ranks.p < LEVEL, 1
    spread = max(option_ranks.mean.values()) - min(option_ranks.mean.values())
    yield FALSE + "a critical difference", spread >= option_ranks.critical_difference, 1


def better_over_datasets(generator: np.random.Generator, *, datasets: int) -> Counts:
    """Two options over data sets; the report says it of MIN_DATASETS at least."""
    p = signed_rank_test(generator.normal(size=datasets))
    yield FALSE + BEYOND, abs(p - 0.5) > 0.475, 1


def bootstrap(generator: np.random.Generator, *, rows: int) -> Counts:
    """Metrics of a test split: a share and a mean error."""
    values = np.array([generator.random(rows) < 0.8, np.abs(generator.normal(size=rows))])

    def score(positions: np.ndarray) -> dict[str, float]:
        return dict(zip(("share", "error"), values[:, positions].mean(1), strict=True))

    seed = int(generator.integers(10**9))
    intervals = bootstrap_intervals(score, np.arange(rows), resamples=300, seed=seed)
    for name, truth in (("share", 0.8), ("error", np.sqrt(2 / np.pi))):
        low, high = intervals[name]
        yield HELD + f"a bootstrapped {name}", low <= truth <= high, 1


def input_importance(generator: np.random.Generator, *, rows: int = 120) -> Counts:
    """An input that tells nothing, which the model uses alone and with one that tells something."""

    def model(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-(x @ (0.9, 0.5) - 0.8 + 0.6 * x[..., 0] * x[..., 1])))

    x = generator.normal(size=(rows, 2))
    y = generator.random(rows) < 1 / (1 + np.exp(0.8 - x[:, 0]))
    donors = np.stack([generator.permutation(rows) for _ in range(10)])
    permuted = np.repeat(x[None], len(donors), 0)
    permuted[:, :, 1] = x[donors, 1]
    for name, score in (
        ("log loss", lambda p, places: np.log(np.where(y, p, 1 - p)[places]).mean()),
        ("accuracy", lambda p, places: ((p > 0.5) == y)[places].mean()),
    ):
        scores = PermutedScores(score, model(x), donors, seed=int(generator.integers(10**9)))
        estimate = scores.estimate(model(permuted))
        yield HELD + f"an importance, {name}", estimate.low <= 0 <= estimate.high, 1


def gain_of_a_threshold(
    generator: np.random.Generator, *, val: int = 160, test: int = 200
) -> Counts:
    """What F1 gains by the threshold that validation chose; many rows say what it gains really."""

    def drawn(rows: int) -> tuple[np.ndarray, np.ndarray]:
        logits = generator.normal(-1, 1.2, rows)
        return 1 / (1 + np.exp(-logits)), generator.random(rows) < 1 / (1 + np.exp(-logits))

    p, y = drawn(val)
    rule = choose_rule(
        p, y.astype(int), task="binary", threshold="f1", costs=None, calibration="none"
    )
    [threshold] = rule.thresholds

    def gain(p: np.ndarray, y: np.ndarray) -> float:
        return f1(p > threshold, y) - f1(p > 0.5, y)

    p, y = drawn(test)
    intervals = bootstrap_intervals(
        lambda places: {"gain": gain(p[places], y[places])},
        np.arange(test),
        resamples=300,
        seed=int(generator.integers(10**9)),
    )
    low, high = intervals["gain"]
    yield HELD + "a gain of F1", low <= gain(*drawn(100_000)) <= high, 1


def f1(decided: np.ndarray, truth: np.ndarray) -> float:
    return 2 * (decided & truth).sum() / (decided.sum() + truth.sum())


def gaps_between_groups(
    generator: np.random.Generator, *, shares: tuple[float, ...], of_class: bool, rows: int = 400
) -> Counts:
    """Metrics of groups that have nothing to do with them, each with 10 rows of a class."""
    groups, p, y = np.zeros(rows, int), np.zeros(rows), np.zeros(rows, bool)
    while min(min(np.bincount(groups[y == c], minlength=len(shares))) for c in (0, 1)) < 10:
        groups = generator.choice(len(shares), rows, p=shares)
        logits = generator.normal(-1, 1.2, rows)
        p = 1 / (1 + np.exp(-logits))
        y = generator.random(rows) < p
    decided = p > 0.35

    def score_of_class(some: np.ndarray) -> dict[str, float]:
        ranks, positive = rankdata(p[some]), y[some]
        count = positive.sum()
        wins = ranks[positive].sum() - count * (count + 1) / 2
        return {
            "true positive rate": decided[some][positive].mean(),
            "false positive rate": decided[some][~positive].mean(),
            "AUROC": wins / (count * (len(some) - count)),
        }

    def score(some: np.ndarray) -> dict[str, float]:
        likelihood = np.where(y[some], p[some], 1 - p[some])
        return {
            "share decided": decided[some].mean(),
            "accuracy": (decided == y)[some].mean(),
            "log loss": -np.log(likelihood).mean(),
            "F1": f1(decided[some], y[some]),
        }

    gaps = group_gaps(
        score_of_class if of_class else score,
        groups,
        y.astype(int) * of_class,
        resamples=200,
        shuffles=200,
        seed=int(generator.integers(10**9)),
    )
    yield FALSE + "groups differ", bool((gaps.p < LEVEL).any()), 1
    yield FALSE + "a group differs from the rest", bool((gaps.rest_p < LEVEL).any()), 1
    held = (gaps.rest_low <= 0) & (gaps.rest_high >= 0)
    for i, metric in enumerate(gaps.metrics):
        yield FALSE + f"a largest difference of {metric}", bool(gaps.low[i] > 0), 1
        yield HELD + f"a group against the rest, {metric}", held[:, i].sum(), len(held)


SIMULATIONS: dict[str, Draw] = {
    "options over 5 seeds": partial(options, splits="seeds", count=1, seeds=5),
    "options over 5 folds": partial(options, splits="folds", count=5, seeds=1),
    "options over 5 splits x 3 seeds": partial(options, splits="splits", count=5, seeds=3),
    "options over 5 folds x 3 seeds": partial(options, splits="folds", count=5, seeds=3),
    "12 options over 5 seeds": partial(options, splits="seeds", count=1, seeds=5, k=12),
    "12 options over 10 folds": partial(options, splits="folds", count=10, seeds=1, k=12),
    "12 options over 5 splits x 3": partial(options, splits="splits", count=5, seeds=3, k=12),
    "options of a search": unpaired,
    "6 picked options of a search": partial(picked_unpaired, k=6),
    "before and after fine-tuning": before_and_after,
    "slices by errors": partial(slices_of, losses=False),
    "slices by losses": partial(slices_of, losses=True),
    "keys of a grid": keys_of_grid,
    "keys of a search": keys_of_search,
    "2 options over 6 data sets": partial(ranks, datasets=6, k=2),
    "2 options over 16 data sets": partial(ranks, datasets=16, k=2),
    "4 options over 5 data sets": partial(ranks, datasets=5, k=4),
    "4 options over 12 data sets": partial(ranks, datasets=12, k=4),
    "P(better) over 12 data sets": partial(better_over_datasets, datasets=MIN_DATASETS),
    "evaluate on 100 rows": partial(bootstrap, rows=100),
    "an input that tells nothing": input_importance,
    "the threshold of a run": gain_of_a_threshold,
    "4 groups, rates of a class": partial(gaps_between_groups, shares=FOUR, of_class=True),
    "4 groups, other metrics": partial(gaps_between_groups, shares=FOUR, of_class=False),
    "2 groups, rates of a class": partial(
        gaps_between_groups, shares=(0.7, 0.3), of_class=True, rows=200
    ),
    "2 groups, other metrics": partial(
        gaps_between_groups, shares=(0.7, 0.3), of_class=False, rows=200
    ),
}


def simulate(name: str, draws: int, seed: int) -> pd.DataFrame:
    """A row for each statement of a simulation: simulation, statement, share, low, high, holds."""
    generator = np.random.default_rng([seed, *name.encode()])
    times, of = Counter(), Counter()
    for _ in range(draws):
        for statement, count, total in SIMULATIONS[name](generator):
            times[statement] += int(count)
            of[statement] += total
    rows = []
    for statement, total in of.items():
        share = times[statement] / total
        low, high = limits(statement, draws)
        rows.append((name, statement, share, low, high, low <= share <= high))
    return pd.DataFrame(rows, columns=["simulation", "statement", "share", "low", "high", "holds"])


def limits(statement: str, draws: int) -> tuple[float, float]:
    """What a statement's share must lie between; the simulation has an error of its own."""
    if statement.startswith(FALSE):
        return 0.0, LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / draws)
    margin = 0.0 if draws >= 1000 else 2 * np.sqrt(LEVEL * (1 - LEVEL) / draws)
    return COVERAGE[0] - margin, COVERAGE[1] + margin


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--only", default="", help="a word that the names of simulations hold")
    parser.add_argument("--workers", type=int, default=1, choices=(1, 2))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    names = [name for name in SIMULATIONS if arguments.only in name]
    holds = True
    with ProcessPoolExecutor(arguments.workers) as pool:
        tables = pool.map(partial(simulate, draws=arguments.draws, seed=arguments.seed), names)
        for table in tables:
            holds &= bool(table["holds"].all())
            for row in table.itertuples():
                mark = "" if row.holds else f"  NOT within {row.low:.3f} to {row.high:.3f}"
                print(f"{row.simulation:32} {row.statement:42} {row.share:6.3f}{mark}", flush=True)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
