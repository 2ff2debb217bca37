"""Splits a study's finished runs by data set, since scores on two data sets do not compare."""

import hashlib
import re
from dataclasses import dataclass

import pandas as pd

from lepton.analysis.comparison import Comparison, default_metric
from lepton.analysis.score_metrics import ordered_column

MAX_SUFFIX = 40  # characters
PLAIN = rf"[A-Za-z0-9_-]{{1,{MAX_SUFFIX}}}"


@dataclass(frozen=True)
class DatasetRuns:
    """The finished runs on one data set, and the metric that they are shown by."""

    dataset: str | None  # None where the study has one data set only
    runs: pd.DataFrame
    metric: str

    @property
    def suffix(self) -> str:
        """The end of the names of this data set's figures and tables."""
        return name_suffix(self.dataset)

    @property
    def on_dataset(self) -> str:
        """` on NAME`, for a sentence."""
        return on_dataset(self.dataset)

    def ordered_by(self, select: str) -> str:
        """The metric that orders options: `select` or what the score of these runs is."""
        return ordered_column(select, self.runs)

    def varying(self, keys: list[str]) -> list[str]:
        """Those of the keys in which these runs differ."""
        columns = [key for key in keys if key in self.runs]
        return [key for key in columns if len(self.runs[key].drop_duplicates()) > 1]


def name_suffix(dataset: str | None) -> str:
    """`_NAME` as a part of a file's name, or nothing where a study has one data set only."""
    if not dataset or re.fullmatch(PLAIN, dataset):
        return f"_{dataset}" if dataset else ""
    digest = hashlib.sha256(dataset.encode()).hexdigest()[:4]  # of two that look the same so
    return f"_{re.sub('[^A-Za-z0-9-]+', '_', dataset)[:MAX_SUFFIX]}_{digest}"


def on_dataset(dataset: str | None) -> str:
    """` on NAME`, or nothing where a study has one data set only."""
    return f" on {dataset}" if dataset else ""


def split_by_dataset(
    finished: pd.DataFrame, comparisons: list[Comparison], metric: str | None
) -> list[DatasetRuns]:
    """The runs of each data set, in order of appearance.

    The metric is that of the data set's comparison, else the given one, else its default.
    """
    compared_metrics = {comparison.dataset: comparison.metric for comparison in comparisons}
    has_several = "dataset" in finished and finished["dataset"].nunique() > 1
    by_dataset = [*finished.groupby("dataset", sort=False)] if has_several else [(None, finished)]
    datasets = []
    for dataset, rows in by_dataset:
        runs = rows.dropna(axis=1, how="all")
        shown_metric = compared_metrics.get(dataset) or metric
        if shown_metric is None or shown_metric not in runs:
            shown_metric = default_metric(runs) or "score"
        datasets.append(DatasetRuns(dataset, runs, shown_metric))
    return datasets
