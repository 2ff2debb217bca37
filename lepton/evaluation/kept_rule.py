"""The rule that an evaluation has chosen for a finished run, which its predictions follow."""

from pathlib import Path

from lepton.decision.rule import DecisionRule
from lepton.errors import Damaged
from lepton.storage.evaluations import frame_file, read_evaluation_frame
from lepton.storage.followed_rule import TABLE, kept_rule_name
from lepton.storage.results import finished_result
from lepton.storage.run_files import naming_damage


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
