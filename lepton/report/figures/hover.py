"""The words that a mark of a figure shows under the pointer."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from lepton.report.number_format import format_number

if TYPE_CHECKING:
    from matplotlib.collections import PathCollection

MARK = "hover:"  # begins what matplotlib takes for a link
LINK = re.compile(rf'<a xlink:href="{MARK}([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)


def set_hover(dots: "PathCollection", texts: Sequence[str]) -> None:
    """Gives each dot its words; matplotlib has no titles, so they go through as links."""
    dots.set_urls([MARK + text for text in texts])


def links_as_titles(svg: str) -> str:
    """The SVG whose marked links are groups with a title, which a browser shows by itself."""
    return LINK.sub(r'<g class="dot"><title>\1</title>\2</g>', svg)


def run_words(runs: pd.DataFrame, metric: str) -> list[str]:
    """Each run's name, seed and value of a metric, for its dot."""
    seeds = runs["seed"] if "seed" in runs else pd.Series(None, index=runs.index)
    rows = zip(runs["run"], seeds, runs[metric], strict=True)
    return [_words(run, seed, metric, value) for run, seed, value in rows]


def _words(run: str, seed: object, metric: str, value: float) -> str:
    seed_text = "" if pd.isna(seed) else f", seed {seed}"
    return f"{run}{seed_text}, {metric.replace('/', ' ')} {format_number(value)}"
