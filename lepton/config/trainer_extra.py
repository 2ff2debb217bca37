"""Checks `trainer.extra`: further arguments of Lightning's Trainer, by its signature in source."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lepton.config.model_kind import NETWORK, ModelKind
from lepton.config.node_checks import key_problems
from lepton.config.signature import Signature, read_signature

TRAINER = "pytorch_lightning.trainer.trainer.Trainer"
OWNER = "pytorch_lightning.Trainer"  # as messages name it
SET_BY_LEPTON = {  # arguments that lepton sets, and the key that does it
    **{
        name: f"trainer.{name} sets it"
        for name in (
            *("accelerator", "devices", "strategy", "precision", "max_epochs", "max_time"),
            *("deterministic", "detect_anomaly", "profiler", "overfit_batches"),
            "accumulate_grad_batches",
        )
    },
    **{
        f"limit_{name}_batches": "trainer.limit_batches sets it"
        for name in ("train", "val", "test", "predict")
    },
    "logger": "logger=... sets it",
    "callbacks": "callbacks=[...] sets it",
    "enable_progress_bar": "trainer.progress sets it, or callbacks with a progress bar",
    "enable_checkpointing": "a callback that saves checkpoints sets it",
    "default_root_dir": "it is callbacks/ in the folder of the run",
    "use_distributed_sampler": "lepton's loaders give each process its share of the rows",
    "fast_dev_run": "trainer=smoke trains on two batches",
    "num_nodes": "lepton starts the processes of one machine, for trainer.devices",
    "barebones": "it leaves out the metrics that lepton reads",
    "model_registry": "lepton uploads no models",
    "plugins": "it takes objects, which YAML has not",
}
VALIDATES = "lepton's networks are validated after every epoch, of which the best is kept"
STEPS = "lepton trains its networks for whole epochs; trainer.max_epochs says how many"
CLIPS = "lepton's networks are optimized by hand; regularization=gradient_clipping clips"
NOT_FOR_NETWORKS = {  # what a LightningModule of one's own may have
    "val_check_interval": VALIDATES,
    "check_val_every_n_epoch": VALIDATES,
    "max_steps": STEPS,
    "min_steps": STEPS,
    "gradient_clip_val": CLIPS,
    "gradient_clip_algorithm": CLIPS,
    "enable_autolog_hparams": "lepton's networks give loggers no hyperparameters",
}


def extra_problems(config: dict[str, Any], model_kind: ModelKind) -> Iterator[str]:
    """A line for every further argument that the Trainer does not take, or that lepton sets."""
    trainer = config["trainer"] or {}
    extra = trainer.get("extra") or {}
    refused = SET_BY_LEPTON | (NOT_FOR_NETWORKS if model_kind is NETWORK else {})
    others = {}
    for name, value in extra.items():
        if name in refused:
            yield f"trainer.extra.{name}: {refused[name]}"
        else:
            others[name] = value
    if others:
        yield from key_problems("trainer.extra.", others, _optional_arguments(), OWNER)
    fewest, most = others.get("min_epochs"), trainer.get("max_epochs")
    if isinstance(fewest, int) and isinstance(most, int) and fewest > most:
        yield f"trainer.extra.min_epochs: {fewest} is more than trainer.max_epochs={most}"
    if others.get("max_steps") == 0:
        yield "trainer.extra.max_steps: 0 leaves nothing to learn; 1 at least, or -1 for no limit"


def _optional_arguments() -> Signature:
    """The signature of Lightning's Trainer, all of whose arguments may be left out."""
    signature = read_signature(TRAINER)
    parameters = {key: replace(p, required=False) for key, p in signature.parameters.items()}
    return replace(signature, parameters=parameters)
