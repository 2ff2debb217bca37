"""The rule that an evaluation has chosen for a finished run, which its predictions follow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lepton.decision.rule import TABLE, DecisionRule
from lepton.errors import Damaged
from lepton.storage.evaluations import frame_file, read_evaluation_frame
from lepton.storage.results import finished_result
from lepton.storage.run_files import naming_damage

RULE = "rule"  # in the record of an evaluation that follows one: its digest, or null
Evaluations = Mapping[str, dict[str, Any]]  # the records of a run, by name


def kept_rule_name(evaluations: Evaluations) -> str | None:
    """The evaluator whose rule is followed, the last where several have one."""
    names = [name for name, record in evaluations.items() if TABLE in record["frames"]]
    return names[-1] if names else None


def rule_digest(evaluations: Evaluations) -> str | None:
    """The digest of the rule that is followed, by which it is told from another."""
    name = kept_rule_name(evaluations)
    return None if name is None else evaluations[name]["frames"][TABLE]


def of_other_rules(evaluations: Evaluations) -> dict[str, dict[str, Any]]:
    """The settings of evaluations that were made by another rule than is followed, by name."""
    rule = rule_digest(evaluations)
    return {
        name: record["settings"]
        for name, record in evaluations.items()
        if RULE in record and record[RULE] != rule
    }


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
