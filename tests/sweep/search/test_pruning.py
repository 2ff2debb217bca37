"""A watch prunes as Optuna does against earlier trials, the same in whichever order it is asked."""

import math
import pickle
import random
from statistics import median

import optuna
import pytest

from lepton.sweep.search.pruning import Told, Watch
from tests.quick import quick

MEDIAN = {
    "_target_": "optuna.pruners.MedianPruner",
    "n_startup_trials": 3,
    "n_warmup_steps": 2,
    "interval_steps": 1,
    "n_min_trials": 1,
}
HALVING = {
    "_target_": "optuna.pruners.SuccessiveHalvingPruner",
    "min_resource": 1,
    "reduction_factor": 2,
}
HYPERBAND = {
    "_target_": "optuna.pruners.HyperbandPruner",
    "min_resource": 1,
    "max_resource": 9,
    "reduction_factor": 3,
}
PRUNERS = {"median": MEDIAN, "successive_halving": HALVING, "hyperband": HYPERBAND}
EPOCHS = 9


def curves(count, seed=0):
    """Scores that rise at random towards random heights."""
    draw = random.Random(seed)
    heights = [draw.uniform(0, 1) for _ in range(count)]
    return [[h * (e + draw.random()) / EPOCHS for e in range(1, EPOCHS + 1)] for h in heights]


def trained(watch, curve):
    """The scores until the watch ends the trial, and its status."""
    for epoch, score in enumerate(curve):
        if watch(epoch, score):
            return tuple(curve[: epoch + 1]), "pruned"
    return tuple(curve), "finished"


def batches(pruner, all_curves, size, order=lambda trials: trials):
    """The outcome of every trial when `size` of them are trained at a time, in an order."""
    told, ended = [], []
    for start in range(0, len(all_curves), size):
        numbers = range(start, min(start + size, len(all_curves)))
        watches = {n: Watch(pruner=pruner, number=n, told=tuple(told)) for n in numbers}
        found = {n: trained(watches[n], all_curves[n]) for n in order(list(numbers))}
        ended += [found[n] for n in numbers]
        told += [Told(*found[n], watches[n].marks(found[n][0])) for n in numbers]
    return ended


@pytest.mark.parametrize("name", quick(PRUNERS, "median", "successive_halving"))
def test_one_trial_at_a_time_is_pruned_as_by_optuna_itself(name):
    kind = dict(PRUNERS[name])
    pruner = getattr(optuna.pruners, kind.pop("_target_").rpartition(".")[2])(**kind)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(study_name="lepton", direction="maximize", pruner=pruner)
    expected = []
    for curve in curves(30):
        trial, seen = study.ask(), []
        for step, score in enumerate(curve, 1):
            trial.report(score, step)
            seen.append(score)
            if trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                expected.append((tuple(seen), "pruned"))
                break
        else:
            study.tell(trial, max(curve))
            expected.append((tuple(seen), "finished"))
    found = batches(PRUNERS[name], curves(30), 1)
    assert found == expected
    assert {status for _, status in found} == {"finished", "pruned"}


@pytest.mark.parametrize("name", quick(PRUNERS, "hyperband"))
def test_the_order_within_a_batch_changes_nothing(name):
    straight = batches(PRUNERS[name], curves(18), 6)
    assert batches(PRUNERS[name], curves(18), 6, order=lambda n: n[::-1]) == straight
    shuffled = batches(PRUNERS[name], curves(18), 6, order=lambda n: random.sample(n, len(n)))
    assert shuffled == straight
    assert any(status == "pruned" for _, status in straight)


@pytest.mark.parametrize("name", PRUNERS)
def test_trials_side_by_side_are_pruned_as_one_after_the_other(name):
    told = [Told(tuple(c), "finished") for c in curves(6, seed=1)]
    told = [
        Told(t.scores, t.status, Watch(pruner=PRUNERS[name], number=n, told=()).marks(t.scores))
        for n, t in enumerate(told)
    ]
    mine = curves(4, seed=2)
    alone = [trained(w, c) for w, c in zip(four(name, told), mine, strict=True)]
    watches = four(name, told)
    ended = {}
    for epoch in range(EPOCHS):
        for i in range(4):
            if i not in ended and watches[i](epoch, mine[i][epoch]):
                ended[i] = epoch
    assert [ended.get(i) for i in range(4)] == [
        len(scores) - 1 if status == "pruned" else None for scores, status in alone
    ]


def four(name, told):
    return [Watch(pruner=PRUNERS[name], number=6 + i, told=told) for i in range(4)]


def test_the_median_of_earlier_trials_at_the_same_epoch_decides():
    earlier = curves(7, seed=3)
    told = [Told(tuple(curve), "finished") for curve in earlier]
    for curve in curves(20, seed=4):
        watch, best = Watch(pruner=MEDIAN, number=7, told=told), -math.inf
        for epoch, score in enumerate(curve):
            best = max(best, score)
            middle = median(c[epoch] for c in earlier)
            assert watch(epoch, score) == (epoch >= 1 and best < middle)


def test_the_first_trials_are_never_pruned():
    told = [Told((0.9,) * EPOCHS, "finished")] * 2 + [Told((), "failed")]
    assert trained(Watch(pruner=MEDIAN, number=3, told=told), [0.0] * EPOCHS)[1] == "finished"


@pytest.mark.parametrize("name", PRUNERS)
def test_a_watch_goes_to_another_process_whole(name):
    told = [Told(tuple(c), "finished", {"completed_rung_0": c[0]}) for c in curves(6)]
    one = Watch(pruner=PRUNERS[name], number=8, told=told)
    two = pickle.loads(pickle.dumps(one))
    low = [0.001 * e for e in range(EPOCHS)]
    assert trained(two, low) == trained(one, low)
    three = pickle.loads(pickle.dumps(one))  # after it was asked
    assert trained(three, low) == trained(one, low)


def test_a_run_that_begins_anew_is_watched_anew():
    told = [Told((0.5,) * EPOCHS, "finished")] * 5
    watch = Watch(pruner=MEDIAN, number=5, told=told)
    assert trained(watch, [0.1, 0.9, 0.1]) == ((0.1, 0.9, 0.1), "finished")
    assert trained(watch, [0.1, 0.1, 0.1]) == ((0.1, 0.1), "pruned")


def test_whether_a_curve_ends_where_the_pruner_would_end_it():
    told = [Told((0.5,) * EPOCHS, "finished")] * 5
    watch = Watch(pruner=MEDIAN, number=5, told=told)
    assert watch.ends_with([0.1, 0.1])
    assert not watch.ends_with([0.1])
    assert not watch.ends_with([0.1, 0.1, 0.1])
    assert not watch.ends_with([0.9, 0.9])
    assert not watch.ends_with([])
