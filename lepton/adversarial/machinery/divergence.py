"""How far two outputs of a network lie apart, by what their task predicts."""

from collections.abc import Callable

from torch import Tensor

from lepton.errors import ConfigError
from lepton.loss.weighted_mean import at_least_32_bits
from lepton.regularization.outputs import log_probabilities
from lepton.spec import DataSpec

Divergence = Callable[[Tensor, Tensor], Tensor]


def divergence_of(option: str, spec: DataSpec) -> Divergence:
    """The divergence of the second logits' probabilities from the first's, of each row.

    Of labels it is the sum over all, of numbers the squared difference, of parallel predictions
    their mean. Shapes: logits (B, outputs) or (B, K, outputs) twice -> (B,).
    Raises: ConfigError that names the option, for a task without classes or numbers.
    """
    of_logits = log_probabilities(spec.task)
    if of_logits is None and spec.task != "regression":
        raise ConfigError(
            f"adversarial.{option}, task: {spec.task} has neither classes nor numbers that "
            f"predictions could move away from; adversarial=fgsm needs a loss alone"
        )

    def divergence(first: Tensor, second: Tensor) -> Tensor:
        if of_logits is None:
            terms = (at_least_32_bits(first) - at_least_32_bits(second)).square()
        else:
            p, q = of_logits(first), of_logits(second)
            terms = (p.exp() * (p - q)).sum(-1)
            terms = terms[..., None] if spec.task == "multiclass" else terms
        terms = terms.sum(-1)
        return terms if terms.ndim == 1 else terms.mean(1)

    return divergence
