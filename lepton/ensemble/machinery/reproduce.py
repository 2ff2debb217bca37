"""An ensemble made again from its folder and those of its members, to be held against it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from lepton.config.node_checks import target_problems
from lepton.ensemble.machinery.make import make, planned
from lepton.ensemble.machinery.members import Found, member_of, unchanged
from lepton.ensemble.machinery.outcome import POOL, read
from lepton.errors import ConfigError, LeptonError

ASKED = ("method", "metric", "max_members", "max_size", "folds", "seed")


def make_again(folder: Path, config: dict[str, Any], again: Path) -> list[str]:
    """Writes into `again` what its members make today; says which of them are not what they were.

    Raises: LeptonError when a member is gone; ConfigError when its method has other keys now.
    """
    known = read(folder).facts.get(POOL)
    if known is None:
        raise LeptonError(f"{folder}: does not say who could have become a member")
    try:
        plain = {name: config["ensemble"][name] for name in ASKED}
        method = config["choices"]["ensemble"]
    except (KeyError, TypeError) as e:
        raise LeptonError(f"{folder}: its config does not say {e} of the ensemble") from None
    if problems := target_problems("method", plain["method"], ("task",), f"method={method}"):
        raise ConfigError(*problems)
    plain |= {"choices": {"method": method}, "overrides": config["overrides"]}
    plain |= {"study": None, "keep": True, "rerun": False}
    members = [member_of(folder, member) for member in known]
    make(replace(planned(plain, Found(members)), folder=again))
    return [
        f"member: {then['run']} was trained again and predicts otherwise"
        for member, then in zip(members, known, strict=True)
        if not unchanged(member, then)
    ]
