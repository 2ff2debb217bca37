"""What deciding by the scores of a binary run brings: gain, lift, and metrics by threshold."""

from pathlib import Path

import numpy as np

from lepton.decision.thresholds import DEFAULT
from lepton.errors import LeptonError
from lepton.evaluation.kept_rule import read_rule
from lepton.report.blocks import Block, Figure, Table
from lepton.report.figures.thresholds import Threshold, gain_curve, gain_lift_threshold
from lepton.report.number_format import format_percent
from lepton.report.predictions import Predictions
from lepton.storage.followed_rule import kept_rule_name
from lepton.storage.results import finished_result

SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of samples, in the table


def threshold_blocks(
    predictions_by_name: dict[str, Predictions], best_run: Path, suffix: str
) -> list[Block]:
    """The figure of binary runs, the best first, and the table of the best run's gain and lift."""
    predictions = next(iter(predictions_by_name.values()))
    try:
        threshold = _read_threshold(best_run, predictions)
        chosen = "chose" if threshold.value != DEFAULT else "kept"
        has_rule = threshold.p is not predictions.prediction or threshold.value != DEFAULT
        whose = f"that evaluation=decision {chosen}" if has_rule else "where nothing was chosen"
    except LeptonError:  # which the table of gains by the rule tells in its place
        threshold, whose = Threshold(predictions.prediction, DEFAULT, None), "its rule is damaged"
    cost = (
        "; cost as a share of deciding for one class alone" if threshold.costs is not None else ""
    )
    figure = Figure(
        f"gain_lift_threshold{suffix}",
        "Test split. Gain and lift of the best run of each option; dotted: by chance, dashed: the "
        f"best there can be. Right: the best run by threshold; line: {threshold.value:.2f}, "
        f"{whose}{cost}.",
        "cumulative gain, lift, and metrics by threshold",
        lambda: gain_lift_threshold(predictions_by_name, threshold),
        wide=True,
    )
    return [figure, _gain_table(predictions, suffix)]


def _read_threshold(folder: Path, predictions: Predictions) -> Threshold:
    """What a run decides by on its test split. Raises: LeptonError where its rule is damaged."""
    rule = read_rule(folder)
    if rule is None:
        return Threshold(predictions.prediction, DEFAULT, None)
    evaluations = finished_result(folder).evaluations
    name = kept_rule_name(evaluations)
    costs = evaluations[name]["settings"].get("costs") if name else None
    p = rule.probabilities(predictions.prediction.astype(float))
    costs = None if costs is None else np.array(costs, dtype=float)
    return Threshold(p, rule.thresholds[0] if rule.thresholds else DEFAULT, costs)


def _gain_table(predictions: Predictions, suffix: str) -> Table:
    """Gain and lift of some shares of the samples."""
    shares, gains = gain_curve(predictions.target, predictions.prediction, predictions.weight)
    positive, base = predictions.spec.classes[1], predictions.positive_share
    rows = []
    for share in SHARES:
        gain = float(np.interp(share, shares, gains))
        lift = gain / share
        cells = [format_percent(share), format_percent(lift * base), format_percent(gain)]
        rows.append([*cells, f"{lift:.2f}"])
    header = ["highest scores", f"{positive} among them", f"of all {positive}", "lift"]
    caption = (
        f"The test samples with the highest scores of the best run: how many are {positive}, what "
        f"share of all {positive} that is, and how many times as many as by chance."
    )
    return Table(f"gain{suffix}", caption, header, rows, 0)
