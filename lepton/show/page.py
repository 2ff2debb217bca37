"""The page of a data set: its splits, classes, cleaning, odd columns, samples and columns."""

import heapq
from typing import Any

from lepton.dataset.inputs.picture import Media
from lepton.report.blocks import Block, Note, Report, Section, Table, Text
from lepton.report.number_format import format_percent
from lepton.show.column_profile import ColumnProfile
from lepton.show.distribution import MAX_GROUPS, swatch
from lepton.show.samples import sample_sections
from lepton.show.shown_data import ShownData

MAX_NOTES = 300
MAX_NAMED = 5  # columns in the summary


def data_page(data: ShownData, config: dict[str, Any], command: str) -> Report:
    """The page of a data set that was read."""
    profiles, columns, odd = _profiles(data, config)
    sections = [
        Section("Splits and classes", _balance(data, config["classes"])),
        Section("What cleaning did", _cleaning(data)),
    ]
    if columns:
        sections.append(Section("Columns to look at", _odd_columns(profiles, odd)))
    sections += sample_sections(data, samples=config["samples"], classes=config["classes"])
    if columns:
        sections.append(Section("Columns", [_profile_table(profiles, columns, data)]))
    return Report(
        data.name, _summary(data, profiles, odd), _facts(data), sections, command, what="data"
    )


def _profiles(data: ShownData, config: dict[str, Any]) -> tuple[list[ColumnProfile], int, int]:
    """The profiles to show, those with remarks first; how many columns there are, and are odd.

    First comes what gives the target away, then what else is odd.
    """
    count = odd = 0
    best: list[tuple[int, int, ColumnProfile]] = []  # the heap's first is what goes first
    for profile in data.profiles(config["rows"]):
        odd += bool(profile.remarks)
        entry = (bool(profile.remarks) + profile.gives_target, -count, profile)
        count += 1
        if len(best) < config["columns"]:
            heapq.heappush(best, entry)
        else:
            heapq.heappushpop(best, entry)
    ordered = sorted(best, key=lambda entry: (-entry[0], -entry[1]))
    return [profile for *_, profile in ordered], count, odd


def _summary(data: ShownData, profiles: list[ColumnProfile], odd: int) -> list[str]:
    sizes = {split: len(data.data.splits[split]["id"]) for split in data.splits}
    words = ", ".join(f"{split} {size}" for split, size in sizes.items())
    inputs = [kind.describe(data.data.spec) for kind in data.data.inputs]
    lines = [
        f"{sum(sizes.values())} rows: {words}.",
        f"A model reads {', '.join(filter(None, inputs))}.",
    ]
    lines += [f"A training ends with: {fault}." for fault in data.faults]
    telling = [p.name for p in profiles if p.gives_target]
    if telling:
        more = ", ..." if len(telling) > MAX_NAMED else ""
        lines.append(
            f"{len(telling)} column{'s' if len(telling) > 1 else ''} alone nearly give the target: "
            f"{', '.join(telling[:MAX_NAMED])}{more}."
        )
    if others := odd - len(telling):
        named = [p.name for p in profiles if p.remarks and not p.gives_target][:MAX_NAMED]
        more = ", ..." if others > len(named) else ""
        further = "further " if telling else ""
        words = f"{others} {further}columns have" if others > 1 else f"1 {further}column has"
        lines.append(f"{words} remarks: {', '.join(named)}{more}.")
    if not data.data.notes:
        lines.append("Cleaning had nothing to do.")
    return lines


def _facts(data: ShownData) -> dict[str, str]:
    spec, settings = data.data.spec, data.data.split_settings
    folds = f", fold {settings.fold} of {settings.folds}" if settings.folds else ""
    if settings.val_folds:
        folds += f", validation fold {settings.val_fold} of {settings.val_folds}"
    by = f" by {settings.column}" if settings.column else ""
    return {
        "Target": ", ".join(spec.target_names) or "none",
        "Task": spec.task,
        "Rows read": str(len(data.table)),
        "Columns read": str(len(data.table.columns)),
        "Split": f"{settings.strategy}{by}{folds}, split_seed {settings.seed}",
        "Content": data.content,
    }


def _balance(data: ShownData, classes: int) -> list[Block]:
    """The rows of each class in each split."""
    counts, order, splits = data.counts(), data.order, data.splits
    no_shares = [""] * len(splits)
    totals = {split: len(data.data.splits[split]["id"]) for split in splits}
    rows = [["all rows", "", *(f"{totals[split]}" for split in splits), *no_shares]]
    for place, group in enumerate(order[:classes]):
        numbers = [int(counts[split][group]) for split in splits]
        shares = [
            format_percent(n / totals[split]) if totals[split] else ""
            for n, split in zip(numbers, splits, strict=True)
        ]
        colour = swatch(place) if place < MAX_GROUPS and len(order) > 1 else ""
        rows.append([data.groups.names[group], colour, *map(str, numbers), *shares])
    if left_out := order[classes:]:
        sums = [str(int(sum(counts[split][group] for group in left_out))) for split in splits]
        rows.append([f"{len(left_out)} others", "", *sums, *no_shares])
    shares = (f"share of {split}" for split in splits)
    header = [data.groups.called, "colour", *splits, *shares]
    caption = (
        "Rows by quarters of the training split's target."
        if data.groups.edges
        else "Rows of each class in each split, those with most training rows first."
    )
    return [Table("classes", caption, header, rows, 2)]


def _cleaning(data: ShownData) -> list[Block]:
    notes = data.data.notes
    if not notes:
        return [Text("Nothing was changed, and nothing is to be said.")]
    rows = [[note.where, note.what, str(note.count)] for note in notes[:MAX_NOTES]]
    more = f" {len(notes) - MAX_NOTES} more are not shown." if len(notes) > MAX_NOTES else ""
    caption = f"What reading, cleaning and splitting did or found, and in how many rows.{more}"
    return [Table("cleaning", caption, ["where", "what", "rows"], rows, 2)]


def _odd_columns(profiles: list[ColumnProfile], odd: int) -> list[Block]:
    """Columns with remarks."""
    named = [profile for profile in profiles if profile.remarks]
    if not named:
        return [Text("No column gives the target away, identifies rows, or is nearly empty.")]
    rows = [[p.name, "; ".join(p.remarks)] for p in named]
    more = f" {odd - len(named)} more are not shown." if odd > len(named) else ""
    caption = f"Columns that may give the target away, identify rows, or tell little.{more}"
    blocks: list[Block] = [Table("odd_columns", caption, ["column", "remark"], rows, 2)]
    if any(profile.gives_target for profile in named):
        blocks.insert(
            0,
            Note(
                "A column that alone gives the target is mostly known only after the target is: "
                "unless it is known when predictions are made, leave it out "
                "(dataset.columns.NAME=ignore)."
            ),
        )
    return blocks


def _profile_table(profiles: list[ColumnProfile], columns: int, data: ShownData) -> Table:
    rows = [
        [
            profile.name,
            profile.what,
            profile.picture if isinstance(profile.picture, Media) else "",
            profile.summary,
            "" if profile.given is None else format_percent(profile.given),
            format_percent(profile.missing),
            str(profile.distinct),
        ]
        for profile in profiles
    ]
    left_out = columns - len(profiles)
    more = f" {left_out} further columns are not shown; columns=N shows more." if left_out else ""
    caption = (
        "Training rows. The picture: how each class is distributed, as shares of its own, in the "
        "colours above; middle: least · median · largest, or the most frequent values; gives: the "
        "share of the target in val and test that the column alone gives, beyond the most frequent "
        f"class or the mean.{more}"
    )
    header = ["column", "kind", "by class", "values", "gives", "missing", "different"]
    return Table("columns", caption, header, rows, 4)
