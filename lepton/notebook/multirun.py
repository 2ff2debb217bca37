"""multirun: a sweep from Python, by the words of `lepton train -m`."""

from lepton.errors import LeptonError
from lepton.notebook.python_calls import python_call, words_of
from lepton.notebook.study import Study


def multirun(*words: str, budget: str | float | None = None, **named: object) -> Study:
    """The study of `lepton train -m WORDS`, once all that it lacked is trained, or what a `budget`,
    as 10m, lasted for; the run that an experiment has made of a sweep's is one of the study's.

    Raises: LeptonError for a mistake of the caller's; FailedRuns when a run did not finish: the
        others are kept, and the study can be opened.
    """
    with python_call():
        given = words_of("multirun", words, named)
        given += [] if budget is None else [f"budget={budget}"]
        from lepton.sweep.ended_studies import collecting_ends
        from lepton.sweep.multirun import multirun as run_sweep

        with collecting_ends() as ended:
            run_sweep(given)
        if len(ended.studies) == 1:
            return Study(ended.studies[0])
        names = ", ".join(f"lepton.Study({str(folder)!r})" for folder in ended.studies)
        raise LeptonError(f"multirun: the runs are finished, in several studies: {names}")
