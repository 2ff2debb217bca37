"""GradientNorm: a callback of Lightning's."""

import pytorch_lightning as pl
import torch


class GradientNorm(pl.Callback):
    def __init__(self, *, every: int):
        self.every = every

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        if trainer.global_step % self.every == 0:
            gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
            norm = torch.nn.utils.get_total_norm(gradients)
            for logger in trainer.loggers:
                logger.log_metrics({"gradient_norm": float(norm)}, step=trainer.global_step)
