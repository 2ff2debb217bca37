"""Runs of a study grouped over seeds: means, intervals, paired differences; plain DataFrames."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lepton.config.check import SUPPLIED_ARGUMENTS
from lepton.stats.pairs import Pairs, interval, pairs
from lepton.stats.welch import Unpaired
from lepton.stats.welch import unpaired as without_pairs

REPEATS = ["seed", "dataset.fold", "dataset.split_seed"]  # what repetitions of a run differ in
FACTS = {
    *("run", "status", "error", "folder", "study", "runs", "rerun", "logger", "experiment"),
    *("kind", "suggested"),
}
COMPARED = ("batch_size", "init_from")  # of the root's own keys
BROUGHT = ("scheduler", "regularization", "optimizer")  # what a fine-tuning strategy sets as well
PRECISION = "trainer.precision"  # which strategies and models suggest


def varying(frame: pd.DataFrame, groups: set[str]) -> list[str]:
    """The settings in which the runs differ: chosen options first, then values.

    A value belongs to its group's option: it counts only if it differs within one option. So does
    what a fine-tuning strategy brings with it, as its learning rate, or a model, as its precision.
    """
    settings = [c for c in frame.columns if c.partition(".")[0] not in FACTS and "/" not in c]
    options = [c for c in settings if c in groups and frame[c].nunique() > 1]
    found = list(options)
    for column in settings:
        group = column.partition(".")[0]
        if column in groups or column in REPEATS or ("." not in column and column not in COMPARED):
            continue
        if _values(frame[column]) < 2:
            continue
        parts = [part for _, part in frame.groupby(group)] if group in groups else [frame]
        if any(_values(part[column]) > 1 for part in parts):
            found.append(column)
    return [c for c in found if not (c.startswith((*BROUGHT, PRECISION)) and _brought(frame, c))]


def _brought(frame: pd.DataFrame, column: str) -> bool:
    """Whether a setting differs with the fine-tuning strategy, and the model it tunes, alone."""
    tuned = "finetune" in frame and (frame["finetune"].dropna() != "none").any()
    if not tuned and column != PRECISION:
        return False
    by = [c for c in ("finetune", "model") if c in frame and frame[c].nunique() > 1]
    return bool(by) and all(_values(part[column]) == 1 for _, part in frame.groupby(by))


def trained(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs without the ensembles made of them, which are no options of what was swept.

    Where there are ensembles alone, these.
    """
    if "ensemble" not in frame or frame["ensemble"].notna().all():
        return frame
    return frame[frame["ensemble"].isna()].dropna(axis=1, how="all")


def told_apart(frame: pd.DataFrame) -> pd.DataFrame:
    """Ensembles of one method by the ends of their names, since they are no repetitions."""
    names = frame["ensemble"]
    twice = names.notna() & names.duplicated(keep=False)
    return frame.assign(ensemble=names.where(~twice, names + " " + frame["run"].str[-10:]))


def choices(frame: pd.DataFrame) -> set[str]:
    """The groups of which a study's table has the chosen options."""
    return {group for group in SUPPLIED_ARGUMENTS if group in frame.columns and group != "logger"}


def _values(column: pd.Series) -> int:
    """How many different values; null is one."""
    return column.nunique() + column.isna().any()


def summary(frame: pd.DataFrame, by: list[str], metric: str) -> pd.DataFrame:
    """One row a group: n, mean, sd, and the 95 % t-interval of the mean over repetitions.

    Columns: those of `by`, then n, mean, sd, low, high; low and high are NaN for one run.
    """
    rows = []
    for key, part in groups(frame, by):
        values = part[metric].dropna().to_numpy(float)
        mean, low, high = interval(values)
        with np.errstate(invalid="ignore"):  # of an infinity, whose mean is shown
            sd = values.std(ddof=1) if len(values) > 1 else np.nan
        row = {"n": len(values), "mean": mean, "sd": sd, "low": low, "high": high}
        rows.append({**dict(zip(by, key, strict=True)), **row})
    return pd.DataFrame(rows)


def differences(frame: pd.DataFrame, by: list[str], metric: str, baseline: tuple) -> pd.DataFrame:
    """Each group's metric minus the baseline's, paired over runs equal in everything else.

    Columns: those of `by`, then pairs, difference, low, high (95 % interval), p (paired t-test),
    p_holm (Holm's correction over the groups), larger (probability that the difference is above
    0), unit (what a pair is: seed, split, setting); NaN where fewer than two pairs exist.
    """
    from lepton.stats.bayes import correlated_t
    from lepton.stats.pairs import holm

    rows = []
    for key, found in paired(frame, by, metric, baseline).items():
        mean, low, high = interval(found.gaps, found.ratio)
        row = {"pairs": len(found.gaps), "difference": mean, "low": low, "high": high}
        row |= {"p": found.p, "larger": correlated_t(found.gaps, found.ratio), "unit": found.unit}
        rows.append({**dict(zip(by, key, strict=True)), **row})
    table = pd.DataFrame(rows)
    table.insert(table.columns.get_loc("p") + 1, "p_holm", holm(table["p"].to_numpy(float)))
    return table


def paired(frame: pd.DataFrame, by: list[str], metric: str, baseline: tuple) -> dict[tuple, Pairs]:
    """The pairs of each group with the baseline's runs; those of the baseline are none."""
    parts = dict(groups(frame, by))
    baseline = tidy_key(baseline)
    found = {}
    for key, part in parts.items():
        base = parts[baseline] if key != baseline else part.iloc[:0]
        found[key] = pairs(part, base, metric, others(part, base, by), REPEATS)
    return found


def unpaired(
    frame: pd.DataFrame, by: list[str], metric: str, found: dict[tuple, Pairs], baseline: tuple
) -> dict[tuple, Unpaired]:
    """Each group with fewer than two pairs beside all runs of the baseline, where that can be."""
    parts = dict(groups(frame, by))
    base = parts[tidy_key(baseline)]
    sides = {
        key: without_pairs(parts[key], base, metric, others(parts[key], base, by, own=True))
        for key, pairs in found.items()
        if key != tidy_key(baseline) and len(pairs.gaps) < 2
    }
    return {key: side for key, side in sides.items() if side}


def others(
    part: pd.DataFrame, base: pd.DataFrame, by: Iterable[str], *, own: bool = False
) -> list[str]:
    """The settings, beside those compared, in which runs that make a pair must be equal.

    What belongs to a compared option is part of it, unless both sides were tried with several
    values of it that are not the same, or `own`. So is what an option has no use for.
    """
    both = pd.concat([part.dropna(axis=1, how="all"), base.dropna(axis=1, how="all")])
    known, compared = choices(both), {key.partition(".")[0] for key in by if "." not in key}
    kept = []
    for column in varying(both, known):
        root = column.partition(".")[0]
        unused = root in known and any(
            root not in side or side[root].isna().all() for side in (part, base)
        )
        free = own or root not in compared or _drawn(part[column], base[column])
        if column not in by and not unused and free:
            kept.append(column)
    return kept


def _drawn(first: pd.Series, second: pd.Series) -> bool:
    """Whether two options were not tried with the same values, as it is in a search."""
    values = [set(column.map(lambda v: None if pd.isna(v) else v)) for column in (first, second)]
    return values[0] != values[1] and min(map(len, values)) > 1


def groups(frame: pd.DataFrame, by: list[str]) -> list[tuple[tuple, pd.DataFrame]]:
    """(key, rows) per group in order of appearance; one group when `by` is empty."""
    if not by:
        return [((), frame)]
    return [(tidy_key(key), part) for key, part in frame.groupby(by, sort=False, dropna=False)]


def tidy_key(values: tuple) -> tuple:
    """Missing values as None, because NaN is not equal to itself."""
    return tuple(None if pd.isna(value) else value for value in values)
