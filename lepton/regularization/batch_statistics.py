"""The statistics that BatchNorm keeps, learned anew for other weights."""

from typing import Any

import torch
from torch import nn

from lepton.compat.lightning import pl
from lepton.compat.torch import has_running_statistics
from lepton.model.evaluation_mode import evaluation_mode


def keeps_statistics(model: nn.Module) -> bool:
    """True where a layer of the model normalizes by statistics of training batches."""
    return bool(_layers(model))


def learn_statistics(trainer: pl.Trainer, module: pl.LightningModule, model: nn.Module) -> None:
    """Sets the statistics of all layers to their means over the training batches of an epoch.

    Dropout and all else is as in validation.
    """
    layers: list[Any] = _layers(model)
    momenta = [layer.momentum for layer in layers]
    loader: Any = trainer.train_dataloader
    done, loader.done = loader.done, (0, 0)  # an epoch that was gone on with is whole here
    with evaluation_mode(model), torch.no_grad(), trainer.precision_plugin.val_step_context():
        for layer in layers:
            layer.train()
            layer.reset_running_stats()
        count = 0
        for block in loader:
            for batch in trainer.precision_plugin.convert_input(
                trainer.strategy.batch_to_device(block)
            ):
                count += 1
                for layer in layers:
                    layer.momentum = 1 / count  # so that all batches count alike
                module(batch)
    loader.done = done
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _layers(model: nn.Module) -> list[nn.Module]:
    buffers = ((m, getattr(m, "running_mean", None)) for m in model.modules())
    return [m for m, mean in buffers if has_running_statistics(m) and mean is not None]
