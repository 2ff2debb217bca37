"""Checks the callbacks of a config by the source of their classes; says what takes their place."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lepton.config.chosen_options import chosen_nodes, option_label
from lepton.config.lineage import read_lineage
from lepton.config.model_kind import NETWORK, ModelKind
from lepton.config.signature import TargetError

PACKAGE = "pytorch_lightning.callbacks"
CALLBACK = f"{PACKAGE}.callback.Callback"
REFUSED = {  # Lightning's callbacks that no run can have, and why
    f"{PACKAGE}.batch_size_finder.BatchSizeFinder": "sets the batch size, a part of a run's id; "
    "batch_size=... sets it, and a sweep compares several",
    f"{PACKAGE}.lr_finder.LearningRateFinder": "sets the learning rate, a part of a run's id; a "
    "sweep or hydra/sweeper=search finds one",
    f"{PACKAGE}.stochastic_weight_avg.StochasticWeightAveraging": "averages weights that the best "
    "epoch's then replace; `lepton list regularization` has an average that is kept",
    f"{PACKAGE}.weight_averaging.WeightAveraging": "averages weights that the best epoch's then "
    "replace; `lepton list regularization` has an average that is kept",
    f"{PACKAGE}.pruning.ModelPruning": "gives the weights other names than those that are saved",
    f"{PACKAGE}.prediction_writer.BasePredictionWriter": "is called by Trainer.predict alone; "
    "lepton writes the predictions of each run itself",
    f"{PACKAGE}.on_exception_checkpoint.OnExceptionCheckpoint": "has Lightning go on from its own "
    "file; lepton saves a run that is ended, and goes on from there",
    f"{PACKAGE}.lambda_function.LambdaCallback": "takes functions, which YAML has not; derive a "
    "class from pytorch_lightning.Callback",
}
REFUSED_ITSELF = {  # those whose subclasses may do
    f"{PACKAGE}.throughput_monitor.ThroughputMonitor": "takes a function, which YAML has not; "
    "derive a class from it that gives batch_size_fn",
    CALLBACK: "does nothing; derive a class from it",
    f"{PACKAGE}.checkpoint.Checkpoint": "does nothing; ModelCheckpoint saves",
    f"{PACKAGE}.progress.progress_bar.ProgressBar": "shows nothing; TQDMProgressBar does",
}
REFUSED_FOR_NETWORKS = {  # those that a LightningModule of one's own may have
    f"{PACKAGE}.gradient_accumulation_scheduler.GradientAccumulationScheduler": "needs automatic "
    "optimization; trainer.accumulate_grad_batches is the same number in every epoch",
    f"{PACKAGE}.finetuning.BaseFinetuning": "adds weights to an optimizer that lepton makes; "
    "`lepton list finetune` has strategies that freeze and thaw layers",
}


def callback_problems(config: dict[str, Any], model_kind: ModelKind) -> Iterator[str]:
    """A line for each chosen class that is no callback, or that cannot do its work here."""
    for path, node in chosen_nodes(config, "callbacks").items():
        option = option_label(config, path)
        try:
            lineage = read_lineage(str(node["_target_"])).classes
        except (TargetError, KeyError):  # which other checks tell
            continue
        if CALLBACK not in lineage:
            yield f"{path}: {option} is no class derived from pytorch_lightning.Callback"
        elif reason := refusal_reason(lineage, for_network=model_kind is NETWORK):
            yield f"{path}: {option} {reason}"
        else:
            yield from _places_outside(path, node)


def _places_outside(path: str, node: dict[str, Any]) -> Iterator[str]:
    """A line for each path of a callback that leads out of the run's folder."""
    for key in ("dirpath", "filename"):
        place = Path(str(node.get(key) or "."))
        if place.is_absolute() or ".." in place.parts:
            yield f"{path}.{key}: {place} leads out of callbacks/ of a run, where its files lie"


def refusal_reason(classes: tuple[str, ...], *, for_network: bool) -> str | None:
    """Why a callback cannot do its work, by the names of its class and of all bases."""
    reasons = REFUSED | (REFUSED_FOR_NETWORKS if for_network else {})
    if classes[0] in REFUSED_ITSELF:
        return REFUSED_ITSELF[classes[0]]
    return next((reasons[name] for name in classes if name in reasons), None)
