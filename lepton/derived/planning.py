"""Plans the run that a command makes of others, from its words."""

from typing import TYPE_CHECKING, Any

from lepton.config.command import COMMON_KEYS, compose_command
from lepton.config.commands import command_roots
from lepton.derived.derivation import DerivationRequest
from lepton.derived.run_paths import find_run_folders

if TYPE_CHECKING:
    from lepton.derived.make import DerivationPlan


def plan_command(name: str, overrides: list[str]) -> "DerivationPlan":
    """The plan of what `lepton NAME OVERRIDES` makes.

    Raises: ConfigError with every mistake, one line each; LeptonError for runs that are not there.
    """
    config = compose_command(command_roots()[name], overrides)
    from lepton.derived.classes import build_derivation

    derivation = build_derivation(request_of(name, config, overrides))
    find_run_folders(config["runs"])
    from lepton.derived.inputs import find_inputs
    from lepton.derived.make import plan_derivation

    search = find_inputs(
        config["runs"], command=name, fewest=derivation.fewest, where=config["where"]
    )
    return plan_derivation(derivation, search)


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
