"""BatchLoss: the part of a task that says how far its logits are from the target of a batch."""

import inspect

import torch
from torch import Tensor

from lepton.loss.loss import RowLoss, losses_of_rows
from lepton.loss.weighted_mean import at_least_32_bits, times_row_weights, weighted_mean


class BatchLoss:
    """The loss of a batch, its rows weighed by their classes and by weights of their own."""

    row_loss: RowLoss | None
    weights: Tensor | None = None  # for each output that of its absence and presence (outputs, 2)

    def loss(self, logits: Tensor, encoded: Tensor, weight: Tensor | None = None) -> Tensor:
        """The mean loss; with weights of classes or rows the weighted mean, as in cross_entropy.

        Shapes: encoded (B,) or (B, outputs), hard or soft; weight (B,), of the rows -> scalar.
        """
        logits = at_least_32_bits(logits)
        if logits.ndim == 3:
            parallel = logits.shape[1]
            encoded, logits = encoded.repeat_interleave(parallel, dim=0), logits.flatten(0, 1)
            weight = None if weight is None else weight.repeat_interleave(parallel, dim=0)
        if self.row_loss is None and weight is None:
            return self._loss(logits, encoded)
        return weighted_mean(*self._losses_and_weights(logits, encoded), weight)

    def loss_of(self, logits: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a training batch, by the weights of its rows where it has some.

        `logit_offset` (B, outputs), which a method may give a batch, is added to the logits first.
        """
        weight = {"weight": batch["weight"]} if "weight" in batch else {}
        if (offset := batch.get("logit_offset")) is not None:
            logits = logits + (offset if logits.ndim == offset.ndim else offset[:, None])
        return self.loss(logits, batch["target"], **weight)

    def normalizer(self, encoded: Tensor, weight: Tensor | None = None) -> Tensor | None:
        """What `loss` divides its sum over a batch by, up to a factor that all batches share.

        None where that is the number of rows, as without weights. The batches of a step that
        accumulates, and those of several processes, are weighed by it: so together they are one
        larger batch. Shapes: encoded and weight as `loss` takes them -> scalar.
        """
        if self.weights is None:
            return None if weight is None else at_least_32_bits(weight).sum()
        like = encoded if encoded.is_floating_point() else encoded.to(torch.get_default_dtype())
        return times_row_weights(self._row_weights(like, encoded), weight).sum().detach()

    @property
    def weighs_rows(self) -> bool:
        """True where `loss` takes weights of rows; False for a class whose own loss does not."""
        hooks = (type(self).loss, type(self).normalizer)
        if not all("weight" in inspect.signature(hook).parameters for hook in hooks):
            return False
        if self.row_loss is not None or type(self).loss is not BatchLoss.loss:
            return True
        nearest = next(vars(base) for base in type(self).__mro__ if "_loss" in vars(base))
        return "_row_losses" in nearest and nearest is not vars(BatchLoss)

    def weights_like(self, logits: Tensor) -> Tensor:
        """The weights in the dtype and on the device of the logits. Shapes: (outputs, 2)."""
        assert self.weights is not None
        return self.weights.to(logits.dtype).to(logits.device)  # not kept: vmap may have wrapped it

    def _losses_and_weights(self, logits: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor | None]:
        """The loss of each row times its class's weight, and these weights where there are some."""
        if self.row_loss is None:
            losses = self._row_losses(logits, encoded)
            return losses, None if self.weights is None else self._row_weights(logits, encoded)
        logits, encoded = self._as_row_loss_takes(logits, encoded)
        losses = losses_of_rows(self.row_loss, logits, encoded)
        if self.weights is None:
            return losses, None
        weights = self._row_weights(logits, encoded)
        weights = weights.mean(-1) if weights.ndim > losses.ndim else weights
        return losses * weights, weights

    def _loss(self, logits: Tensor, encoded: Tensor) -> Tensor:
        raise NotImplementedError

    def _row_losses(self, logits: Tensor, encoded: Tensor) -> Tensor:
        """The terms of `_loss`, each times its class's weight. Shapes: -> (B,) or (B, outputs)."""
        raise NotImplementedError

    def _as_row_loss_takes(self, logits: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and target in the shapes that `lepton.loss.loss.Loss` says."""
        return logits, encoded

    def _row_weights(self, logits: Tensor, encoded: Tensor) -> Tensor:
        """The weight of each row's loss by its class. Shapes: -> (B,) or (B, outputs)."""
        raise NotImplementedError
