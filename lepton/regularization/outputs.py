"""What several options of regularization say of a model's outputs: how likely each class is."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from lepton.loss.weighted_mean import at_least_32_bits, weighted_mean


def log_probabilities(task: str) -> Callable[[Tensor], Tensor] | None:
    """Makes logits the logarithms of probabilities; None for a task without classes or labels.

    Shapes: multiclass (..., classes) as it is; binary and multilabel (..., outputs) ->
        (..., outputs, 2), of no and of yes.
    """
    return {"multiclass": _of_classes, "binary": _of_labels, "multilabel": _of_labels}.get(task)


def mean_of_rows(values: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """The mean over rows by their weights, and over whatever each has. Shapes: (B, ...) -> ()."""
    return weighted_mean(values.reshape(len(values), -1).mean(1), None, batch.get("weight"))


def _of_classes(logits: Tensor) -> Tensor:
    return at_least_32_bits(logits).log_softmax(-1)


def _of_labels(logits: Tensor) -> Tensor:
    logits = at_least_32_bits(logits)[..., None]
    return F.logsigmoid(logits * logits.new_tensor([-1.0, 1.0]))
