"""The trainer of a run, with the callbacks that its config chooses, and where their files lie."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lepton import build
from lepton.compat.lightning import MisconfigurationException, ProgressBar, pl
from lepton.errors import ConfigError, Diverged
from lepton.storage.run_folder import CALLBACK_FOLDER
from lepton.trainer.default import Trainer
from lepton.trainer.lightning_output import log_warnings_only
from lepton.training.progress import Progress
from lepton.training.tracker import build_trackers

REFUSING_MODULES = ("pytorch_lightning.callbacks.", "pytorch_lightning.loops.fit_loop")
BATCH_HOOKS = (  # where a block of batches would be one, or the trainer's counters would count it
    *("on_train_batch_start", "on_train_batch_end", "on_before_zero_grad", "on_before_backward"),
    *("on_after_backward", "on_before_optimizer_step"),
)


def run_trainer(
    config: dict[str, Any],
    folder: Path,
    callbacks: Sequence[pl.Callback],
    node: dict[str, Any] | None = None,
) -> Trainer:
    """The trainer of a config, or of another `node`, with these callbacks and a line of progress.

    Raises: ConfigError, as the Trainer.
    """
    log_warnings_only()
    settings: dict[str, Any] = node or config["trainer"]
    if "extra" in settings:  # of which a Trainer of the user's own may know nothing
        root = str(folder / CALLBACK_FOLDER)
        settings = settings | {"extra": {**settings["extra"], "default_root_dir": root}}
    shows_progress = any(isinstance(callback, ProgressBar) for callback in callbacks)
    return build.instantiate(
        settings,
        "trainer",
        callbacks=[*callbacks, *([] if shows_progress else [Progress()])],
        logger=build_trackers(config, folder) or False,
    )


@contextmanager
def explained_fit(
    trainer: Trainer, options: str, *, save_finite_weights: Callable[[Diverged], None]
) -> Iterator[None]:
    """Saves, in the first process, finite weights of a training that diverges meanwhile.

    Raises: ConfigError that names the options, for what Lightning refuses; else what is raised.
    """
    try:
        yield
    except Diverged as error:
        if trainer.is_global_zero:
            save_finite_weights(error)
        raise
    except (MisconfigurationException, RuntimeError, ValueError) as e:
        if not (isinstance(e, MisconfigurationException) or _is_refusal_of_lightnings(e)):
            raise
        raise ConfigError(f"{options}: {' '.join(str(e).split())}") from e


def _is_refusal_of_lightnings(error: BaseException) -> bool:
    """True for what a callback of Lightning's, or its loop, raises itself: for a metric that is not
    there, for more batches between validations than there are."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__", "").startswith(REFUSING_MODULES)


def chosen_callbacks(config: dict[str, Any], folder: Path) -> list[pl.Callback]:
    """The callbacks of the group `callbacks`, by name; they write into the folder of a run.

    Raises: ConfigError for a class that is none.
    """
    callbacks = build.callbacks(config, folder / CALLBACK_FOLDER)
    for callback in callbacks:
        if not isinstance(callback, pl.Callback):
            name = type(callback).__name__
            raise ConfigError(f"callbacks: {name} is no pytorch_lightning.Callback")
    return callbacks


def are_called_each_batch(callbacks: Sequence[pl.Callback]) -> bool:
    """True when one has a hook that is to be called once a batch."""
    return any(
        getattr(type(callback), hook) is not getattr(pl.Callback, hook)
        for callback in callbacks
        for hook in BATCH_HOOKS
    )
