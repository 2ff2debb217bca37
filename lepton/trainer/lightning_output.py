"""Silences Lightning's routine output: warnings and log lines that call for no action."""

import logging
import warnings

ROUTINE_WARNINGS = (
    ".*does not have many workers.*",
    ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
    ".*The number of training batches .* is smaller than the logging interval.*",
    ".*`val_dataloader` but have no `validation_step`.*",  # scored by predict_step
    ".*Checkpoint directory .* exists and is not empty.*",  # of a run that goes on
    ".*Using ModelCheckpoint with manual optimization and every_n_train_steps.*",
    ".*configure_optimizers.* returned .None.*",
    ".*lr_scheduler.step.*before.*optimizer.step.*",
    ".*`srun` command is available.*",
)
LOGGERS = ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric")


def ignore_routine_warnings() -> None:
    """Ignores the warnings that Lightning gives on every run."""
    for message in ROUTINE_WARNINGS:
        warnings.filterwarnings("ignore", message)


def log_warnings_only() -> None:
    """Lets Lightning's loggers pass warnings and errors alone."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
