"""Tells apart runs on one data set whose labels were used in different ways.

Where folds of the training rows chose the epoch, all other rows that are not test were trained on;
where a validation split did, its labels were used beside the training rows. Scores of the two do
not compare, so each kind is shown as data sets are: by itself, under a name that says which.
"""

import pandas as pd

from lepton.config.validation import INSIDE, OUTSIDE
from lepton.stats.repetitions import VALIDATION, value_texts

KINDS = (INSIDE, OUTSIDE)
SHOTS = ["dataset.shots", "dataset.fraction"]  # by which a run that has no result tells its kind
MARK = ", validation="  # before the kind, at the end of a name


def with_label_use(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs, with their kind added to the names of data sets that have finished ones of both.

    A run that is older than the key has a validation split. One without a result that does not say
    its kind is of the only kind that finished runs with as many rows are.
    """
    if "dataset" not in frame or VALIDATION not in frame:
        return frame
    is_finished = frame["status"] == "finished"
    kinds = frame[VALIDATION].where(frame[VALIDATION].isin(KINDS))
    kinds = kinds.where(kinds.notna() | ~is_finished, OUTSIDE)
    names = frame["dataset"].astype(object)
    for name, finished_kinds in kinds[is_finished].groupby(names[is_finished]):
        if finished_kinds.nunique() > 1:
            of_data = names == name
            told = _completed(frame[of_data], kinds[of_data])
            names[of_data] = (name + MARK + told).where(told.notna(), None)
            kinds[of_data] = told
    return frame.assign(**{"dataset": names, VALIDATION: kinds})


def _completed(runs: pd.DataFrame, kinds: pd.Series) -> pd.Series:
    """The kinds of runs, of those that do not say it by the finished ones with as many rows."""
    texts = [value_texts(runs[column]) + " " for column in SHOTS if column in runs]
    sizes = sum(texts, pd.Series("", runs.index))
    known = kinds[runs["status"] == "finished"].groupby(sizes).unique()
    only = {size: found[0] for size, found in known.items() if len(found) == 1}
    return kinds.where(kinds.notna(), sizes.map(only))


def without_label_use(dataset: str | None) -> str | None:
    """The name of a data set without the kind of its runs."""
    name, mark, kind = (dataset or "").rpartition(MARK)
    return name if mark and kind in KINDS else dataset


def label_use_note(datasets: list[str | None]) -> list[str]:
    """A sentence where data sets of these names are one in two kinds; none otherwise."""
    if len({*map(without_label_use, datasets)}) == len(datasets):
        return []
    return [
        f"Runs validated by folds ({VALIDATION}={INSIDE}) and by a split of their own ({OUTSIDE}) "
        f"are compared apart; --where '{VALIDATION} == {INSIDE}' looks at one kind."
    ]
