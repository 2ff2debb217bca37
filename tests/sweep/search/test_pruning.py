"""A watch prunes as Optuna does against earlier trials, the same in whichever order it is asked."""

import math
import pickle
import random
from statistics import median

import optuna
import pytest

from lepton.sweep.search.pruning import TrialRecord, TrialWatch
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
    """The scores of a trial until the watch ends the trial, and its status."""
    for epoch, score in enumerate(curve):
        if watch(epoch, score):
            return tuple(curve[: epoch + 1]), "pruned"
    return tuple(curve), "finished"


def batches(pruner, all_curves, size, order=lambda trials: trials):
    """The outcome of every trial when `size` of them are trained at a time, in an order."""
    earlier, outcomes = [], []
    for start in range(0, len(all_curves), size):
        numbers = range(start, min(start + size, len(all_curves)))
        watches = {
            n: TrialWatch(pruner=pruner, number=n, earlier_trials=tuple(earlier)) for n in numbers
        }
        ended = {n: trained(watches[n], all_curves[n]) for n in order(list(numbers))}
        outcomes += [ended[n] for n in numbers]
        earlier += [TrialRecord(*ended[n], watches[n].pruner_notes(ended[n][0])) for n in numbers]
    return outcomes


@pytest.mark.parametrize("name", quick(PRUNERS, "successive_halving"))
def test_one_trial_at_a_time_is_pruned_as_by_optuna_itself(name):
    node = dict(PRUNERS[name])
    pruner = getattr(optuna.pruners, node.pop("_target_").rpartition(".")[2])(**node)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(study_name="lepton", direction="maximize", pruner=pruner)
    expected = []
    for curve in curves(30):
        trial, scores = study.ask(), []
        for step, score in enumerate(curve, 1):
            trial.report(score, step)
            scores.append(score)
            if trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                expected.append((tuple(scores), "pruned"))
                break
        else:
            study.tell(trial, max(curve))
            expected.append((tuple(scores), "finished"))
    outcomes = batches(PRUNERS[name], curves(30), 1)
    assert outcomes == expected
    assert {status for _, status in outcomes} == {"finished", "pruned"}


@pytest.mark.slow
@pytest.mark.parametrize("name", PRUNERS)
def test_the_order_within_a_batch_changes_nothing(name):
    straight = batches(PRUNERS[name], curves(18), 6)
    assert batches(PRUNERS[name], curves(18), 6, order=lambda n: n[::-1]) == straight
    shuffled = batches(PRUNERS[name], curves(18), 6, order=lambda n: random.sample(n, len(n)))
    assert shuffled == straight
    assert any(status == "pruned" for _, status in straight)


@pytest.mark.parametrize("name", quick(PRUNERS, "hyperband"))
def test_trials_side_by_side_are_pruned_as_one_after_the_other(name):
    earlier = []
    for number, curve in enumerate(curves(6, seed=1)):
        watch = TrialWatch(pruner=PRUNERS[name], number=number, earlier_trials=())
        earlier.append(TrialRecord(tuple(curve), "finished", watch.pruner_notes(curve)))
    mine = curves(4, seed=2)
    alone = [trained(w, c) for w, c in zip(four_watches(name, earlier), mine, strict=True)]
    watches = four_watches(name, earlier)
    ended = {}
    for epoch in range(EPOCHS):
        for i in range(4):
            if i not in ended and watches[i](epoch, mine[i][epoch]):
                ended[i] = epoch
    assert [ended.get(i) for i in range(4)] == [
        len(scores) - 1 if status == "pruned" else None for scores, status in alone
    ]


def four_watches(name, earlier):
    return [
        TrialWatch(pruner=PRUNERS[name], number=6 + i, earlier_trials=earlier) for i in range(4)
    ]


def test_the_median_of_earlier_trials_at_the_same_epoch_decides():
    earlier_curves = curves(7, seed=3)
    earlier = [TrialRecord(tuple(curve), "finished") for curve in earlier_curves]
    for curve in curves(20, seed=4):
        watch, best = TrialWatch(pruner=MEDIAN, number=7, earlier_trials=earlier), -math.inf
        for epoch, score in enumerate(curve):
            best = max(best, score)
            middle = median(c[epoch] for c in earlier_curves)
            assert watch(epoch, score) == (epoch >= 1 and best < middle)


def test_the_first_trials_are_never_pruned():
    earlier = [TrialRecord((0.9,) * EPOCHS, "finished")] * 2 + [TrialRecord((), "failed")]
    watch = TrialWatch(pruner=MEDIAN, number=3, earlier_trials=earlier)
    assert trained(watch, [0.0] * EPOCHS)[1] == "finished"


@pytest.mark.parametrize("name", PRUNERS)
def test_a_watch_goes_to_another_process_whole(name):
    earlier = [TrialRecord(tuple(c), "finished", {"completed_rung_0": c[0]}) for c in curves(6)]
    one = TrialWatch(pruner=PRUNERS[name], number=8, earlier_trials=earlier)
    two = pickle.loads(pickle.dumps(one))
    low = [0.001 * e for e in range(EPOCHS)]
    assert trained(two, low) == trained(one, low)
    three = pickle.loads(pickle.dumps(one))  # after it was asked
    assert trained(three, low) == trained(one, low)


def test_a_run_that_begins_anew_is_watched_anew():
    earlier = [TrialRecord((0.5,) * EPOCHS, "finished")] * 5
    watch = TrialWatch(pruner=MEDIAN, number=5, earlier_trials=earlier)
    assert trained(watch, [0.1, 0.9, 0.1]) == ((0.1, 0.9, 0.1), "finished")
    assert trained(watch, [0.1, 0.1, 0.1]) == ((0.1, 0.1), "pruned")


def test_whether_a_curve_ends_where_the_pruner_would_end_it():
    earlier = [TrialRecord((0.5,) * EPOCHS, "finished")] * 5
    watch = TrialWatch(pruner=MEDIAN, number=5, earlier_trials=earlier)
    assert watch.ends_with([0.1, 0.1])
    assert not watch.ends_with([0.1])
    assert not watch.ends_with([0.1, 0.1, 0.1])
    assert not watch.ends_with([0.9, 0.9])
    assert not watch.ends_with([])
