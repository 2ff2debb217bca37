"""multirun: a sweep from Python, by the words of `lepton train -m`."""

from lepton.errors import LeptonError
from lepton.notebook.python_calls import python_call, words_of
from lepton.notebook.study import Study


def multirun(*words: str, **named: object) -> Study:
    """The study of `lepton train -m WORDS`, once all that it lacked is trained.

    Raises: LeptonError for a mistake of the caller's; FailedRuns when a run did not finish: the
        others are kept, and the study can be opened.
    """
    with python_call():
        given = words_of("multirun", words, named)
        from lepton.sweep.ended_studies import collecting_studies
        from lepton.sweep.multirun import multirun as run_sweep

        with collecting_studies() as folders:
            run_sweep(given)
        if len(folders) == 1:
            return Study(folders[0])
        names = ", ".join(f"lepton.Study({str(folder)!r})" for folder in folders)
        raise LeptonError(f"multirun: the runs are finished, in several studies: {names}")
