"""Makes a derived run again from its folder and those of its inputs, to be compared with it."""

from functools import partial
from pathlib import Path
from typing import Any

from lepton.config.command import settings_problems
from lepton.config.younger_keys import revision_differences
from lepton.derived.classes import build_derivation, derivation_class, with_younger_keys
from lepton.derived.derivation import DerivationRequest
from lepton.derived.inputs import InputSearch, is_unchanged, read_recorded_input
from lepton.derived.make import DerivationPlan, make
from lepton.errors import ConfigError
from lepton.storage.derived_record import DerivedRecord, own_revisions


def make_again(
    folder: Path, config: dict[str, Any], record: DerivedRecord, copy: Path
) -> list[str]:
    """Writes into `copy` what a run's inputs make today; a line for each that is not what it was,
    and for each option with another revision.

    Raises: LeptonError when an input is gone; ConfigError when the command has other keys now.
    """
    made_by = derivation_class(record)
    record = with_younger_keys(record)
    references = made_by.references(folder, record)
    settings = {**made_by.unstored, **record.settings}
    name = config["choices"].get(record.command)
    label = "" if name == record.command else str(name)
    if problems := settings_problems(record.command, settings, label=label):
        raise ConfigError(*problems)
    request = DerivationRequest(
        command=record.command, settings=settings, label=label, overrides=config["overrides"]
    )
    search = InputSearch([read_recorded_input(folder, reference) for reference in references])
    derivation = build_derivation(request)
    derivation.accept(search)
    make(DerivationPlan(derivation, search, copy))
    before = own_revisions(config, record.command)
    causes = revision_differences(before, request.changes, partial(_option, request))
    return causes + [
        f"input: {reference['run']} was made again and predicts otherwise"
        for run, reference in zip(search.inputs, references, strict=True)
        if not is_unchanged(run, reference)
    ]


def _option(request: DerivationRequest, path: str) -> str:
    """The command, or its option at the path COMMAND.KEY, as a user chose it."""
    _, _, key = path.partition(".")
    return f"{key}={request.label}" if key else f"lepton {request.command}"
