"""The gaps between groups that a run was evaluated for, as blocks of the report."""

from pathlib import Path

from lepton.evaluation.gap_tables import GAPS, GROUPS, groups_with_sizes
from lepton.report.blocks import Block, Table
from lepton.report.number_format import format_interval, format_number, format_p_value
from lepton.storage.evaluations import read_evaluation_frame
from lepton.storage.results import finished_result

COLUMN = "column"  # of the evaluator, which makes the groups


def gap_blocks(folder: Path, suffix: str) -> list[Block]:
    """A table of gaps for each evaluation of a run that has compared groups."""
    blocks = list[Block]()
    for name, record in finished_result(folder).evaluations.items():
        if not {GAPS, GROUPS} <= record["frames"].keys():
            continue
        gaps, groups = (read_evaluation_frame(folder, name, frame) for frame in (GAPS, GROUPS))
        if gaps is None or groups is None:
            continue
        compared, left_out = groups_with_sizes(groups)
        rows = [
            [
                str(row.metric),
                f"{format_number(row.smallest)} {row.group_of_smallest}",
                f"{format_number(row.largest)} {row.group_of_largest}",
                format_number(row.difference),
                format_interval(row.low, row.high),
                format_p_value(row.p),
            ]
            for row in gaps.itertuples()
        ]
        too_small = f" Left out, too few rows: {left_out}." if left_out else ""
        caption = (
            f"Metrics of the best run on the groups of {record['settings'].get(COLUMN)}: "
            f"{compared}.{too_small} p: how often shuffled groups have as large a "
            "difference in any metric; a largest difference is never below 0."
        )
        header = ["metric", "smallest", "largest", "difference", "95 % interval", "p"]
        blocks.append(Table(f"{name}{suffix}", caption, header, rows, 3))
    return blocks
