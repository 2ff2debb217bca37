"""What folds choose where a metric is undefined for some of their rows, or of their predictions."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import r2_score, roc_auc_score

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder
from lepton.errors import ConfigError, Diverged
from lepton.example import make_spec
from lepton.storage.predictions import read_predictions
from lepton.storage.results import read_result
from lepton.task import task_for
from lepton.training import inside
from lepton.training.fold_scores import is_clearly_better, refuse_undefined

SHORT = ("model=mlp_small", "preprocessing=none", "trainer.max_epochs=4", "trainer=cpu")
FILE = ("dataset=csv", "dataset.path=rows.csv", "dataset.target=y", "dataset.duplicates=keep")
INSIDE = (*FILE, "dataset.validation=inside", *SHORT)
BY_GROUP = ("dataset.split=group", "dataset.split_column=g", "dataset.test_size=0.25")


def task_of(name, monitor):
    settings = {"class_weights": None, "monitor": monitor, "calibration_bins": 15}
    return task_for(make_spec(name), **settings)


def rows_of(target):
    return {"id": torch.arange(len(target)), "target": torch.from_numpy(target)}


@pytest.fixture
def pooled(monkeypatch):
    """The predictions of all folds, once a run has them; a function given replaces them."""
    seen, replace = [], []

    def spied(*arguments, **options):
        found = untouched(*arguments, **options)
        seen.append(replace[0](found) if replace else found)
        return seen[-1]

    untouched = inside._pooled
    monkeypatch.setattr(inside, "_pooled", spied)
    return seen, replace


def grouped_rows(here):
    """Eight groups of five rows, each of one class."""
    draw = np.random.default_rng(0)
    group = np.repeat(np.arange(8), 5)
    frame = pd.DataFrame(draw.normal(size=(40, 3)), columns=["a", "b", "c"])
    frame["y"], frame["g"] = np.where(group % 2, "yes", "no"), [f"g{i}" for i in group]
    frame["a"] += (frame["y"] == "yes") * 0.7
    frame.to_csv(here / "rows.csv", index=False)


@pytest.mark.slow
def test_the_epoch_is_that_of_the_best_auroc_of_all_rows_where_no_fold_has_one(run, here, pooled):
    grouped_rows(here)
    folder = run(*INSIDE, *BY_GROUP, "task.monitor=auroc")
    result, [found] = read_result(folder), pooled[0]
    val = read_predictions(folder, "val")
    areas = [roc_auc_score(val.target, kept) for kept in found.kept]
    assert len(areas) == 4
    assert result.best_epoch == int(np.argmax(areas))
    history = pd.read_parquet(folder / "history.parquet")["val/auroc"]
    np.testing.assert_allclose(history, areas[: len(history)])
    assert result.metrics["val/auroc"] == pytest.approx(max(areas))


@pytest.mark.slow
@pytest.mark.parametrize("rows", [3, 6])
def test_single_rows_have_no_r2_and_all_together_do(run, here, pooled, rows):
    draw = np.random.default_rng(rows)
    frame = pd.DataFrame(draw.normal(size=(rows, 2)), columns=["a", "b"])
    frame.assign(y=frame.a * 2 + 0.1).to_csv(here / "rows.csv", index=False)
    words = ("dataset.task=regression", "dataset.test_size=0", "task.monitor=r2")
    folder = run(*INSIDE, *words)
    val, [found] = read_predictions(folder, "val"), pooled[0]
    shares = [r2_score(val.target, kept) for kept in found.kept]
    assert read_result(folder).best_epoch == int(np.argmax(shares))
    assert read_result(folder).metrics["val/r2"] == pytest.approx(max(shares), rel=1e-4)


def spearman_words(here, split):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(20, 2)), columns=["a", "b"])
    frame.assign(y=frame.a, split=split).to_csv(here / "rows.csv", index=False)
    by_column = ("dataset.split=column", "dataset.split_column=split", "dataset.task=regression")
    return (*INSIDE, *by_column, "metric=spearman", "task.monitor=spearman")


HALVES = np.repeat(["train", "test"], 10)


@pytest.mark.slow
def test_an_epoch_that_predicts_one_number_is_not_chosen(run, here, pooled):
    seen, replace = pooled

    def with_constant_first(found):
        found.kept[0], found.kept[2] = 1.0, -found.kept[3]
        return found

    replace.append(with_constant_first)
    folder = run(*spearman_words(here, HALVES))
    target = read_predictions(folder, "val").target
    ranks = [spearmanr(target, kept).statistic for kept in seen[0].kept[1:]]
    assert read_result(folder).best_epoch == 1 + int(np.argmax(ranks))


@pytest.mark.slow
def test_a_metric_that_no_epoch_has_is_told_before_the_last_training(lepton, here, pooled):
    def constant(found):
        return inside.Pooled(torch.ones_like(found.kept), None, 0.0)

    pooled[1].append(constant)
    code, _, errors = lepton("train", *spearman_words(here, HALVES))
    assert code == 2
    line = "task.monitor: spearman is undefined for all that the folds predict of the 10 rows; rmse"
    assert line in errors
    assert "Traceback" not in errors


@pytest.mark.slow
@pytest.mark.parametrize("monitor", ["r2", "spearman"])
def test_a_metric_that_the_training_rows_never_have_is_told_before_any_training(
    lepton, here, pooled, monitor
):
    words = spearman_words(here, HALVES)
    frame = pd.read_csv(here / "rows.csv")
    frame.loc[:9, "y"] = 1.5
    frame.to_csv(here / "rows.csv", index=False)
    code, _, errors = lepton("train", *words, f"task.monitor={monitor}")
    assert code == 2
    assert f"task.monitor: {monitor} is undefined on the 10 training rows, whose targets" in errors
    assert pooled[0] == []


@pytest.mark.parametrize(
    ("name", "monitor", "refused"),
    [
        ("binary", "auroc", True),
        ("binary", "f1", True),
        ("binary", "log_loss", False),
        ("regression", "r2", True),
        ("regression", "rmse", False),
    ],
)
def test_targets_that_are_all_alike_are_refused_for_metrics_that_compare_them(
    name, monitor, refused
):
    task, varied = task_of(name, monitor), np.array([0.0, 1.0, 1.0, 0.0])
    refuse_undefined(task, rows_of(varied))
    same = rows_of(np.ones(4))
    if refused:
        with pytest.raises(ConfigError, match=f"{monitor} is undefined on the 4 training rows"):
            refuse_undefined(task, same)
    else:
        refuse_undefined(task, same)


def clearly(values, folds, kept, start):
    """By hand: the mean gain of folds that have a score, against its standard error."""
    gains = []
    for held_out in folds:
        try:
            gain = values(held_out, kept) - values(held_out, start)
        except ValueError:
            continue
        gains += [gain] if math.isfinite(gain) else []
    if len(gains) < 2:
        return True
    return np.mean(gains) > np.sqrt(np.var(gains, ddof=1) / len(gains))


@pytest.mark.slow
@pytest.mark.parametrize("monitor", ["auroc", "r2"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_a_fold_without_a_score_is_left_out_of_the_standard_error(monitor):
    draw, answers = np.random.default_rng(0), []
    name, metric = ("binary", roc_auc_score) if monitor == "auroc" else ("regression", r2_score)
    for _ in range(40):
        target = draw.integers(0, 2, 14).astype(float)
        target = target if monitor == "auroc" else target + draw.normal(size=14)
        kept, start = draw.random((2, 14))
        kept = np.clip(kept + 0.2 * (target - 0.5), 0, 1)
        places = draw.permutation(14)
        folds = [np.sort(part) for part in np.split(places, [1, 3, 6, 10])]

        def values(held_out, predicted, target=target):
            return metric(target[held_out], predicted[held_out])

        rows = rows_of(target)
        of_both = (torch.from_numpy(kept), torch.from_numpy(start))
        got = is_clearly_better(task_of(name, monitor), *of_both, rows, folds)
        assert got == clearly(values, folds, kept, start)
        answers.append(got)
    assert 5 < sum(answers) < 35


@pytest.mark.parametrize("scored", [0, 1])
def test_where_fewer_than_two_folds_have_a_score_that_of_all_rows_decides(scored):
    target = np.array([0.0, 0, 1, 1, 1, 1])
    folds = [np.array([0, 1]), np.array([2, 3]), np.array([4, 5])]
    if scored:
        folds = [np.array([0, 2]), np.array([1]), np.array([3, 4, 5])]
    kept, start = torch.rand(2, 6, generator=torch.Generator().manual_seed(0))
    assert is_clearly_better(task_of("binary", "auroc"), kept, start, rows_of(target), folds)


@pytest.mark.slow
def test_a_start_without_a_score_in_any_fold_stays_where_all_rows_say_so(run, here, pooled):
    """A loaded head and its epochs, by the AUROC of all rows alone."""
    grouped_rows(here)
    source = run(*FILE, "dataset.drop=[g]", *SHORT)
    folder = run(*INSIDE, *BY_GROUP, "task.monitor=auroc", "finetune=head", f"init_from={source}")
    [found], target = pooled[0], read_predictions(folder, "val").target
    areas = [roc_auc_score(target, kept) for kept in (found.start, *found.kept)]
    assert read_result(folder).best_epoch == int(np.argmax(areas)) - 1
    assert read_result(folder).metrics["val/auroc"] == pytest.approx(max(areas))


@pytest.mark.slow
def test_a_fold_that_diverges_ends_the_run_and_leaves_no_weights(run, here):
    grouped_rows(here)
    words = (*INSIDE, *BY_GROUP, "optimizer.lr=1e30", "regularization=none", "scheduler=none")
    with pytest.raises(Diverged):
        run(*words)
    [failed] = run_folder(check(compose(*words))).parent.iterdir()
    failure = json.loads((failed / "failure.json").read_text())
    assert failure["weights"] == "none: those of a fold are not kept"
    assert not [*failed.rglob("model.*")]
