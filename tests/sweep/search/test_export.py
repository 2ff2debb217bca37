"""Trials are copied to a storage of Optuna's, where Optuna itself reads them."""

import optuna
import pytest

from lepton.errors import ConfigError
from lepton.sweep.multirun import plan_runs
from tests.sweep.conftest import SEARCH, SPACE, score

SIZE = ("hydra.sweeper.n_trials=4", "hydra.sweeper.batch=2")
pytestmark = pytest.mark.filterwarnings("ignore")


def copied(url):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    (name,) = optuna.get_all_study_names(url)
    return optuna.load_study(study_name=name, storage=url)


@pytest.mark.slow
def test_optuna_reads_the_trials_of_a_search(search, training, study):
    url = "sqlite:///search.db"
    points = search(*SIZE, f"hydra.sweeper.storage={url}")
    trials = copied(url).trials
    assert [(t.params["optimizer.lr"], t.params["model.dropout"]) for t in trials] == [
        point[1:] for point in points
    ]
    assert [trial.value for trial in trials] == [score(config) for config in training.configs]
    assert all((study() / trial.user_attrs["runs"][0]).is_dir() for trial in trials)
    more = search("hydra.sweeper.n_trials=6", SIZE[1], f"hydra.sweeper.storage={url}")
    assert len(more) == 2
    assert len(copied(url).trials) == 6  # made anew, not added to
    assert copied(url).best_value == max(score(config) for config in training.configs)


@pytest.mark.slow
def test_a_journal_file_will_do_and_changes_no_proposal(search):
    first = search(*SIZE, "hydra.sweeper.storage=search.log")
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend("search.log")
    )
    assert len(copied(storage).trials) == 4
    assert search(*SIZE, "study=two") == first


@pytest.mark.slow
def test_a_storage_that_breaks_is_a_warning_and_the_search_goes_on(search, caplog, monkeypatch):
    def broken(self, *arguments, **values):
        raise OSError("disk is gone")

    monkeypatch.setattr(optuna.storages.JournalStorage, "create_new_trial", broken)
    assert len(search(*SIZE, "hydra.sweeper.storage=search.log")) == 4
    assert caplog.text.count("hydra.sweeper.storage: no longer written (disk is gone)") == 1


@pytest.mark.slow
def test_a_storage_that_cannot_be_opened_is_refused_before_the_first_run(search, training):
    for url in ("sqlite:////nowhere/at/all.db", "nonsense://x", "/nowhere/search.log"):
        with pytest.raises(ConfigError, match=r"hydra\.sweeper\.storage: .* cannot be opened"):
            search(*SIZE, f"hydra.sweeper.storage={url}")
    assert training.configs == []
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.storage: 3 is neither null nor a URL"):
        plan_runs([*SEARCH, *SPACE, "hydra.sweeper.storage=3"], sweep=True)
