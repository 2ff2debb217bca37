"""Metrics that a run adds: their values, their direction, and wherever a metric may be named."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn import metrics as sk

import lepton
from lepton import build, load
from lepton.analysis.comparison import compare
from lepton.commands.check import main as check_command
from lepton.commands.results import main as results_command
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_id
from lepton.config.options import find_options
from lepton.errors import ConfigError
from lepton.example import make_batch, make_spec
from lepton.metric.direction import larger_is_better
from tests.vectorize.conftest import SMALL

FAST = ("model=mlp_small", "trainer=cpu", "trainer.max_epochs=2", "trainer.progress=false")
TABLE = ("dataset=synthetic", "dataset.rows=300")
OWN_METRIC = '''
def profit(prediction, target, *, cost: float):
    """What lending by a prediction earns a row."""
    lent = prediction > 0.5
    return (lent & (target == 1)).double().mean() - cost * (lent & (target == 0)).double().mean()


def broken(prediction, target):
    raise KeyError("nothing works")
'''


@pytest.fixture
def own_metric(here, monkeypatch):
    (here / "bank.py").write_text(OWN_METRIC)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("LEPTON_ALLOW", "")
    lepton.allow("bank")
    return ("+metric.profit._target_=bank.profit", "+metric.profit.cost=0.4")


def task_with(name, *overrides):
    return build.task(check(compose(*TABLE, *overrides)), make_spec(name))


def predictions(name, rows=64):
    """Predictions and targets of which some agree, both positive where they are quantities."""
    target = make_batch(make_spec(name), rows=rows)["target"].double()
    noise = torch.rand(rows, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    if name == "regression":
        target = 1 + target.abs()
        return target + noise - 0.5, target
    if name == "multiclass":
        hot = torch.nn.functional.one_hot(target.long(), 3).double()
        return (2 * hot + noise[:, None] * torch.arange(3)).softmax(-1), target.long()
    noise = noise.reshape(-1, *[1] * (target.ndim - 1))
    return 0.45 * target + 0.5 * noise.expand_as(target), target


def classes_of(name, p):
    return p.argmax(1) if name == "multiclass" else (p > 0.5).astype(int)


def by_classes(function, average="macro"):
    """A metric of scikit-learn's on predicted classes, averaged over classes or labels."""

    def metric(name, y, p):
        options = {} if name == "binary" else {"average": average}
        return function(y, classes_of(name, p), zero_division=0, **options)

    return metric


def specificity(name, y, p):
    if name == "binary":
        return sk.recall_score(1 - y, 1 - classes_of(name, p))
    wrong = sk.multilabel_confusion_matrix(y, classes_of(name, p))
    return np.mean(wrong[:, 0, 0] / (wrong[:, 0, 0] + wrong[:, 0, 1]))


def at_fixed(name, y, p, *, of_precision):
    """The best precision where recall is 0.9 at least, or the other way around."""
    if name != "binary":
        y = np.eye(3)[y] if name == "multiclass" else y
        of_class = partial(at_fixed, "binary", of_precision=of_precision)
        return np.mean([of_class(y[:, c], p[:, c]) for c in range(p.shape[1])])
    precision, recall, _ = sk.precision_recall_curve(y, p)
    best, fixed = (precision, recall) if of_precision else (recall, precision)
    return best[fixed >= 0.9].max()


CLASSES, REGRESSION = ("binary", "multiclass", "multilabel"), ("regression",)
EXPECTED = {
    "precision": (CLASSES, by_classes(sk.precision_score)),
    "recall": (CLASSES, by_classes(sk.recall_score)),
    "specificity": (CLASSES, specificity),
    "cohen_kappa": (CLASSES[:2], lambda n, y, p: sk.cohen_kappa_score(y, classes_of(n, p))),
    "precision_at_recall": (CLASSES, partial(at_fixed, of_precision=True)),
    "recall_at_precision": (CLASSES, partial(at_fixed, of_precision=False)),
    "top_k_accuracy": (("multiclass",), lambda n, y, p: sk.top_k_accuracy_score(y, p, k=2)),
    "mape": (REGRESSION, lambda n, y, p: sk.mean_absolute_percentage_error(y, p)),
    "median_absolute_error": (REGRESSION, lambda n, y, p: sk.median_absolute_error(y, p)),
    "spearman": (REGRESSION, lambda n, y, p: spearmanr(y, p).statistic),
    "pinball": (REGRESSION, lambda n, y, p: sk.mean_pinball_loss(y, p, alpha=0.5)),
}
VALUES = {"top_k_accuracy": ("metric.top_k_accuracy.top_k=2",)}
CASES = [(metric, task) for metric, (tasks, _) in EXPECTED.items() for task in tasks]


@pytest.mark.slow
@pytest.mark.parametrize(("metric", "name"), CASES)
def test_a_metric_is_that_of_scikit_learn_or_scipy(metric, name):
    task = task_with(name, f"metric={metric}", *VALUES.get(metric, ()))
    p, y = predictions(name)
    scored = task.score(p, y, only=[metric])
    y = y.numpy() if name == "regression" else y.long().numpy()
    assert scored == {metric: pytest.approx(EXPECTED[metric][1](name, y, p.numpy()), abs=1e-6)}


def test_every_metric_that_is_shipped_is_compared():
    shipped = {*find_options()["metric"]} - {"none"}
    assert {*EXPECTED} == shipped


@pytest.mark.parametrize("metric", EXPECTED)
def test_a_metric_for_another_task_is_refused_in_one_line(metric):
    for name in sorted({*CLASSES, *REGRESSION} - {*EXPECTED[metric][0]}):
        with pytest.raises(ConfigError, match=f"metric={metric}: ") as error:
            task_with(name, f"metric={metric}")
        assert "\n" not in str(error.value)
    if EXPECTED[metric][0] == REGRESSION and metric != "mape":
        with pytest.raises(ConfigError, match=r"is for regression; dataset\.task is multi"):
            check(compose("dataset=digits_flat", f"metric={metric}"))


@pytest.mark.parametrize(
    ("name", "metric", "message"),
    [
        ("regression", "pinball.level=3.0", "pinball.level: 3.0 is not float, between"),
        (
            "binary",
            "precision_at_recall.min_recall=3.0",
            "min_recall: 3.0 is not float, above 0, 1",
        ),
        (
            "binary",
            "recall_at_precision.min_precision=-1.0",
            "min_precision: -1.0 is not float, above",
        ),
    ],
)
def test_a_metric_that_refuses_its_values_says_which(name, metric, message):
    with pytest.raises(ConfigError, match=message):
        task_with(name, f"metric={metric.partition('.')[0]}", f"metric.{metric}")


@pytest.mark.slow
def test_a_class_of_torchmetrics_by_its_name_says_itself_which_way_is_better():
    kappa = "+metric.kappa._target_=torchmetrics.classification.MulticlassCohenKappa"
    task = task_with("multiclass", kappa, "+metric.kappa.weights=linear")
    p, y = predictions("multiclass")
    expected = sk.cohen_kappa_score(y, p.argmax(1), weights="linear")
    assert task.score(p, y)["kappa"] == pytest.approx(expected)
    assert task.metrics["kappa"]
    functional = "torchmetrics.functional.classification"
    hamming = f"+metric.h._target_={functional}.multilabel_hamming_distance"
    with pytest.raises(ConfigError, match=r"metric\.h\.larger_is_better: nothing says it; give"):
        task_with("multilabel", hamming)
    task = task_with("multilabel", hamming, "+metric.h.larger_is_better=false")
    p, y = predictions("multilabel")
    assert task.score(p, y)["h"] == pytest.approx(sk.hamming_loss(y, p > 0.5))


@pytest.mark.slow
def test_what_is_wrong_with_a_metric_is_said_in_one_line(own_metric):
    for overrides, message in (
        (("metric=precision", "metric.precision.average=maco"), "average"),
        (("metric=precision", "+metric.precision.num_classes=3"), "set by lepton, not by hand"),
        (
            ("metric=pinball", "+metric.pinball.lvl=3"),
            r"metric\.pinball\.lvl: metric=pinball has",
        ),
        (("metric=precision", "metric.precision.larger_is_better=yes_"), "'yes_' is not bool"),
        (
            ("+metric.accuracy._target_=bank.profit", "+metric.accuracy.cost=1"),
            "give yours an",
        ),
        (("+metric.p._target_=bank.profit",), r"metric\.p\.cost: missing; metric=p needs it"),
        (("+metric.p._target_=pickle.loads",), "not in a trusted package"),
        (
            ("metric=precision", "task.monitor=precisio"),
            "no metric 'precisio'; did you mean",
        ),
    ):
        with pytest.raises(ConfigError, match=message):
            task_with("multiclass", *overrides)
    several = "+metric.p._target_=torchmetrics.classification.MulticlassPrecision"
    task = task_with("multiclass", several, "+metric.p.average=none")
    with pytest.raises(ConfigError, match="metric=p: gave 3 numbers; a metric is one number"):
        task.score(*predictions("multiclass"))


def test_a_metric_is_undefined_where_it_has_no_value_and_nan_where_predictions_are_not_finite():
    task = task_with("regression", "metric=spearman")
    assert "spearman" not in task.score(torch.ones(5), torch.arange(5.0))
    assert np.isnan(task.score(torch.full((5,), torch.nan), torch.arange(5.0))["spearman"])


@pytest.mark.slow
def test_a_function_of_ones_own_stands_in_every_row_and_may_choose(run, own_metric, capsys):
    larger = "+metric.profit.larger_is_better=false"  # which is wrong, and so tells who heeds it
    overrides = (*TABLE, *FAST, *own_metric, larger, "metric=[recall]")
    for seed in (0, 1):
        for rate in (0.001, 0.05):
            folder = run(*overrides, f"seed={seed}", f"optimizer.lr={rate}", "task.monitor=profit")
    result = json.loads((folder / "result.json").read_text())
    for split in ("val", "test"):
        assert {f"{split}/profit", f"{split}/recall"} <= result["metrics"].keys()
        assert f"{split}/profit" in result["constant"]
    assert result["score"] == -result["metrics"]["val/profit"]
    assert result["added"]["larger_is_better"] == {"profit": False, "recall": True}

    lepton.allow()
    frame = load("default")
    assert not larger_is_better("test/profit", frame)
    assert larger_is_better("val/recall", frame)
    (comparison,) = compare(
        frame, ["optimizer.lr"], metric="test/profit", baseline=None, select="val/profit"
    )
    assert not comparison.larger_is_better
    assert comparison.table["score"].is_monotonic_increasing
    results_command(["default", "--metric", "profit,recall", "--explain"])
    assert "test profit (smaller is better)" in capsys.readouterr().out


@pytest.mark.slow
def test_a_metric_enters_the_id_of_a_run_and_none_leaves_it():
    recall = "metric=recall"
    chosen = ((), ("metric=none",), (recall,), (recall, "metric.recall.average=micro"))
    ids = [run_id(check(compose(*TABLE, *overrides))) for overrides in chosen]
    assert ids[0] == ids[1]
    assert len({*ids}) == 3


@pytest.mark.slow
def test_a_metric_that_fails_ends_a_run_before_it_is_trained(run, own_metric):
    broken = ("+metric.b._target_=bank.broken", "+metric.b.larger_is_better=true")
    with pytest.raises(KeyError, match="nothing works"):
        run(*TABLE, *FAST, *broken, "trainer.max_epochs=100000")


@pytest.mark.slow
def test_a_stack_chooses_by_an_added_metric_as_its_runs_do_alone(gap, own_metric):
    larger = "+metric.profit.larger_is_better=true"
    metrics = ("metric=[cohen_kappa,recall]", *own_metric, larger, "trainer.precision=64-true")
    assert gap(*SMALL, *metrics, "task.monitor=profit,cohen_kappa") < 1e-9


@pytest.mark.slow
def test_an_ensemble_chooses_by_an_added_metric_and_stores_its_direction(run, ensemble):
    for seed in (0, 1, 2):
        run(*TABLE, *FAST, "metric=cohen_kappa", f"seed={seed}", "study=members")
    with pytest.raises(ConfigError, match="no metric 'cohen_kap'; did you mean 'cohen_kappa'"):
        ensemble("runs=members", "metric=cohen_kap")
    folder = ensemble("runs=members", "metric=cohen_kappa", "keep=true").folder
    result = json.loads((folder / "result.json").read_text())
    assert result["score"] == result["metrics"]["val/cohen_kappa"]
    assert result["added"]["larger_is_better"] == {"cohen_kappa": True}


@pytest.mark.slow
def test_a_search_takes_an_added_metric_as_its_objective(here, own_metric, capsys):
    words = ["-m", "hydra/sweeper=search", *TABLE, "optimizer.lr=interval(0.001,0.1)"]
    assert check_command([*words, "metric=recall", "hydra.sweeper.objectives=[val/recall]"]) == 0
    own = [*words, *own_metric, "hydra.sweeper.objectives=[val/profit]"]
    with pytest.raises(ConfigError, match="nothing says whether val/profit is to be large"):
        check_command(own)
    with pytest.raises(ConfigError, match="larger_is_better: nothing says it; give true or false"):
        check_command(
            [*own, "hydra.sweeper.directions=[maximize]"]
        )  # the search knows, its runs not
    assert check_command([*own, "+metric.profit.larger_is_better=true"]) == 0
    with pytest.raises(ConfigError, match="'val/recal'; did you mean 'val/recall'"):
        check_command([*words, "metric=recall", "hydra.sweeper.objectives=[val/recal]"])
