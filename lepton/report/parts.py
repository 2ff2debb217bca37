"""A study's finished runs by the data set they are on, since scores on two do not compare."""

from dataclasses import dataclass

import pandas as pd

from lepton.analysis.comparison import Comparison, default_metric


@dataclass(frozen=True)
class Part:
    """The runs on one data set, and the metric that they are shown by."""

    dataset: str | None  # where the study has several
    runs: pd.DataFrame
    metric: str

    @property
    def suffix(self) -> str:
        """Of names of figures and tables."""
        return f"_{self.dataset}" if self.dataset else ""

    @property
    def where(self) -> str:
        """In a sentence."""
        return f" on {self.dataset}" if self.dataset else ""

    def chosen_by(self, select: str) -> str:
        """What options are ordered by, where these runs have it."""
        return select if select in self.runs else "score"

    def differ(self, keys: list[str]) -> list[str]:
        """The keys in which these runs differ."""
        found = [key for key in keys if key in self.runs]
        return [key for key in found if len(self.runs[key].drop_duplicates()) > 1]


def parts(finished: pd.DataFrame, found: list[Comparison], asked: str | None) -> list[Part]:
    """In order of appearance; each with the metric that its options were compared by."""
    compared = {comparison.dataset: comparison.metric for comparison in found}
    several = "dataset" in finished and finished["dataset"].nunique() > 1
    split = [*finished.groupby("dataset", sort=False)] if several else [(None, finished)]
    made = []
    for dataset, runs in split:
        runs = runs.dropna(axis=1, how="all")
        metric = compared.get(dataset) or asked
        if metric not in runs:
            metric = default_metric(runs) or "score"
        made.append(Part(dataset, runs, metric))
    return made
