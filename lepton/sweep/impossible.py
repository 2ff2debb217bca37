"""Runs of a sweep that cannot be trained here: refused, or left out where the sweep says so."""

import logging
from dataclasses import replace

from lepton.sweep.drawing import setting_of
from lepton.sweep.grid_options import SKIP
from lepton.sweep.plan import SweepPlan
from lepton.sweep.preflight import first_look, look_at_jobs, raise_mistakes

log = logging.getLogger("lepton")


def look_at_plan(plan: SweepPlan, *, own_code: bool = False) -> tuple[SweepPlan, list[str]]:
    """A plan whose runs have been looked at, and lines on the first data that were read.

    Where it skips what is impossible, one run of each setting is looked at, and settings that a
    mistake was found in are left out, each with a note, unless all of them are.
    Raises: ConfigError with every mistake.
    """
    if plan.impossible != SKIP:
        return plan, look_at_jobs(plan.to_do, plan.finished, own_code=own_code)
    looked_at = {setting_of(job.overrides): job for job in reversed(plan.to_do)}
    to_do = [job for job in plan.to_do if looked_at[setting_of(job.overrides)] is job]
    look = first_look(to_do, plan.finished, own_code=own_code)
    reasons: dict[str, list[str]] = {}
    for job, line in look.mistakes:
        reasons.setdefault(setting_of(job.overrides), []).append(line)
    possible = [job for job in plan.jobs if setting_of(job.overrides) not in reasons]
    if not reasons or not possible:
        raise_mistakes(look, plan.to_do)
        return plan, look.opening
    first = {setting_of(job.overrides): str(job) for job in reversed(plan.jobs)}
    notes = [
        f"left out: {first[setting]}{_others(plan, setting)}: {'; '.join(dict.fromkeys(lines))}"
        for setting, lines in reasons.items()
    ]
    look.mistakes.clear()
    raise_mistakes(look, plan.to_do)
    return replace(plan, jobs=possible, notes=(*plan.notes, *notes)), look.opening


def _others(plan: SweepPlan, setting: str) -> str:
    runs = sum(setting_of(job.overrides) == setting for job in plan.jobs)
    noun = "run" if runs == 2 else "runs"
    return f" and {runs - 1} more {noun} of the setting" if runs > 1 else ""
