"""The gate before a start, by a clock and costs that are made up."""

from pathlib import Path

import pytest

from lepton.errors import ConfigError, Damaged
from lepton.storage.spent_time import SpentTime, keep_spent_time, spent_time
from lepton.sweep.budget import Budget, read_budget
from lepton.sweep.job import Job
from lepton.values.time_span import read_span


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def job(model, fold=0, **values):
    words = (f"model={model}", f"dataset.val_fold={fold}", *(f"{k}={v}" for k, v in values.items()))
    config = {"rerun": False, "choices": {"model": model}}
    return Job(words, config, Path("runs/default") / "-".join(words))


def run(budget, clock, job, seconds):
    """True where the run was started, which then takes so many seconds."""
    if not budget.allows([job]):
        return False
    clock.now += seconds
    budget.ended(job)
    return True


@pytest.fixture
def clock():
    return Clock()


def test_a_run_starts_while_the_time_left_is_what_the_mean_of_like_ones_took(clock):
    budget = Budget(100, [], clock=clock)
    assert run(budget, clock, job("mlp", 0), 10)
    assert run(budget, clock, job("mlp", 1), 30)  # the mean is 20
    assert run(budget, clock, job("mlp", 2), 40)  # 60 were left
    assert not run(budget, clock, job("mlp", 3), 1)  # 20 are left, for 26.7 s
    assert budget.spent == 80
    assert [reason for _, reason in budget.not_started.values()] == ["about 0:27, 0:20 were left"]


def test_a_run_that_has_started_is_not_shortened_and_then_none_starts(clock):
    budget = Budget(10, [], clock=clock)
    assert run(budget, clock, job("mlp"), 500)
    assert not run(budget, clock, job("linear"), 1)
    assert budget.spent == 500


def test_a_cheaper_model_starts_where_a_dear_one_does_not(clock):
    budget = Budget(100, [], clock=clock)
    run(budget, clock, job("tabm", 0), 60)
    run(budget, clock, job("linear", 0), 5)
    assert not run(budget, clock, job("tabm", 1), 60)
    assert run(budget, clock, job("linear", 1), 5)


def test_another_setting_costs_what_its_own_runs_did_else_what_its_model_did(clock):
    budget = Budget(100, [], clock=clock)
    run(budget, clock, job("mlp", 0, width=8), 10)
    assert budget.estimate([job("mlp", 0, width=64)]) == 10
    run(budget, clock, job("mlp", 0, width=64), 40)
    assert budget.estimate([job("mlp", 1, width=64)]) == 40
    assert budget.estimate([job("mlp", 1, width=8)]) == 10
    assert budget.estimate([job("linear")]) == 0


def test_a_fold_starts_where_the_time_lasts_for_the_others_too(clock):
    jobs = [job(model, fold) for model in ("tabm", "linear") for fold in range(3)]
    budget = Budget(100, jobs, together=["dataset.val_fold"], clock=clock)
    started = [run(budget, clock, j, 40 if "tabm" in str(j) else 10) for j in jobs]
    assert started == [True, False, False, True, True, True]  # 60 s were left for 2 x 40
    reasons = [reason for _, reason in budget.not_started.values()]
    assert reasons[0] == "about 0:40, 1:20 with those it counts with, 1:00 were left"


def test_folds_that_train_at_the_same_time_need_fewer_rounds(clock):
    jobs = [job("tabm", fold) for fold in range(5)]
    budget = Budget(100, jobs, together=["dataset.val_fold"], clock=clock)
    run(budget, clock, jobs[0], 40)
    budget.at_once = 4
    assert all(budget.allows([other]) for other in jobs[1:])


def test_a_stack_starts_whole_or_not_at_all_and_its_time_is_that_of_its_runs(clock):
    first, second, third = ([job("mlp", n) for n in range(k, k + 3)] for k in (0, 3, 6))
    budget = Budget(100, [], clock=clock)
    assert budget.allows(first)
    clock.now += 30
    for member in first:
        budget.ended(member)
    assert budget.estimate(second) == pytest.approx(30)
    clock.now += 35
    assert budget.allows(second)
    clock.now += 30
    assert not budget.allows(third)
    assert len(budget.not_started) == 3


def test_what_was_used_before_is_no_longer_left(clock):
    budget = Budget(100, [], spent=70, clock=clock)
    budget.note_cost(job("mlp", 0), 40)
    assert not budget.allows([job("mlp", 1)])
    assert budget.spent == 70


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("90s", 90), ("1h30m", 5400), ("1.5 min", 90), (45, 45), ("2d", 172800)],
)
def test_a_span_of_time_is_read_as_people_write_it(text, seconds):
    assert read_span(text) == read_budget(text) == seconds


@pytest.mark.parametrize(
    "text", ["soon", "", "10", "10x", "m", True, float("inf"), "30m1h", "5ms", [3]]
)
def test_what_is_no_span_of_time_is_refused(text):
    with pytest.raises(ConfigError, match="is no span of time; write budget=10m"):
        read_budget(text)


@pytest.mark.parametrize("text", [0, "0s", "0m", 0.0])
def test_no_time_is_refused(text):
    with pytest.raises(ConfigError, match="leaves no time; write budget=10m"):
        read_budget(text)


def test_what_a_sweep_has_used_is_kept_beside_others_and_what_other_processes_know(tmp_path):
    assert spent_time(tmp_path, "one") == SpentTime()
    keep_spent_time(tmp_path, "one", SpentTime(12.345, {"a": 4.0}))
    keep_spent_time(tmp_path, "two", SpentTime(5))
    keep_spent_time(tmp_path, "one", SpentTime(3, {"b": 1.0}))  # of a process that knows of less
    assert spent_time(tmp_path, "one") == SpentTime(12.35, {"a": 4.0, "b": 1.0})
    assert spent_time(tmp_path, "two") == SpentTime(5)


DAMAGES = ["{", "[]", '{"one": 3}', '{"one": {"total": -1, "runs": {}}}', '{"one": {"total": 1}}']


@pytest.mark.parametrize("content", [*DAMAGES, '{"one": {"total": 1, "runs": {"a": "3"}}}'])
def test_a_damaged_record_of_it_is_told_with_its_file(tmp_path, content):
    (tmp_path / ".budget.json").write_text(content)
    with pytest.raises(Damaged, match=r"\.budget\.json: not what lepton wrote; remove the file"):
        spent_time(tmp_path, "one")
