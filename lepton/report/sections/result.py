"""The section with the score of a study that has no options to compare."""

import pandas as pd

from lepton.report.blocks import Block, Note, Section, Text


def result_section(runs: pd.DataFrame, metric: str, varied: list[str]) -> Section:
    """The mean score of the runs, and why nothing is compared."""
    if len(runs) == 1:
        text = (
            "One run alone: there is nothing to compare it with, and no spread to tell chance by."
        )
    elif varied:
        text = "No key has a few options to compare; --compare KEY names one."
    else:
        text = f"{len(runs)} runs of the same setting: they show how much training varies."
    blocks: list[Block] = [Note(text)]
    if metric in runs:
        scores = runs[metric].dropna()
        spread = f" ± {scores.std():.4f}" if len(scores) > 1 else ""
        mean = f"{scores.mean():.4f}{spread} (n = {len(scores)})"
        blocks.append(Text(f"{metric.replace('/', ' ')}: {mean}."))
    return Section("The result", blocks)
