"""What the report says of an ensemble: scores against its members', their weights, diversity."""

from pathlib import Path
from typing import Any

import pandas as pd

from lepton.ensemble.machinery.summary import (
    SHOWN_METRICS,
    monitored_metric,
    read_summary,
    summary_sentences,
)
from lepton.ensemble.machinery.weights_figure import member_weights
from lepton.report.blocks import Block, Figure, Table, Text
from lepton.report.number_format import format_number

MAX_MEMBERS = 20  # in a table
SCORES = {"best": "best member", "members": "members' mean", "ensemble": "ensemble"}


def ensemble_blocks(folder: Path, name: str) -> list[Block]:
    """An ensemble beside its members.

    Raises: LeptonError when its own files cannot be read.
    """
    outcome = read_summary(folder)
    suffix = f"_{name.replace(' ', '_')}"
    used_members = outcome.members[outcome.members["weight"] > 0]
    heaviest = (f"{member.run} {member.weight:.3f}" for member in used_members.head(5).itertuples())
    return [
        Text(f"{folder.name}: {'; '.join(summary_sentences(outcome.facts))}."),
        _score_table(outcome.facts["scores"], f"ensemble_scores{suffix}"),
        _member_table(used_members, outcome.facts, f"members{suffix}"),
        Figure(
            f"ensemble_weights{suffix}",
            f"Weights of the members of {folder.name}, heaviest first.",
            ", ".join(heaviest),
            lambda: member_weights(used_members),
        ),
    ]


def _score_table(scores: dict[str, dict[str, float]], name: str) -> Table:
    """The scores of members and ensemble on validation and test, with calibration (ece)."""
    splits = ("val", "test")
    header = ["metric", *(f"{split} {title}" for split in splits for title in SCORES.values())]
    rows = []
    for metric in SHOWN_METRICS:
        scores_by_split = [scores.get(f"{split}/{metric}", {}) for split in splits]
        if any(scores_by_split):
            values = [by_source.get(key) for by_source in scores_by_split for key in SCORES]
            rows.append([metric, *map(format_number, values)])
    caption = "The best member on validation, the mean over members, and the ensemble."
    return Table(name, caption, header, rows, 1)


def _member_table(members: pd.DataFrame, facts: dict[str, Any], name: str) -> Table:
    metric, sign = monitored_metric(facts)
    members = members.assign(score=sign * members["score"])
    members = members.sort_values("weight", ascending=False, kind="stable")
    rows = [
        [
            member["run"],
            *(format_number(member[column]) for column in ("weight", "score")),
            format_number(member["contribution"], "+"),
            *(format_number(member[column]) for column in ("disagreement", "error_correlation")),
        ]
        for member in members.head(MAX_MEMBERS).to_dict("records")
    ]
    more = f" The first {MAX_MEMBERS} of {len(members)}." if len(members) > MAX_MEMBERS else ""
    caption = (
        f"{metric}: of the member alone; worse without it by: what the ensemble loses of it when "
        "the member is left out; disagreement and error correlation: means over the "
        f"other members.{more}"
    )
    numbers = ["weight", metric, "worse without it by", "disagreement", "error correlation"]
    header = ["member", *numbers]
    return Table(name, caption, header, rows, 1)
