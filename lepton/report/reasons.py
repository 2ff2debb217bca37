"""Sections on the study as a whole: which choices mattered, how training went, what it cost."""

from pathlib import Path

import pandas as pd

from lepton.best import best
from lepton.compare import groups
from lepton.errors import LeptonError
from lepton.gather import LOST
from lepton.question import larger_is_better, word
from lepton.report.blocks import Block, Code, Figure, Note, Section, Table, Text
from lepton.report.figures import options as draw
from lepton.report.figures import training
from lepton.report.style import SAMPLE
from lepton.stats.importance import Importance

OPTIONS, SEEDS = 6, 12  # drawn as learning curves


def mattered(found: Importance | None, finished: pd.DataFrame, score: str) -> Section:
    """What each key explains of the validation score."""
    title = "Which choices mattered?"
    if found is None:
        words = "Too few finished runs, or too little that differs between them, to weigh choices."
        return Section(title, [Note(words)])
    first, share = next(iter(found.shares.items()))
    blocks: list[Block] = [
        Text(f"{first} explains most: {_percent(share)} of the variance."),
        _shares(found),
        Figure(
            "importance",
            f"Variance of the validation score explained by each key ({found.method}).",
            ", ".join(f"{k} {_percent(v)}" for k, v in found.shares.items()),
            lambda: draw.importance_bars(found),
        ),
    ]
    if found.largest:
        a, b = found.largest
        same_data = finished["dataset"].nunique() == 1 if "dataset" in finished else True
        if same_data:
            blocks.append(
                Figure(
                    "interaction",
                    f"Mean validation score for values of {a} and {b}; fuller is better.",
                    f"mean validation score by {a} and {b}",
                    lambda: draw.interaction(finished, (a, b), score),
                )
            )
    return Section(title, blocks)


def _shares(found: Importance) -> Table:
    """What each key explains, the largest first, then three pairs."""
    rows = [[k, str(found.levels[k]), _percent(v)] for k, v in found.shares.items()]
    rows += [[f"{a} with {b}", "", _percent(v)] for (a, b), v in [*found.pairs.items()][:3]]
    head = ["key", "values", "variance explained"]
    if found.chance:
        head.append("by chance alone")
        rows = [[*row, _percent(found.chance[row[0]]) if row[1] else ""] for row in rows]
    caption = (
        f"Share of the variance of the validation score, by {found.method}. All keys together "
        f"explain {_percent(found.explained)}; the rest is seeds and chance. A pair's share is "
        "what the two explain beyond what each does alone."
    )
    return Table("importance", caption, head, rows, 1)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def best_setting(finished: pd.DataFrame, select: str) -> Section:
    """The best setting of each data set, as a command and as YAML."""
    parts = [(None, finished)]
    if "dataset" in finished and finished["dataset"].nunique() > 1:
        parts = [*finished.groupby("dataset")]
    blocks: list[Block] = []
    for dataset, part in parts:
        try:
            found = best(part.dropna(axis=1, how="all"), select)
        except LeptonError as e:
            blocks.append(Note(str(e)))
            continue
        where = f" on {dataset}" if dataset else ""
        runs = f"{found.runs} run{'s' if found.runs > 1 else ''}"
        words = (
            f"Best{where} of {found.looked_at} finished runs looked at, by {select} "
            f"({word(found.score)}, mean of {runs}). The best of many looks better on the "
            "validation split than it is."
        )
        blocks += [Text(words), Code(f"makes {found.run}", found.command)]
        blocks.append(Code(f"config.yaml of {found.run}", found.yaml, folded=True))
    return Section("The best setting", blocks)


def went(finished: pd.DataFrame, keys: list[str], metric: str, varied: list[str]) -> Section:
    """Learning curves, cost against score, and every run through its settings."""
    blocks: list[Block] = []
    one = finished
    if "dataset" in finished and finished["dataset"].nunique() > 1:
        first = finished["dataset"].iloc[0]
        one = finished[finished["dataset"] == first]
        blocks.append(Note(f"Figures of training show {first}, the first of the data sets."))
    known = groups(one, keys) if keys else [((), one)]
    if any(_history(folder).is_file() for folder in one["folder"]):
        blocks.append(
            Figure(
                "learning_curves",
                f"Mean over seeds, band from the lowest to the highest ({min(len(known), OPTIONS)} "
                f"of {len(known)} options, at most {SEEDS} runs each).",
                "validation score and training loss by epoch",
                lambda: training.learning_curves(_histories(known)),
                wide=True,
            )
        )
    blocks += _costs(one, keys, metric)
    if varied and len(one) > 2:
        blocks.append(
            Figure(
                "parallel_coordinates",
                "A line a run through its settings to its validation score; orange: the best "
                f"tenth.{' A sample of 60 runs.' if len(one) > 60 else ''}",
                "settings and validation score of every run",
                lambda: training.parallel(one, varied[:6], "score"),
                wide=True,
            )
        )
    return Section("How training went", blocks)


def _costs(one: pd.DataFrame, keys: list[str], metric: str) -> list[Block]:
    """Score against time and against parameters, where these differ."""
    blocks: list[Block] = []
    names = _names(one, keys)
    sample = f" Dots: {SAMPLE} runs drawn by chance." if len(one) > SAMPLE else ""
    for column, what in (("seconds", "training time"), ("parameters", "parameters")):
        if one[column].nunique() > 1 and one[metric].notna().any():
            blocks.append(
                Figure(
                    f"score_by_{column}",
                    f"{metric.replace('/', ' ')} against {what}; line: runs that no other beats "
                    f"in both.{sample}",
                    f"{metric} against {what} of {len(one)} runs",
                    lambda column=column: training.cost(
                        one, column, metric, larger=larger_is_better(metric), options=names
                    ),
                )
            )
    return blocks


def _names(frame: pd.DataFrame, keys: list[str]) -> pd.Series:
    labels = pd.Series("runs", index=frame.index)
    for key, part in groups(frame, keys) if keys else []:
        labels[part.index] = draw.label(key)
    return labels


def _history(folder: str) -> Path:
    return Path(folder) / "history.parquet"


def _histories(known: list[tuple[tuple, pd.DataFrame]]) -> dict[tuple, list[pd.DataFrame]]:
    found = {}
    for key, part in known[:OPTIONS]:
        paths = [_history(folder) for folder in part["folder"][:SEEDS]]
        frames = [pd.read_parquet(path) for path in paths if path.is_file()]
        frames = [frame for frame in frames if "epoch" in frame]
        if frames:
            found[key] = frames
    return found


def lost(frame: pd.DataFrame) -> list[Block]:
    """Runs without a result, each with why."""
    wrong = frame[frame["status"].isin([*LOST, "missing", "running"])]
    if wrong.empty:
        return []
    errors = wrong["error"] if "error" in wrong else pd.Series("", index=wrong.index)
    rows = [
        [run, status, "" if pd.isna(error) else str(error)]
        for run, status, error in zip(wrong["run"], wrong["status"], errors, strict=True)
    ]
    said = f"{len(rows)} of {len(frame)} runs have no result; nothing above counts them."
    if len(rows) > 200:
        said += " The first 200 of them."
    head = ["run", "status", "why"]
    return [Table("without_result", said, head, rows[:200], 3)]
