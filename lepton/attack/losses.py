"""What an attack raises: the task's loss of each row, and margins by which rows are mistaken."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lepton.loss.weighted_mean import at_least_32_bits
from lepton.method import Batch
from lepton.task.base import Task

DLR_CLASSES = 4  # that the targeted difference of logits ratio needs
ROW_NAMES = ("target", "logit_offset")  # of a batch, what a loss reads beside logits


def row_losses(task: Task, logits: Tensor, batch: Batch) -> Tensor:
    """The task's loss of each row as if it were alone, so that no weights of rows or classes count.

    Shapes: logits as of the task; `target` encoded -> (B,).
    """
    rows = {name: batch[name] for name in ROW_NAMES if name in batch}

    def of_one(one: Tensor, row: Batch) -> Tensor:
        return task.loss_of(one[None], {name: value[None] for name, value in row.items()})

    return torch.vmap(of_one)(logits, rows)


def merged_logits(task: Task, logits: Tensor) -> Tensor:
    """The logits of what a task predicts: of parallel predictions those of their mean.

    Shapes: (B, outputs) or (B, K, outputs) -> (B, outputs).
    """
    logits = at_least_32_bits(logits)
    if logits.ndim < 3:
        return logits
    if task.name == "multiclass":
        return logits.log_softmax(-1).logsumexp(1)
    if task.name in ("binary", "multilabel"):
        return logsigmoid(logits).logsumexp(1) - logsigmoid(-logits).logsumexp(1)
    return logits.mean(1)


def margins(task: Task, logits: Tensor, target: Tensor) -> Tensor:
    """By how much a row is mistaken; above 0 where its class, or one of its labels, is another.

    Shapes: logits (B, outputs), as `merged_logits` gives them; target (B,) or (B, labels) -> (B,).
    """
    if task.name == "multiclass":
        own = target.long()[:, None]
        others = logits.scatter(1, own, -torch.inf)
        return others.amax(1) - logits.gather(1, own)[:, 0]
    signs = 2 * target.reshape(len(logits), -1).to(logits.dtype) - 1
    return -(signs * logits).amin(1)


def targeted_margins(logits: Tensor, target: Tensor, towards: Tensor) -> Tensor:
    """The targeted difference of logits ratio; with fewer than four classes the bare difference.

    Shapes: logits (B, classes); target and towards (B,), of which the second is another class.
    Source: Croce and Hein 2020, https://arxiv.org/abs/2003.01690, equation 7
    """
    difference = logits.gather(1, towards[:, None]) - logits.gather(1, target.long()[:, None])
    if logits.shape[1] < DLR_CLASSES:
        return difference[:, 0]
    ordered = logits.sort(1, descending=True).values
    scale = ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2
    return difference[:, 0] / (scale + 1e-12)
