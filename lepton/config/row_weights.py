"""Checks of dataset.weight, the column by which rows count."""

from typing import Any

from lepton.config.chosen_options import option_label
from lepton.config.class_facts import class_fact
from lepton.config.model_kind import NETWORK, ModelKind


def row_weight_problems(config: dict[str, Any], kind: ModelKind) -> list[str]:
    """A line for each mistake that is seen without the data."""
    data = config["dataset"] or {}
    if (column := data.get("weight")) is None:
        if data.get("weighted_metrics") is False:
            return [
                "dataset.weighted_metrics=false: rows have no weights; dataset.weight gives some"
            ]
        return []
    target = data.get("target")
    targets = target if isinstance(target, list) else [target]
    problems = []
    if column in targets:
        problems.append(f"dataset.weight={column}: is the target; name a column of weights")
    if column == data.get("split_column"):
        problems.append(f"dataset.weight={column}: is dataset.split_column; name another column")
    if kind is not NETWORK and not class_fact(config["model"], "weighs_rows"):
        problems.append(
            f"dataset.weight: {option_label(config, 'model')} {kind.words}, and does not say that "
            "it weighs rows (weighs_rows = True); null is right"
        )
    return problems
