"""Groups runs of a study over seeds: means, intervals and paired differences, as DataFrames.

A key is the name of a setting, as `optimizer.lr`. An option is a tuple of values of some keys.
"""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import pandas as pd

from lepton.analysis.label_use import VALIDATION
from lepton.config.data_identity import IDENTITY_KEY, tells_data
from lepton.config.identity import COSMETIC_DATASET_KEYS
from lepton.config.inner_options import inner_group
from lepton.groups import COSMETIC_GROUPS, GROUPS, TRAINING_GROUPS
from lepton.metric.ranges import metric_range
from lepton.stats.bayes import correlated_t_test
from lepton.stats.pairs import PairedScores, holm, mean_interval, paired_scores
from lepton.stats.repetitions import ROW_COLUMNS, unit_scores_by_group
from lepton.stats.welch import UnpairedScores, unpaired_scores
from lepton.storage.derived_record import DERIVED_KEY
from lepton.storage.earlier_values import own_group_columns

REPETITION_KEYS = [  # differ between repetitions
    *("seed", "dataset.fold", "dataset.val_fold", "dataset.split_seed"),
]
FACT_COLUMNS = {  # columns of a study's table that are no settings
    *("run", "status", "error", "folder", "study", "runs", "rerun", "experiment"),
    *COSMETIC_GROUPS,
    *("kind", "suggested", DERIVED_KEY, IDENTITY_KEY),
}
COSMETIC_SETTINGS = {f"dataset.{key}" for key in COSMETIC_DATASET_KEYS}
ROOT_SETTINGS = ("batch_size", "init_from")  # keys without a group that are compared
TUNED_GROUPS = tuple(name for name, group in GROUPS.items() if group.tuned)
SUGGESTED_KEYS = ("trainer.precision", "trainer.max_epochs", "trainer.patience")
SUGGESTING_GROUPS = ("finetune", "model", "scheduler")


def varying_settings(frame: pd.DataFrame, groups: set[str]) -> list[str]:
    """The keys of settings in which the runs differ: chosen options first, then values.

    A value belongs to its group's option: it counts only if it differs within one option. So does
    a value that a fine-tuning strategy sets, as its learning rate, or that is suggested to the
    trainer, as a model's precision or the length of a schedule.
    """
    settings = [
        column
        for column in frame.columns
        if column.partition(".")[0] not in FACT_COLUMNS and "/" not in column
        if column not in (*COSMETIC_SETTINGS, VALIDATION) and not tells_data(column)
    ]
    varying = [c for c in settings if c in groups and frame[c].nunique() > 1]
    for column in settings:
        group = owners(column, groups)[0]
        is_root_key = "." not in column
        if column in groups or column in REPETITION_KEYS:
            continue
        if (is_root_key and column not in ROOT_SETTINGS) or _count_values(frame[column]) < 2:
            continue
        frames = [rows for _, rows in frame.groupby(group)] if group in groups else [frame]
        if any(_count_values(rows[column]) > 1 for rows in frames):
            varying.append(column)
    return [column for column in varying if not _is_suggested(frame, column)]


def _is_suggested(frame: pd.DataFrame, column: str) -> bool:
    """True when a setting differs with the options that suggest its value alone."""
    if column in SUGGESTED_KEYS:
        suggestion = f"suggested.{column.partition('.')[2]}"
        if suggestion in frame and _are_equal(frame[column], frame[suggestion]):
            return True
    else:
        has_tuned_runs = "finetune" in frame and (frame["finetune"].dropna() != "none").any()
        if not (has_tuned_runs and column.startswith(TUNED_GROUPS)):
            return False
    keys = [key for key in SUGGESTING_GROUPS if key in frame and frame[key].nunique() > 1]
    return bool(keys) and all(_count_values(rows[column]) == 1 for _, rows in frame.groupby(keys))


def _are_equal(first: pd.Series, second: pd.Series) -> bool:
    """True where two columns hold the same in every row, or both nothing."""
    return bool(((first == second) | (first.isna() & second.isna())).all())


def without_derived(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs without those that were made of them, which are no options of what was swept.

    Where there are derived runs alone, these.
    """
    if DERIVED_KEY not in frame or frame[DERIVED_KEY].notna().all():
        return frame
    return frame[frame[DERIVED_KEY].isna()].dropna(axis=1, how="all")


def derived_columns(frame: pd.DataFrame) -> list[str]:
    """The commands that made runs of others; each has a column with its names for them."""
    if DERIVED_KEY not in frame:
        return []
    return sorted(frame[DERIVED_KEY].dropna().unique())


def with_unique_derived_names(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs, with the ends of their names added to derived runs that their command calls the
    same: those are no repetitions."""
    unique = {}
    for command in derived_columns(frame):
        names = frame[command]
        is_repeated = names.notna() & names.duplicated(keep=False)
        unique[command] = names.where(~is_repeated, names + " " + frame["run"].str[-10:])
    return frame.assign(**unique)


def chosen_groups(frame: pd.DataFrame) -> set[str]:
    """The groups whose chosen options a study's table has as columns."""
    groups = {g for g, group in TRAINING_GROUPS.items() if g in frame.columns and group.trains}
    groups |= {column for column in frame.columns if inner_group(column)}
    return groups | {*own_group_columns(frame.columns, derived_columns(frame))}


def owners(column: str, groups: Collection[str]) -> list[str]:
    """The groups whose option a setting belongs to, nearest first: that of an option inside of
    another, and that of the other."""
    root, *path = column.split(".")
    inside = ".".join([root, *path[:2]])
    return [inside, root] if len(path) > 2 and inside in groups else [root]


def _count_values(column: pd.Series) -> int:
    """The number of different values; null is one."""
    return column.nunique() + column.isna().any()


def summary_table(frame: pd.DataFrame, by: list[str], metric: str) -> pd.DataFrame:
    """A row for each option, with the mean over repetitions and its 95 % t-interval.

    Columns: those of `by`, then n, mean, sd, low, high, units, unit; the interval is over units
        (splits, else seeds, else runs), and NaN for fewer than MIN_UNITS.
    """
    numbers, options = numbered_options(frame, by)
    columns = [c for c in (metric, *REPETITION_KEYS, *ROW_COLUMNS) if c in frame]
    runs, limits = frame[[*dict.fromkeys(columns)]], metric_range(metric)
    rows = []
    for values, scores in unit_scores_by_group(runs, metric, numbers, len(options)):
        mean, low, high = mean_interval(scores.values, scores.ratio, limits)
        with np.errstate(invalid="ignore"):  # of an infinity, whose mean is shown
            sd = values.std(ddof=1) if len(values) > 1 else np.nan
        row = {"n": len(values), "mean": mean, "sd": sd, "low": low, "high": high}
        rows.append({**row, "units": len(scores.values), "unit": scores.unit})
    named = [dict(zip(by, option, strict=True)) for option in options]
    return pd.DataFrame([option | row for option, row in zip(named, rows, strict=True)])


def difference_table(
    frame: pd.DataFrame,
    by: list[str],
    metric: str,
    baseline: tuple,
    *,
    picked_of: int = 1,
) -> pd.DataFrame:
    """Each option's metric minus the baseline's, paired over runs equal in everything else.

    Columns: those of `by`, then pairs, difference, low, high (95 % interval), p (paired t-test),
        p_holm (Holm's correction over the options), larger (probability that the difference is
        above 0), unit (what a pair is: seed, split, setting); NaN for fewer than MIN_UNITS pairs.
    `picked_of`: as in `interval_level`.
    """
    rows = []
    for option, pairs in paired_by_option(frame, by, metric, baseline).items():
        mean, low, high = pairs.interval(metric_range(metric), picked_of=picked_of)
        row = {
            "pairs": len(pairs.differences),
            "difference": mean,
            "low": low,
            "high": high,
            "p": pairs.p,
            "larger": correlated_t_test(pairs.differences, pairs.ratio, picked_of=picked_of),
            "unit": pairs.unit,
        }
        rows.append({**dict(zip(by, option, strict=True)), **row})
    table = pd.DataFrame(rows)
    table.insert(table.columns.get_loc("p") + 1, "p_holm", holm(table["p"].to_numpy(float)))
    return table


def paired_by_option(
    frame: pd.DataFrame, by: list[str], metric: str, baseline: tuple
) -> dict[tuple, PairedScores]:
    """The pairs of each option's runs with the baseline's; the baseline itself has none."""
    runs_by_option = dict(rows_by_key(_columns_of_pairs(frame, by, metric), by))
    baseline = key_with_none(baseline)
    pairs = {}
    for option, runs in runs_by_option.items():
        base = runs_by_option[baseline] if option != baseline else runs.iloc[:0]
        settings = settings_to_match(runs, base, by)
        pairs[option] = paired_scores(runs, base, metric, settings, REPETITION_KEYS)
    return pairs


def unpaired_by_option(
    frame: pd.DataFrame,
    by: list[str],
    metric: str,
    pairs: dict[tuple, PairedScores],
    baseline: tuple,
) -> dict[tuple, UnpairedScores]:
    """The scores of each option with fewer than two pairs, beside those of the baseline, where
    they can be compared."""
    runs_by_option = dict(rows_by_key(_columns_of_pairs(frame, by, metric), by))
    base = runs_by_option[key_with_none(baseline)]
    unpaired = {}
    for option, option_pairs in pairs.items():
        if option != key_with_none(baseline) and len(option_pairs.differences) < 2:
            runs = runs_by_option[option]
            settings = settings_to_match(runs, base, by, with_own_settings=True)
            unpaired[option] = unpaired_scores(runs, base, metric, settings)
    return {option: scores for option, scores in unpaired.items() if scores}


def _columns_of_pairs(frame: pd.DataFrame, by: list[str], metric: str) -> pd.DataFrame:
    """The columns by which runs may be paired: what is the same in all runs tells none apart."""
    needed = {*by, metric, *REPETITION_KEYS, *ROW_COLUMNS, DERIVED_KEY, "model", "finetune"}
    others = [c for c in frame if c not in needed and "/" not in c and c not in FACT_COLUMNS]
    varying = {c for c in others if _count_values(frame[c]) > 1}
    groups = chosen_groups(frame)
    needed |= varying | {owner for c in varying for owner in owners(c, groups)}
    return frame[[c for c in frame if c in needed]]


def settings_to_match(
    runs: pd.DataFrame, base: pd.DataFrame, by: Iterable[str], *, with_own_settings: bool = False
) -> list[str]:
    """The keys of settings, beside those compared, in which runs that make a pair must be equal.

    A setting that belongs to a compared option is part of it, unless `with_own_settings`, or unless
    both sides were tried with several values of it that are not the same. A setting of a group
    that an option has no use for is part of that option too.
    """
    both = pd.concat([runs.dropna(axis=1, how="all"), base.dropna(axis=1, how="all")])
    groups = chosen_groups(both)
    compared_groups = {k for k in by if "." not in k or k in groups}
    settings = []
    for column in varying_settings(both, groups):
        owning = owners(column, groups)
        is_unused = any(
            group not in side or side[group].isna().all()
            for group in groups & {*owning}
            for side in (runs, base)
        )
        is_part_of_option = bool(compared_groups & {*owning}) and not with_own_settings
        is_drawn = is_part_of_option and _differ_in_values(runs[column], base[column])
        if column not in by and not is_unused and (is_drawn or not is_part_of_option):
            settings.append(column)
    return settings


def _differ_in_values(first: pd.Series, second: pd.Series) -> bool:
    """True when two options were tried with several values that are not the same, as a search
    draws them."""
    values = [set(column.map(lambda v: None if pd.isna(v) else v)) for column in (first, second)]
    return values[0] != values[1] and min(map(len, values)) > 1


def rows_by_key(frame: pd.DataFrame, by: list[str]) -> list[tuple[tuple, pd.DataFrame]]:
    """(values of `by`, their rows) in order of appearance; all rows at once when `by` is empty."""
    if not by:
        return [((), frame)]
    return [(key_with_none(key), rows) for key, rows in frame.groupby(by, sort=False, dropna=False)]


def numbered_options(frame: pd.DataFrame, by: list[str]) -> tuple[np.ndarray, list[tuple]]:
    """The number of each row's option, in order of appearance, and the options' values of `by`."""
    if not by:
        return np.zeros(len(frame), int), [()]
    numbers = frame.groupby(by, sort=False, dropna=False).ngroup().to_numpy()
    _, first_rows = np.unique(numbers, return_index=True)
    values = frame[by].iloc[first_rows].itertuples(index=False, name=None)
    return numbers, [key_with_none(option) for option in values]


def key_with_none(values: Iterable[Any]) -> tuple[Any, ...]:
    """The values with None for missing ones, because NaN is not equal to itself."""
    return tuple(None if pd.isna(value) else value for value in values)
