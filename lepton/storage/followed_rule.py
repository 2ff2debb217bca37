"""Which decision rule of a finished run is followed, told from the records of its evaluations."""

from collections.abc import Mapping
from typing import Any

TABLE = "decision_rule"  # the table of an evaluation that has chosen a rule
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
