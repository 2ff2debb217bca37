"""A copy of a search's trials in a storage of Optuna's, for its dashboard; never read again."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lepton.errors import ConfigError
from lepton.sweep.search.proposals import Proposals, quiet_optuna, study_directions

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage

log = logging.getLogger("lepton")
NODE = "hydra.sweeper.storage"


class TrialCopy:
    """Copies ended trials to a study of a storage, which is made anew at each start.

    `storage` is a URL of a database, or the path of a journal.

    Raises: ConfigError when the storage cannot be opened. What goes wrong later is a warning, once.
    """

    def __init__(self, storage: str, study_name: str, directions: Sequence[str]):
        self.storage, self.copied, self.is_broken = storage, 0, False
        with quiet_optuna():
            try:
                self.study = _new_study(storage, study_name, directions)
            except Exception as e:  # of any driver
                raise ConfigError(f"{NODE}: {storage!r} cannot be opened ({_reason(e)})") from None

    def update(self, proposals: Proposals, runs: Sequence[Sequence[str]]) -> None:
        """Copies what has ended since; `runs` are the names of the runs of each trial."""
        import optuna

        if self.is_broken:
            return
        with quiet_optuna():
            trials = proposals.study.get_trials(deepcopy=False)
            ended = [trial for trial in trials if trial.state.is_finished()][self.copied :]
            try:
                for trial in ended:
                    number = trial.number - proposals.offset
                    names = list(runs[number]) if 0 <= number < len(runs) else ["there before"]
                    self.study.add_trial(
                        optuna.trial.create_trial(
                            state=trial.state,
                            values=trial.values,
                            params=trial.params,
                            distributions=trial.distributions,
                            intermediate_values=trial.intermediate_values,
                            system_attrs=trial.system_attrs,
                            user_attrs={"runs": names},
                        )
                    )
                    self.copied += 1
            except Exception as e:
                self.is_broken = True
                log.warning("%s: no longer written (%s); the search goes on", NODE, _reason(e))


def _new_study(storage: str, study_name: str, directions: Sequence[str]) -> "Study":
    import optuna

    opened = _open(storage)
    if study_name in optuna.get_all_study_names(opened):
        optuna.delete_study(study_name=study_name, storage=opened)
    return optuna.create_study(
        study_name=study_name, storage=opened, directions=study_directions(directions)
    )


def _open(storage: str) -> "str | BaseStorage":
    if "://" in storage:
        return storage
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(storage))


def _reason(error: Exception) -> str:
    (first, *_) = str(error).strip().splitlines() or [type(error).__name__]
    return first
