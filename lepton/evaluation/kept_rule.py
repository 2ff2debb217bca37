"""The rule that an evaluation has chosen for a finished run, which its predictions follow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lepton.decision.rule import TABLE, DecisionRule
from lepton.errors import Damaged
from lepton.storage.evaluations import frame_file, read_evaluation_frame
from lepton.storage.results import finished_result
from lepton.storage.run_files import naming_damage


def kept_rule_name(evaluations: Mapping[str, dict[str, Any]]) -> str | None:
    """The evaluator whose rule is followed, the last where several have one."""
    names = [name for name, record in evaluations.items() if TABLE in record["frames"]]
    return names[-1] if names else None


def read_rule(folder: Path) -> DecisionRule | None:
    """The rule that the folder of a run holds.

    Raises: Damaged where it is not what was written.
    """
    name = kept_rule_name(finished_result(folder).evaluations)
    if name is None:
        return None
    path = frame_file(folder, name, TABLE)
    frame = read_evaluation_frame(folder, name, TABLE)
    if frame is None:
        raise Damaged(
            f"{path}: is gone, or not what was written; lepton evaluate {folder} "
            f"evaluation={name} rerun=true makes it again"
        )
    with naming_damage(path, "the rule of an evaluation"):
        return DecisionRule.of_table(frame)
