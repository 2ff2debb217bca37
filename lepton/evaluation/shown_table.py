"""ShownTable: what an evaluator shows of its tables, as `lepton evaluate` prints it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class ShownTable:
    """A table of texts, and the lines below it; one with `all_metrics` tells all that the evaluator
    measured, which then stands in no line of its own."""

    texts: pd.DataFrame
    lines: Sequence[str] = ()
    all_metrics: bool = False
