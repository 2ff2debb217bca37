"""A study's table as a report, from the question down to every run; nothing is drawn yet."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lepton.analysis.comparison import (
    Comparison,
    asked_of,
    compare,
    known_keys,
    known_select,
    larger_is_better,
    word,
)
from lepton.analysis.grouping import choices, groups, told_apart, trained, varying
from lepton.analysis.study import counts
from lepton.report import answers, ensembles, mistakes, reasons, tuned
from lepton.report.blocks import Block, Note, Report, Runs, Section, Text
from lepton.report.figures.options import label
from lepton.report.parts import Part, parts
from lepton.stats.importance import Importance, importance

FEW = 12  # options of a key that is compared without being asked for


@dataclass(frozen=True)
class Asked:
    """What the command line asked for; None is for the study to say."""

    studies: list[str]
    keys: list[str] | None
    metric: str | None
    baseline: str | None
    select: str
    command: str


def compose(frame: pd.DataFrame, asked: Asked) -> Report:
    """Raises: LeptonError for a key, metric or baseline that the study does not have."""
    finished = frame[frame["status"] == "finished"].dropna(axis=1, how="all")
    title = ", ".join(Path(study).name for study in asked.studies)
    facts = {"Runs looked at": counts(frame)}
    if finished.empty:
        sections = [Section("Runs", [*reasons.lost(frame), *_runs(frame, [], [])])]
        return Report(title, ["No run has finished."], facts, sections, asked.command)
    select = known_select(asked.select, finished)
    finished, made = trained(finished), _ensembles(finished)
    varied = varying(finished, choices(finished))
    weighed = importance(finished, varied, select)
    keys = _keys(asked, frame, finished, varied, weighed)
    found = _compared(frame, keys, asked, select)
    by_data = parts(finished, found, _full(asked.metric))
    metrics = [*dict.fromkeys(part.metric for part in by_data)]
    sections = [
        answers.section(comparison, _of(frame, comparison), figures=i < answers.DRAWN)
        for i, comparison in enumerate(found)
    ]
    sections = sections or [_alone(finished, metrics[0], varied)]
    sections += answers.across(found)
    sections += tuned.section(by_data, keys)
    if varied:
        sections.append(reasons.mattered(weighed, finished, select))
    sections += [
        reasons.best_setting(by_data, select),
        *ensembles.section(made),
        reasons.went(by_data[: answers.DRAWN], keys, varied, left=len(by_data) - answers.DRAWN),
        *(_wrong(part, made, keys, select) for part in by_data[: answers.DRAWN]),
        Section("Every run", [*reasons.lost(frame), *_runs(frame, varied, metrics)]),
    ]
    said = answers.answer(found) or [_uncompared(finished, varied)]
    facts |= _facts(finished, asked, metrics, select)
    return Report(title, said, facts, sections, asked.command)


def _ensembles(finished: pd.DataFrame) -> pd.DataFrame:
    """The finished runs that are ensembles, best first, each with a name of its own."""
    if "ensemble" not in finished:
        return finished.iloc[:0]
    made = told_apart(finished[finished["ensemble"].notna()])
    return made.sort_values("score", ascending=False, kind="stable")


def _keys(asked, frame, finished, varied: list[str], weighed: Importance | None) -> list[str]:
    """The keys asked for, else the one that explains most of those with a few options."""
    if asked.keys:
        every = frame[frame["status"] == "finished"].dropna(axis=1, how="all")
        return known_keys(asked.keys, asked_of(every, asked.keys))
    few = [k for k in varied if k != "dataset" and _few(finished, k)]
    order = [k for k in weighed.shares if k in few] if weighed else []
    return (order or few)[:1]


def _few(finished: pd.DataFrame, key: str) -> bool:
    """Whether a key has few enough options, and a value not of its own for each run."""
    count = len(finished[key].drop_duplicates())
    repeated = key in choices(finished) or 2 * count <= len(finished)
    return 2 <= count <= FEW and repeated


def _full(metric: str | None) -> str | None:
    return metric and (metric if "/" in metric else f"test/{metric}")


def _compared(frame, keys, asked: Asked, select: str) -> list[Comparison]:
    if not keys:
        return []
    metric = _full(asked.metric)
    return compare(frame, keys, metric=metric, baseline=asked.baseline, select=select)


def _of(frame: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """The runs that a comparison is of."""
    finished = asked_of(frame[frame["status"] == "finished"], comparison.keys)
    if comparison.dataset is None:
        return finished
    return finished[finished["dataset"] == comparison.dataset]


def _uncompared(finished: pd.DataFrame, varied: list[str]) -> str:
    runs = f"{len(finished)} finished run{'' if len(finished) == 1 else 's'}"
    return f"{runs}, and no options to compare." if varied else f"{runs} of one setting."


def _alone(finished: pd.DataFrame, metric: str, varied: list[str]) -> Section:
    if len(finished) == 1:
        words = (
            "One run alone: there is nothing to compare it with, and no spread to tell chance by."
        )
    elif varied:
        words = "No key has a few options to compare; --compare KEY names one."
    else:
        words = f"{len(finished)} runs of the same setting: they show how much training varies."
    blocks: list[Block] = [Note(words)]
    if metric in finished:
        values = finished[metric].dropna()
        spread = f" ± {values.std():.4f}" if len(values) > 1 else ""
        blocks.append(
            Text(f"{metric.replace('/', ' ')}: {values.mean():.4f}{spread} (n = {len(values)}).")
        )
    return Section("The result", blocks)


def _wrong(part: Part, made: pd.DataFrame, keys: list[str], select: str) -> Section:
    """Of the best run on a data set, beside the best of each option and ensembles."""
    by = part.chosen_by(select)
    order = part.runs.sort_values(by, ascending=not larger_is_better(by), kind="stable")
    keys = [key for key in keys if key in order]
    found = groups(order, keys) if keys else [((), order)]
    rivals = {label(key) or "best": Path(part["folder"].iloc[0]) for key, part in found}
    if "dataset" in made and "dataset" in order:
        made = made[made["dataset"] == order["dataset"].iloc[0]]
    for name, folder in zip(made.get("ensemble", ()), made["folder"], strict=True):
        rivals.setdefault(f"ensemble {name}", Path(folder))
    return mistakes.section(Path(order["folder"].iloc[0]), rivals, part)


def _runs(frame: pd.DataFrame, varied: list[str], metrics: list[str]) -> list[Block]:
    """Every run with its status, settings that differ, and scores, best first."""
    settings = [c for c in ("dataset", "model", "ensemble") if c in frame and c not in varied]
    settings = [*settings, *varied[:8], *(["seed"] if "seed" in frame else [])]
    facts = [c for c in dict.fromkeys(["score", *metrics, "seconds", "epochs"]) if c in frame]
    if "score" in frame:
        frame = frame.sort_values("score", ascending=False, kind="stable")
    columns = [["" if pd.isna(v) else word(v) for v in frame[c]] for c in settings]
    numbers = [
        ["" if pd.isna(v) else f"{v:.4f}" if isinstance(v, float) else str(v) for v in frame[c]]
        for c in facts
    ]
    rows = zip(frame["run"], frame["status"], *columns, *numbers, strict=True)
    head = ["run", "status", *settings, *("validation score" if c == "score" else c for c in facts)]
    caption = "Every run, best validation score first; all columns are in runs.csv."
    return [Runs(caption, head, [list(row) for row in rows], 2 + len(settings))]


def _facts(finished, asked: Asked, metrics: list[str], select: str) -> dict[str, str]:
    chosen = "score (the monitored metric, larger is better)" if select == "score" else select
    seconds = finished["seconds"].sum()
    return {
        "Chosen by": f"validation {chosen}; the test split chose nothing",
        "Compared by": ", ".join(metrics).replace("/", " "),
        "Training time": f"{seconds:.0f} s" if seconds < 7200 else f"{seconds / 3600:.1f} h",
        "Studies": ", ".join(asked.studies),
    }
