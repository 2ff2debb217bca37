"""The commands that `conf/NAME.yaml` makes: finished runs in, one run out; and `lepton check NAME`.

`lepton.derived` has the steps; the class that the file names does what is the command's own.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lepton.commands.flags import plain_arguments, take_flag
from lepton.commands.terminal_log import show_log
from lepton.config.command import COMMON_KEYS, WHERE, compose_command
from lepton.config.commands import command_roots
from lepton.derived.derivation import DerivationRequest
from lepton.derived.run_paths import find_run_folders
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
    config = compose_command(command_roots()[name], overrides)
    from lepton.derived.classes import build_derivation

    derivation = build_derivation(request_of(name, config, overrides))
    find_run_folders(config["runs"])
    from lepton.derived.inputs import find_inputs
    from lepton.derived.make import make_or_read, plan_derivation

    search = find_inputs(
        config["runs"], command=name, fewest=derivation.fewest, where=config["where"]
    )
    plan = plan_derivation(derivation, search)
    if check:
        _show_plan(plan)
    else:
        derivation.show(make_or_read(plan))
    return 0


def request_of(name: str, config: dict[str, Any], overrides: list[str]) -> DerivationRequest:
    """What a composed config asks of a command."""
    settings = {k: v for k, v in config.items() if k not in (*COMMON_KEYS, "label")}
    return DerivationRequest(
        command=name,
        settings=settings,
        label=config["label"],
        overrides=overrides,
        study=config["study"],
        rerun=config["rerun"],
    )


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
