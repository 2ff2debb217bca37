"""Makes an ensemble again from its folder and those of its members, to be compared with it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from lepton.config.node_checks import target_problems
from lepton.ensemble.machinery.ensemble_config import ENSEMBLE_KEYS
from lepton.ensemble.machinery.make_ensemble import make_ensemble, plan_ensemble
from lepton.ensemble.machinery.members import MemberSearch, is_unchanged, read_recorded_member
from lepton.ensemble.machinery.summary import POOL_KEY, read_summary
from lepton.errors import ConfigError, LeptonError


def reproduce_ensemble(folder: Path, stored_config: dict[str, Any], copy: Path) -> list[str]:
    """Writes into `copy` what an ensemble's members make today; returns a line for each member
    that is not what it was.

    Raises: LeptonError when a member is gone; ConfigError when its method has other keys now.
    """
    references = read_summary(folder).facts.get(POOL_KEY)
    if references is None:
        raise LeptonError(f"{folder}: does not say who could have become a member")
    try:
        config = {name: stored_config["ensemble"][name] for name in ENSEMBLE_KEYS}
        method = stored_config["choices"]["ensemble"]
    except (KeyError, TypeError) as e:
        raise LeptonError(f"{folder}: its config does not say {e} of the ensemble") from None
    if problems := target_problems("method", config["method"], ("task",), f"method={method}"):
        raise ConfigError(*problems)
    config |= {"choices": {"method": method}, "overrides": stored_config["overrides"]}
    config |= {"study": None, "keep": True, "rerun": False}
    members = [read_recorded_member(folder, reference) for reference in references]
    make_ensemble(replace(plan_ensemble(config, MemberSearch(members)), folder=copy))
    return [
        f"member: {reference['run']} was trained again and predicts otherwise"
        for member, reference in zip(members, references, strict=True)
        if not is_unchanged(member, reference)
    ]
