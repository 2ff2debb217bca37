"""Canaries for the private parts of Optuna: a pruner decides the same on trials made again."""

from functools import partial

import pytest

optuna = pytest.importorskip("optuna", reason="a search needs Optuna")
SCORES = ([0.9, 0.8, 0.95, 0.9], [0.2, 0.1, 0.3, 0.2], [0.5, 0.9, 0.1, 0.6], [0.4, 0.1, 0.1, 0.1])


@pytest.fixture
def moved(canary):
    return partial(canary, "optuna")


@pytest.fixture
def private(moved):
    with moved("a name that lepton.compat.optuna imports"):
        import lepton.compat.optuna as private
    return private


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def study():
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    return optuna.create_study(direction="maximize", pruner=pruner)


def decisions(trial, scores):
    decided = []
    for epoch, score in enumerate(scores, 1):
        trial.report(score, epoch)
        decided.append(trial.should_prune())
    return decided


def test_a_pruner_decides_on_trials_made_of_notes_as_on_those_that_it_saw(private, moved):
    full_study, expected, earlier, again = study(), [], [], []
    with moved("FrozenTrial.system_attrs and create_trial"):
        for scores in SCORES:
            trial = full_study.ask()
            expected.append(decisions(trial, scores))
            notes = private.pruner_notes(full_study)
            rebuilt = study()
            rebuilt.add_trials(earlier)
            again.append(decisions(rebuilt.ask(), scores))
            assert private.pruner_notes(rebuilt) == notes
            full_study.tell(trial, scores[-1])
            state = optuna.trial.TrialState.COMPLETE
            earlier.append(
                private.ended_trial(state, dict(enumerate(scores, 1)), notes, scores[-1])
            )
        assert any(map(any, expected)), "nothing was pruned, so nothing was compared"
        assert again == expected


def test_a_trial_that_failed_has_no_value(private, moved):
    with moved("create_trial"):
        failed = private.ended_trial(optuna.trial.TrialState.FAIL, {1: 0.5}, {}, None)
        assert failed.values is None
        assert failed.intermediate_values == {1: 0.5}


def test_the_end_of_a_grid_is_swallowed_and_no_other_error_is(private, moved):
    grid = optuna.create_study(sampler=optuna.samplers.GridSampler({"a": [1]}))
    with moved("the words of the error of Study.stop"):
        trial = grid.ask({"a": optuna.distributions.IntDistribution(1, 1)})
        with private.without_end_of_search():
            grid.tell(trial, 1.0)
        assert [trial.state.name for trial in grid.trials] == ["COMPLETE"]
        with pytest.raises(RuntimeError, match=r"Study\.stop"):
            grid.stop()
    with pytest.raises(RuntimeError, match="no luck"), private.without_end_of_search():
        raise RuntimeError("no luck")
