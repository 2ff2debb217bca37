"""Finds the classes of commands, of those given and of those that made a run, and builds them."""

from dataclasses import replace

from lepton import build
from lepton.config.commands import option_groups
from lepton.config.signature import TargetError, read_signature
from lepton.config.trust import is_trusted
from lepton.config.words import shell_word
from lepton.config.younger_keys import with_younger_settings
from lepton.derived.derivation import Derivation, DerivationRequest
from lepton.errors import ConfigError, LeptonError
from lepton.storage.derived_record import DerivedRecord


def with_younger_keys(record: DerivedRecord) -> DerivedRecord:
    """The record of a run with the settings that are younger than it, as they were before."""
    groups = option_groups(record.command)
    return replace(record, settings=with_younger_settings(record.settings, groups))


def derivation_class(record: DerivedRecord) -> type[Derivation]:
    """The class that made a run; nothing is imported that is not trusted.

    Raises: ConfigError when it is not in a trusted package; LeptonError when it is not there.
    """
    return import_derivation(record.command, record.settings["_target_"])


def import_derivation(command: str, target: str) -> type[Derivation]:
    """The class behind the `_target_` of a command.

    Raises: as `derivation_class`.
    """
    if not is_trusted(target, None):
        package = target.partition(".")[0]
        raise ConfigError(
            f"lepton {command}: {target!r} is not in a trusted package; if you trust it, --allow "
            f"{shell_word(package)}, in Python lepton.allow({package!r})"
        )
    try:
        read_signature(target)
        found = build.import_target({"_target_": target}, None)
    except (TargetError, ImportError) as e:
        raise LeptonError(f"lepton {command}: {target} cannot be imported ({e})") from None
    if not (isinstance(found, type) and issubclass(found, Derivation)):
        raise ConfigError(f"lepton {command}: {target} is no lepton.derived.derivation.Derivation")
    return found


def build_derivation(request: DerivationRequest) -> Derivation:
    """The object that makes what was asked for.

    Raises: ConfigError for values that its constructor refuses; and as `import_derivation`.
    """
    values = {key: value for key, value in request.settings.items() if key != "_target_"}
    derivation = import_derivation(request.command, request.settings["_target_"])(**values)
    derivation.request = request
    return derivation
