"""Private parts of Hydra, each behind a function that says what it is for; none imports torch."""

from collections.abc import Callable, Sequence
from typing import Any

import hydra.utils
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import InstantiationException
from omegaconf import DictConfig


def set_values(cfg: DictConfig, overrides: Sequence[Override]) -> None:
    """Sets in a composed config the values that parsed overrides give, as Hydra itself does.

    No public way: Hydra applies overrides only while it composes a config from its files.
    Tried: hydra-core 1.3.8, 1.4.0rc3.
    """
    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), cfg)


def forget_stored_options(group: str, names: Sequence[str]) -> None:
    """Removes options that plugins hold in Python, so that files of the same names count alone.

    No public way: Hydra merges a file into the stored option of its name, and the store can only
    be added to. Tried: hydra-core 1.3.8, 1.4.0rc3.
    """
    options: dict[str, Any] = ConfigStore.instance().repo
    for folder in group.split("/"):
        options = options.get(folder, {})
    for name in names:
        options.pop(f"{name}.yaml", None)


def run_sweep(
    session: Hydra, config_name: str, task: Callable[[DictConfig], Any], overrides: Sequence[str]
) -> None:
    """Hands a sweep to the sweeper that the config names; logging is left as it is.

    No public way: hydra.main reads the command line, and sets up logging and folders.
    Tried: hydra-core 1.3.8, 1.4.0rc3.
    """
    session.multirun(config_name, task, list(overrides), with_log_configuration=False)


def error_of(job: JobReturn) -> Any:
    """The error that a launcher says has ended a job, or None for a job that has completed.

    No public way: JobReturn.return_value prints the error and raises it.
    Tried: hydra-core 1.3.8, 1.4.0rc3.
    """
    return None if job.status == JobStatus.COMPLETED else job._return_value


def cause_of(error: BaseException) -> BaseException:
    """What an error of Hydra's was raised from; any other error itself."""
    return (error.__cause__ or error) if isinstance(error, InstantiationException) else error


def cause_text(error: BaseException) -> str:
    """The message of what an error was raised from, in one line."""
    return " ".join(str(cause_of(error)).split())


def without_execution_checks() -> dict[str, Any]:
    """The keyword of `instantiate` for targets that are trusted, as all are for Hydra 1.3.

    Hydra 1.4 takes a list of targets, and also refuses what a listed one returns where it can be
    called and its own class is not listed: torch.nn.Dropout, which lies elsewhere, or what
    torchmetrics.Accuracy chooses.

    No public way: the value is there from 1.4 on. Tried: hydra-core 1.3.8, 1.4.0rc3.
    """
    value = getattr(hydra.utils, "UNSAFE_DISABLE_EXECUTION_CHECKS", None)
    return {} if value is None else {"_execution_whitelist_": value}
