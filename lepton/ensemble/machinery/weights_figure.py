"""The figure of an ensemble: the weights of its members."""

from typing import TYPE_CHECKING

import pandas as pd

from lepton.report.figures.style import INK, LINE, series_color, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_MEMBERS = 16


def member_weights(members: pd.DataFrame) -> "Figure":
    """A bar a member: its weight, heaviest first; members without one are left out."""
    used_members = members[members["weight"] > 0]
    used_members = used_members.sort_values("weight", ascending=False, kind="stable")
    heaviest = used_members.head(MAX_MEMBERS)
    weights = heaviest["weight"]
    figure, ax = subplots(6.4, 0.8 + 0.27 * len(heaviest))
    ax.barh(range(len(heaviest)), weights, color=series_color(0), height=0.6)
    for i, weight in enumerate(weights):
        ax.text(weight, i, f" {weight:.3f}", va="center", color=INK)
    ax.set_yticks(range(len(heaviest)), heaviest["run"], color=INK)
    ax.set_ylim(len(heaviest) - 0.4, -0.6)
    ax.set_xlim(0, weights.max() * 1.18)
    ax.set_xlabel("weight")
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_color(LINE)
    return figure
