"""A study's table as a report, from the question down to every run; nothing is drawn yet."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lepton.compare import choices, groups, told_apart, trained, varying
from lepton.gather import counts
from lepton.question import (
    Comparison,
    asked_of,
    compare,
    default_metric,
    known_keys,
    known_select,
    larger_is_better,
    word,
)
from lepton.report import answers, ensembles, mistakes, reasons, tuned
from lepton.report.blocks import Block, Note, Report, Runs, Section, Text
from lepton.report.figures.options import label
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
        sections = [Section("Runs", [*reasons.lost(frame), *_runs(frame, [], None)])]
        return Report(title, ["No run has finished."], facts, sections, asked.command)
    select = known_select(asked.select, finished)
    finished, made = trained(finished), _ensembles(finished)
    varied = varying(finished, choices(finished))
    weighed = importance(finished, varied, select)
    keys = _keys(asked, frame, finished, varied, weighed)
    found = _compared(frame, keys, asked, select)
    metric = found[0].metric if found else asked.metric or default_metric(finished) or "score"
    sections = [
        answers.section(comparison, _of(frame, comparison), figures=i < answers.DRAWN)
        for i, comparison in enumerate(found)
    ]
    sections = sections or [_alone(finished, metric, varied)]
    sections += answers.across(found)
    sections += tuned.section(finished, keys, metric)
    if varied:
        sections.append(reasons.mattered(weighed, finished, select))
    sections += [
        reasons.best_setting(finished, select),
        *ensembles.section(made),
        reasons.went(finished, keys, metric, varied),
        _wrong(finished, made, keys, select),
        Section("Every run", [*reasons.lost(frame), *_runs(frame, varied, metric)]),
    ]
    said = answers.answer(found) or [f"{len(finished)} finished runs of one setting."]
    facts |= _facts(finished, asked, metric, select)
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
    few = [k for k in varied if k != "dataset" and 2 <= len(finished[k].drop_duplicates()) <= FEW]
    order = [k for k in weighed.shares if k in few] if weighed else []
    return (order or few)[:1]


def _compared(frame, keys, asked: Asked, select: str) -> list[Comparison]:
    if not keys:
        return []
    metric = asked.metric and (asked.metric if "/" in asked.metric else f"test/{asked.metric}")
    return compare(frame, keys, metric=metric, baseline=asked.baseline, select=select)


def _of(frame: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """The runs that a comparison is of."""
    finished = asked_of(frame[frame["status"] == "finished"], comparison.keys)
    if comparison.dataset is None:
        return finished
    return finished[finished["dataset"] == comparison.dataset]


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


def _wrong(finished: pd.DataFrame, made: pd.DataFrame, keys: list[str], select: str) -> Section:
    """Of the best run of the first data set, beside the best of each option and ensembles."""
    sign = 1 if larger_is_better(select) else -1
    one = finished
    if "dataset" in finished:
        one = finished[finished["dataset"] == finished["dataset"].iloc[0]]
    order = one.assign(_by=sign * one[select]).sort_values("_by", ascending=False, kind="stable")
    keys = [key for key in keys if key in order]
    found = groups(order, keys) if keys else [((), order)]
    rivals = {label(key) or "best": Path(part["folder"].iloc[0]) for key, part in found}
    if "dataset" in made and "dataset" in order:
        made = made[made["dataset"] == order["dataset"].iloc[0]]
    for name, folder in zip(made.get("ensemble", ()), made["folder"], strict=True):
        rivals.setdefault(f"ensemble {name}", Path(folder))
    return mistakes.section(Path(order["folder"].iloc[0]), rivals)


def _runs(frame: pd.DataFrame, varied: list[str], metric: str | None) -> list[Block]:
    """Every run with its status, settings that differ, and scores, best first."""
    settings = [c for c in ("dataset", "model", "ensemble") if c in frame and c not in varied]
    settings = [*settings, *varied[:8], *(["seed"] if "seed" in frame else [])]
    facts = ["score", *([metric] if metric and metric != "score" else []), "seconds", "epochs"]
    facts = [c for c in facts if c in frame]
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


def _facts(finished: pd.DataFrame, asked: Asked, metric: str, select: str) -> dict[str, str]:
    chosen = "score (the monitored metric, larger is better)" if select == "score" else select
    seconds = finished["seconds"].sum()
    return {
        "Chosen by": f"validation {chosen}; the test split chose nothing",
        "Compared by": metric.replace("/", " "),
        "Training time": f"{seconds:.0f} s" if seconds < 7200 else f"{seconds / 3600:.1f} h",
        "Studies": ", ".join(asked.studies),
    }
