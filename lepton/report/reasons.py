"""Sections on the study as a whole: which choices mattered, how training went, what it cost."""

from pathlib import Path

import pandas as pd

from lepton.analysis.best_setting import best
from lepton.analysis.comparison import larger_is_better, word
from lepton.analysis.grouping import groups
from lepton.analysis.study import LOST
from lepton.errors import LeptonError
from lepton.report.blocks import Block, Code, Figure, Note, Section, Table, Text
from lepton.report.figures import options as draw
from lepton.report.figures import training
from lepton.report.parts import Part
from lepton.report.style import SAMPLE
from lepton.stats.importance import Importance, comparable

TOTAL = (
    "what only the two together explain, which the share of each holds too, so that shares may "
    "add up to more than all"
)
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
        several = "dataset" in finished and finished["dataset"].nunique() > 1
        unit = ", in standard deviations from the mean on each data set" if several else ""
        known = finished[finished[score].notna()]
        scores = known.assign(score=comparable(known, score))
        better = "fuller" if larger_is_better(score) else "emptier"
        blocks.append(
            Figure(
                "interaction",
                f"Mean validation score for values of {a} and {b}{unit}; {better} is better.",
                f"mean validation score by {a} and {b}",
                lambda: draw.interaction(scores, (a, b), "score"),
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
        f"{'what the two explain beyond what each does alone' if found.chance else TOTAL}."
    )
    return Table("importance", caption, head, rows, 1)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def best_setting(parts: list[Part], select: str) -> Section:
    """The best setting of each data set, as a command and as YAML."""
    blocks: list[Block] = []
    for part in parts:
        by = part.chosen_by(select)
        try:
            found = best(part.runs, by)
        except LeptonError as e:
            blocks.append(Note(str(e)))
            continue
        runs = f"{found.runs} run{'s' if found.runs > 1 else ''}"
        words = (
            f"Best{part.where} of {found.looked_at} finished runs looked at, by {by} "
            f"({word(found.score)}, mean of {runs}). The best of many looks better on the "
            "validation split than it is."
        )
        blocks += [Text(words), Code(f"makes {found.run}", found.command)]
        blocks.append(Code(f"config.yaml of {found.run}", found.yaml, folded=True))
    return Section("The best setting", blocks)


def went(parts: list[Part], keys: list[str], varied: list[str], *, left: int) -> Section:
    """Learning curves, cost against score, and every run through its settings, by data set."""
    blocks: list[Block] = []
    if left > 0:
        more = f"{left} more data set{'' if left == 1 else 's'}"
        blocks.append(Note(f"No figures of training are drawn of {more}."))
    for part in parts:
        blocks += [*_curves(part, keys), *_costs(part, keys), *_parallel(part, varied)]
    return Section("How training went", blocks)


def _curves(part: Part, keys: list[str]) -> list[Block]:
    known = groups(part.runs, part.differ(keys))
    found = _histories(known)
    if not found:
        return []
    drawn = f"{min(len(known), OPTIONS)} of {len(known)} options, at most {SEEDS} runs each"
    return [
        Figure(
            f"learning_curves{part.suffix}",
            f"Learning curves{part.where}: mean over an option's runs, band from the lowest to the "
            f"highest ({drawn}).",
            f"validation score and training loss by epoch{part.where}",
            lambda: training.learning_curves(found),
            wide=True,
        )
    ]


def _parallel(part: Part, varied: list[str]) -> list[Block]:
    keys = part.differ(varied)[:6]
    if not keys or len(part.runs) < 3:
        return []
    sample = " A sample of 60 runs." if len(part.runs) > 60 else ""
    return [
        Figure(
            f"parallel_coordinates{part.suffix}",
            f"A line a run{part.where} through its settings to its validation score; orange: the "
            f"best tenth.{sample}",
            f"settings and validation score of every run{part.where}",
            lambda: training.parallel(part.runs, keys, "score"),
            wide=True,
        )
    ]


def _costs(part: Part, keys: list[str]) -> list[Block]:
    """Score against time and against parameters, where these differ."""
    blocks: list[Block] = []
    runs, metric = part.runs, part.metric
    names = _names(runs, part.differ(keys))
    sample = f" Dots: {SAMPLE} runs drawn by chance." if len(runs) > SAMPLE else ""
    for column, what in (("seconds", "training time"), ("parameters", "parameters")):
        if runs[column].nunique() > 1 and runs[metric].notna().any():
            blocks.append(
                Figure(
                    f"score_by_{column}{part.suffix}",
                    f"{metric.replace('/', ' ')} against {what}{part.where}; line: runs that no "
                    f"other beats in both.{sample}",
                    f"{metric} against {what} of {len(runs)} runs{part.where}",
                    lambda column=column: training.cost(
                        runs, column, metric, larger=larger_is_better(metric), options=names
                    ),
                )
            )
    return blocks


def _names(frame: pd.DataFrame, keys: list[str]) -> pd.Series:
    labels = pd.Series("runs", index=frame.index)
    for key, part in groups(frame, keys) if keys else []:
        labels[part.index] = draw.label(key)
    return labels


def _histories(known: list[tuple[tuple, pd.DataFrame]]) -> dict[tuple, list[pd.DataFrame]]:
    """What is drawn of each option's epochs; models that fit themselves have none."""
    found = {}
    for key, part in known[:OPTIONS]:
        frames = [_history(Path(folder)) for folder in part["folder"][:SEEDS]]
        if frames := [frame for frame in frames if frame is not None]:
            found[key] = frames
    return found


def _history(folder: Path) -> pd.DataFrame | None:
    """None where it cannot be read, or holds nothing that is drawn."""
    try:
        frame = pd.read_parquet(folder / "history.parquet")
    except (OSError, ValueError):
        return None
    return frame if "epoch" in frame and {*training.CURVES} & {*frame} else None


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
