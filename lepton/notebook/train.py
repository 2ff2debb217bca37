"""train: one run from Python, by the words of the command line or a composed config."""

from pathlib import Path
from typing import TYPE_CHECKING

from lepton.errors import LeptonError
from lepton.notebook.python_calls import python_call, words_of
from lepton.notebook.run_result import RunResult

if TYPE_CHECKING:
    from omegaconf import DictConfig


def train(*words: "str | DictConfig", **named: object) -> RunResult:
    """The result of `lepton train WORDS`: trained now, or read when the same run is finished.

    In the place of words it takes one config of `compose`, changed by hand or not.

    >>> train(5)
    Traceback (most recent call last):
    lepton.errors.LeptonError: train: 5 is no word; each is a string, as in train('seed=1')

    Raises: LeptonError for a mistake of the caller's; what training raises.
    """
    from omegaconf import DictConfig

    from lepton.config.compose import compose

    with python_call():
        configs = [word for word in words if isinstance(word, DictConfig)]
        if configs and (len(words) > 1 or named):
            raise LeptonError("train: takes words or one config; give the words to compose")
        cfg = configs[0] if configs else compose(*words_of("train", words, named))
        from lepton.run import train_to_folder
        from lepton.storage.study import refresh_tables

        folder = train_to_folder(cfg)
        refresh_tables(Path(folder).parent)
        return RunResult.read(folder)
