"""What is shown of the gains by a chosen rule: each metric without it and by it."""

import pandas as pd

from lepton.decision.rule import DecisionRule
from lepton.evaluation.shown_table import ShownTable, with_limits

GAINS = "gains"  # the table


def shown_gains(gains: pd.DataFrame, rule: DecisionRule) -> ShownTable:
    """A row for each metric that the rule changes, and the rule in words."""
    rows = [
        {
            "metric": row.metric,
            "without the rule": f"{row.test:.4f}",
            "by the rule": f"{row.test_decided:.4f}",
            "difference [95 %]": with_limits(row.difference, row.low, row.high, sign="+"),
        }
        for row in gains.itertuples()
    ]
    chosen = rule.describe() or "the likeliest class, as without it"
    return ShownTable(pd.DataFrame(rows), [f"the rule that validation chose: {chosen}"])
