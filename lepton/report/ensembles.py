"""Sections on the ensembles of a study: their members, weights, and whether they were worth it."""

from pathlib import Path

import pandas as pd

from lepton.analysis.best_setting import command
from lepton.ensemble.machinery.outcome import SHOWN, Outcome, lines, read
from lepton.errors import LeptonError
from lepton.report.answers import number
from lepton.report.blocks import Block, Code, Figure, Note, Section, Table, Text
from lepton.report.figures import changes as draw
from lepton.storage.run_folder import CONFIG, read_config

SHOWN_AT_MOST = 4  # ensembles
ROWS = 20  # members of a table


def section(made: pd.DataFrame) -> list[Section]:
    """The best ensembles by validation score, each beside its members; none where there is none."""
    if made.empty:
        return []
    made = made.sort_values("score", ascending=False, kind="stable")
    blocks: list[Block] = []
    if len(made) > SHOWN_AT_MOST:
        blocks.append(
            Note(f"The best {SHOWN_AT_MOST} of {len(made)} ensembles by validation score.")
        )
    for row in made.head(SHOWN_AT_MOST).itertuples():
        folder = Path(row.folder)
        try:
            blocks += _one(folder, row.ensemble, read(folder))
        except LeptonError as e:
            blocks.append(Note(str(e)))
    return [Section("Ensembles", blocks)]


def _one(folder: Path, name: str, known: Outcome) -> list[Block]:
    said = "; ".join(lines(known.facts))
    suffix = f"_{name.replace(' ', '_')}"
    used = known.members[known.members["weight"] > 0]
    return [
        Text(f"{folder.name}: {said}."),
        _scores(known.facts["scores"], f"ensemble_scores{suffix}"),
        _members(used, f"members{suffix}"),
        Figure(
            f"ensemble_weights{suffix}",
            f"Weights of the members of {folder.name}, heaviest first.",
            ", ".join(f"{m.run} {m.weight:.3f}" for m in used.head(5).itertuples()),
            lambda: draw.weights(used),
        ),
        Code(f"makes {folder.name}", command(folder, read_config(folder / CONFIG))),
    ]


def _scores(scores: dict[str, dict[str, float]], name: str) -> Table:
    """Calibration (ece) stands among them before and after."""
    rows = []
    for metric in SHOWN:
        found = [scores.get(f"{split}/{metric}", {}) for split in ("val", "test")]
        if any(found):
            cells = [known.get(key) for known in found for key in ("best", "members", "ensemble")]
            rows.append([metric, *("" if cell is None else number(cell) for cell in cells)])
    kinds = ("best member", "members' mean", "ensemble")
    head = ["metric", *(f"{split} {kind}" for split in ("val", "test") for kind in kinds)]
    caption = "The best member by validation score, the mean over members, and the ensemble."
    return Table(name, caption, head, rows, 1)


def _members(used: pd.DataFrame, name: str) -> Table:
    numbers = ("weight", "score", "contribution", "disagreement", "error_correlation")
    used = used.sort_values("weight", ascending=False, kind="stable")
    rows = [
        [row["run"], *(number(row[c], "+" if c == "contribution" else "") for c in numbers)]
        for row in used.head(ROWS).to_dict("records")
    ]
    more = f" The first {ROWS} of {len(used)}." if len(used) > ROWS else ""
    caption = (
        "Score: of the member alone on validation; minus without it: what the ensemble's score "
        "loses when the member is left out; disagreement and error correlation: means over the "
        f"other members.{more}"
    )
    head = ["member", "weight", "score", "minus without it", "disagreement", "error correlation"]
    return Table(name, caption, head, rows, 1)
