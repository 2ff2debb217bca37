"""Optimizers of a stack: torch's update rules with hyperparameters that differ between members.

Hyperparameters come in 64 bits, because 1 - beta ** step cancels; each class is tested against
the optimizer whose name it has.
"""

from typing import Any

import lion_pytorch
import torch
from torch import Tensor
from torch.optim import Optimizer

from lepton.compat.torch import fused_adam_
from lepton.method import StackState
from lepton.vectorize.hyperparameters import StackedHyperparameters
from lepton.vectorize.weights import StackedWeights

Tensors = dict[str, Tensor]


class StackedOptimizer(StackState):
    """An optimizer's state and step for all members; they have made the same number of `steps`.

    Shapes: hyperparameters and coefficients (K, 1); parameters, gradients and state (K, n).
    """

    state_names: tuple[str, ...] = ()
    shared_flags: tuple[str, ...] = ()  # settings that must be the same for all members

    def __init__(self, weights: StackedWeights, settings: dict[str, Any]):
        self.settings, self.steps = settings, 0
        self.state = [
            {name: torch.zeros_like(value) for name in self.state_names} for value in weights.values
        ]

    @torch.no_grad()
    def step(self, weights: StackedWeights, hyper: StackedHyperparameters) -> None:
        """Moves the parameters of all members in place."""
        self.steps += 1
        dtype = weights.values[0].dtype
        coefficients = {n: value.to(dtype) for n, value in self.coefficients(hyper).items()}
        parameters = zip(weights.values, weights.grads, self.state, weights.decayed, strict=True)
        for param, grad, state, is_decayed in parameters:
            if is_decayed and not hyper.is_zero("weight_decay"):
                if self.decouples_decay:
                    param *= coefficients["decay_factor"]
                else:
                    grad = torch.addcmul(grad, param, coefficients["weight_decay"])
            self.update(param, grad, state, coefficients)

    @property
    def decouples_decay(self) -> bool:
        """True where weights decay by themselves, False where decay is part of the gradient."""
        return False

    def coefficients(self, hyper: StackedHyperparameters) -> Tensors:
        """The numbers that `update` multiplies with in this step. Shapes: each (K, 1)."""
        return {
            "minus_lr": -hyper["lr"],
            "weight_decay": hyper["weight_decay"],
            "decay_factor": 1 - hyper["lr"] * hyper["weight_decay"],
        }

    def update(self, param: Tensor, grad: Tensor, state: Tensors, coefficients: Tensors) -> None:
        """Moves one parameter and its state in place."""
        raise NotImplementedError

    def tensors(self) -> Tensors:
        return {
            f"{name} {i}": value
            for i, state in enumerate(self.state)
            for name, value in state.items()
        }

    def put(self, tensors: Tensors) -> None:
        for i, state in enumerate(self.state):
            state.update({name: tensors[f"{name} {i}"] for name in state})


class StackedSGD(StackedOptimizer):
    """SGD with momentum, dampening and Nesterov's form."""

    state_names = ("velocity",)
    shared_flags = ("nesterov",)

    def coefficients(self, hyper: StackedHyperparameters) -> Tensors:
        momentum = hyper["momentum"]
        dampening = torch.where(momentum == 0, 0.0, hyper["dampening"])
        return super().coefficients(hyper) | {
            "momentum": momentum,
            "one_minus_dampening": 1 - dampening,
        }

    def update(self, param: Tensor, grad: Tensor, state: Tensors, coefficients: Tensors) -> None:
        velocity = state["velocity"]
        if self.steps == 1:
            velocity.copy_(grad)
        else:
            velocity.mul_(coefficients["momentum"])
            velocity.addcmul_(grad, coefficients["one_minus_dampening"])
        if self.settings["nesterov"]:
            velocity = torch.addcmul(grad, velocity, coefficients["momentum"])
        param.addcmul_(velocity, coefficients["minus_lr"])


class StackedAdam(StackedOptimizer):
    """Adam, by torch's fused kernel where members share all but learning rate and decay."""

    state_names = ("mean", "square")

    def step(self, weights: StackedWeights, hyper: StackedHyperparameters) -> None:
        common = hyper.common("beta1", "beta2", "eps")
        if common is None or not (self.decouples_decay or hyper.is_zero("weight_decay")):
            super().step(weights, hyper)
        else:
            beta1, beta2, eps = common
            self._fused_step(weights, hyper, beta1=beta1, beta2=beta2, eps=eps)

    @torch.no_grad()
    def _fused_step(
        self,
        weights: StackedWeights,
        hyper: StackedHyperparameters,
        *,
        beta1: float,
        beta2: float,
        eps: float,
    ) -> None:
        """The kernel moves zeros with a learning rate of 1; each member scales that by its own."""
        self.steps += 1
        dtype = weights.values[0].dtype
        lr, decay_factor = hyper["lr"].to(dtype), None
        if not hyper.is_zero("weight_decay"):
            decay_factor = (1 - hyper["lr"] * hyper["weight_decay"]).to(dtype)
        moves = [torch.zeros_like(value) for value in weights.values]
        fused_adam_(
            moves,
            weights.grads,
            [state["mean"] for state in self.state],
            [state["square"] for state in self.state],
            step=self.steps,
            lr=1.0,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
        )
        for param, move, is_decayed in zip(weights.values, moves, weights.decayed, strict=True):
            if is_decayed and decay_factor is not None:
                param *= decay_factor
            param.addcmul_(move, lr)

    def coefficients(self, hyper: StackedHyperparameters) -> Tensors:
        return (
            super().coefficients(hyper)
            | moment_coefficients(hyper)
            | {
                "eps": hyper["eps"],
                "minus_step_size": -hyper["lr"] / (1 - hyper["beta1"] ** self.steps),
                "sqrt_correction2": (1 - hyper["beta2"] ** self.steps).sqrt(),
            }
        )

    def update(self, param: Tensor, grad: Tensor, state: Tensors, coefficients: Tensors) -> None:
        update_moments(grad, state, coefficients)
        denominator = state["square"].sqrt().div_(coefficients["sqrt_correction2"])
        denominator.add_(coefficients["eps"])
        param.addcmul_(state["mean"] / denominator, coefficients["minus_step_size"])


class StackedAdamW(StackedAdam):
    """Adam with weight decay apart from the gradient."""

    @property
    def decouples_decay(self) -> bool:
        return True


class StackedNAdam(StackedOptimizer):
    """Adam with Nesterov's momentum, whose schedule depends on the step."""

    state_names = ("mean", "square")
    shared_flags = ("decoupled_weight_decay",)

    def __init__(self, weights: StackedWeights, settings: dict[str, Any]):
        super().__init__(weights, settings)
        first = weights.values[0]
        # of the momenta of all steps so far; (K, 1)
        self.momentum_product = torch.ones(len(first), 1, dtype=torch.float64, device=first.device)

    @property
    def decouples_decay(self) -> bool:
        return self.settings["decoupled_weight_decay"]

    def coefficients(self, hyper: StackedHyperparameters) -> Tensors:
        momentum, next_momentum = (
            self._momentum(hyper, step) for step in (self.steps, self.steps + 1)
        )
        self.momentum_product = product = self.momentum_product * momentum
        return (
            super().coefficients(hyper)
            | moment_coefficients(hyper)
            | {
                "eps": hyper["eps"],
                "correction2": 1 - hyper["beta2"] ** self.steps,
                "minus_grad_step": -hyper["lr"] * (1 - momentum) / (1 - product),
                "minus_mean_step": -hyper["lr"] * next_momentum / (1 - product * next_momentum),
            }
        )

    @staticmethod
    def _momentum(hyper: StackedHyperparameters, step: int) -> Tensor:
        return hyper["beta1"] * (1 - 0.5 * 0.96 ** (step * hyper["momentum_decay"]))

    def update(self, param: Tensor, grad: Tensor, state: Tensors, coefficients: Tensors) -> None:
        update_moments(grad, state, coefficients)
        denominator = (state["square"] / coefficients["correction2"]).sqrt_()
        denominator.add_(coefficients["eps"])
        param.addcmul_(grad / denominator, coefficients["minus_grad_step"])
        param.addcmul_(state["mean"] / denominator, coefficients["minus_mean_step"])

    def tensors(self) -> Tensors:
        return super().tensors() | {"product": self.momentum_product}

    def put(self, tensors: Tensors) -> None:
        super().put(tensors)
        self.momentum_product = tensors["product"]


class StackedRMSprop(StackedOptimizer):
    """RMSprop with momentum; centered or not."""

    state_names = ("square", "mean", "velocity")
    shared_flags = ("centered",)

    def coefficients(self, hyper: StackedHyperparameters) -> Tensors:
        return super().coefficients(hyper) | {
            "alpha": hyper["alpha"],
            "one_minus_alpha": 1 - hyper["alpha"],
            "momentum": hyper["momentum"],
            "eps": hyper["eps"],
        }

    def update(self, param: Tensor, grad: Tensor, state: Tensors, coefficients: Tensors) -> None:
        new = coefficients["one_minus_alpha"]
        square = state["square"].mul_(coefficients["alpha"]).addcmul_(grad * grad, new)
        if self.settings["centered"]:
            mean = state["mean"].lerp_(grad, new)
            square = square - mean * mean
        denominator = square.sqrt().add_(coefficients["eps"])
        velocity = state["velocity"].mul_(coefficients["momentum"]).add_(grad / denominator)
        param.addcmul_(velocity, coefficients["minus_lr"])


class StackedLion(StackedOptimizer):
    """Lion: the sign of an average of gradients."""

    state_names = ("mean",)

    @property
    def decouples_decay(self) -> bool:
        return True

    def coefficients(self, hyper: StackedHyperparameters) -> Tensors:
        moments = moment_coefficients(hyper)
        return super().coefficients(hyper) | moments | {"beta1": hyper["beta1"]}

    def update(self, param: Tensor, grad: Tensor, state: Tensors, coefficients: Tensors) -> None:
        mean = state["mean"]
        direction = (mean * coefficients["beta1"]).addcmul_(grad, coefficients["one_minus_beta1"])
        param.addcmul_(direction.sign_(), coefficients["minus_lr"])
        mean.mul_(coefficients["beta2"]).addcmul_(grad, coefficients["one_minus_beta2"])


def moment_coefficients(hyper: StackedHyperparameters) -> Tensors:
    """The decay of averages of gradients and of their squares. Shapes: each (K, 1)."""
    return {
        "beta2": hyper["beta2"],
        "one_minus_beta1": 1 - hyper["beta1"],
        "one_minus_beta2": 1 - hyper["beta2"],
    }


def update_moments(grad: Tensor, state: Tensors, coefficients: Tensors) -> None:
    """Moves Adam's averages of the gradient and of its square, in place."""
    state["mean"].lerp_(grad, coefficients["one_minus_beta1"])
    square = state["square"].mul_(coefficients["beta2"])
    square.addcmul_(grad * grad, coefficients["one_minus_beta2"])


STACKED_OPTIMIZERS: dict[type[Optimizer], type[StackedOptimizer]] = {
    torch.optim.SGD: StackedSGD,
    torch.optim.Adam: StackedAdam,
    torch.optim.AdamW: StackedAdamW,
    torch.optim.NAdam: StackedNAdam,
    torch.optim.RMSprop: StackedRMSprop,
    lion_pytorch.Lion: StackedLion,
}
