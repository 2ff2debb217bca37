"""The commands that `conf/NAME.yaml` makes: finished runs in, one run out; and `lepton check NAME`.

`lepton.derived` has the steps; the class that the file names does what is the command's own.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lepton.commands.flags import plain_arguments, take_flag
from lepton.commands.terminal_log import show_log
from lepton.config.command import WHERE
from lepton.foreign_text import say

if TYPE_CHECKING:
    from lepton.derived.make import DerivationPlan


def main(name: str, arguments: Sequence[str], *, check: bool = False) -> int:
    """Makes a run of others, or reads it, and shows it; with `check` only says what it would be.

    Raises: LeptonError for a flag that is not for such commands, ConfigError with every mistake.
    """
    arguments, where = take_flag(arguments, "--where")
    overrides = plain_arguments(arguments).overrides
    overrides += [] if where is None else [f"{WHERE}{where}"]
    show_log()
    from lepton.derived.planning import plan_command

    plan = plan_command(name, overrides)
    if check:
        _show_plan(plan)
    else:
        from lepton.derived.make import make_or_read

        plan.derivation.show(make_or_read(plan))
    return 0


def _show_plan(plan: "DerivationPlan") -> None:
    """Prints which runs go into a run, which do not and why, and where it would lie."""
    from lepton.storage.run_folder import run_status

    search, derivation = plan.search, plan.derivation
    say(derivation.plan(search))
    for path, reason in search.skipped:
        say(f"  left out  {path}: {reason}")
    for text in search.texts:
        say(f"  left out  {text}")
    is_finished = run_status(plan.folder) == "finished" and not derivation.request.rerun
    say(f"  {'finished' if is_finished else 'to make '}  {plan.folder}")
