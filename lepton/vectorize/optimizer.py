"""Optimizers over a stack: torch's update rules with a hyperparameter a member.

Hyperparameters come in 64 bits, because 1 - beta ** t cancels; each rule is tested against the
optimizer whose name it has.
"""

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
    """State and step; `steps` counts from 1 and is the same for all members.

    Shapes: hyperparameters and what is made of them (K, 1); parameters, gradients, state (K, n).
    """

    moments: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()  # settings that must be the same for all members

    def __init__(self, weights: StackedWeights, settings: dict):
        self.settings, self.steps = settings, 0
        self.state = [
            {name: torch.zeros_like(value) for name in self.moments} for value in weights.values
        ]

    @torch.no_grad()
    def step(self, weights: StackedWeights, h: StackedHyperparameters) -> None:
        self.steps += 1
        numbers = self.numbers(h)
        numbers = {name: value.to(weights.values[0].dtype) for name, value in numbers.items()}
        parts = zip(weights.values, weights.grads, self.state, weights.decayed, strict=True)
        for p, g, state, decayed in parts:
            if decayed and not h.zero("weight_decay"):
                if self.decoupled:
                    p *= numbers["shrink"]
                else:
                    g = torch.addcmul(g, p, numbers["weight_decay"])
            self.update(p, g, state, numbers)

    @property
    def decoupled(self) -> bool:
        """Whether weights decay apart from the gradient."""
        return False

    def numbers(self, h: StackedHyperparameters) -> Tensors:
        """What a step needs of the hyperparameters."""
        return {
            "lr": -h["lr"],
            "weight_decay": h["weight_decay"],
            "shrink": 1 - h["lr"] * h["weight_decay"],
        }

    def update(self, p: Tensor, g: Tensor, state: Tensors, n: Tensors) -> None:
        raise NotImplementedError

    def tensors(self) -> Tensors:
        return {f"{name} {i}": value for i, s in enumerate(self.state) for name, value in s.items()}

    def put(self, tensors: Tensors) -> None:
        for i, state in enumerate(self.state):
            state.update({name: tensors[f"{name} {i}"] for name in state})


class StackedSGD(StackedOptimizer):
    moments = ("velocity",)
    flags = ("nesterov",)

    def numbers(self, h):
        damped = torch.where(h["momentum"] == 0, 0.0, h["dampening"])
        return super().numbers(h) | {"momentum": h["momentum"], "new": 1 - damped}

    def update(self, p, g, state, n):
        v = state["velocity"]
        if self.steps == 1:
            v.copy_(g)
        else:
            v.mul_(n["momentum"]).addcmul_(g, n["new"])
        if self.settings["nesterov"]:
            v = torch.addcmul(g, v, n["momentum"])
        p.addcmul_(v, n["lr"])


class StackedAdam(StackedOptimizer):
    """With the fused kernel where members share all but learning rate and decay."""

    moments = ("mean", "square")

    def step(self, weights, h):
        common = h.common("beta1", "beta2", "eps")
        if common is None or not (self.decoupled or h.zero("weight_decay")):
            super().step(weights, h)
        else:
            self._fused(weights, h, *common)

    @torch.no_grad()
    def _fused(
        self,
        weights: StackedWeights,
        h: StackedHyperparameters,
        beta1: float,
        beta2: float,
        eps: float,
    ) -> None:
        """The kernel moves zeros with a learning rate of 1; each member scales that by its own."""
        self.steps += 1
        like = weights.values[0]
        lr, shrink = h["lr"].to(like.dtype), None
        if not h.zero("weight_decay"):
            shrink = (1 - h["lr"] * h["weight_decay"]).to(like.dtype)
        moved = [torch.zeros_like(value) for value in weights.values]
        count = torch.tensor(float(self.steps), device=like.device)
        fused_adam_(
            *(moved, weights.grads),
            *([state[name] for state in self.state] for name in self.moments),
            steps=[count] * len(moved),
            **{"lr": 1.0, "beta1": beta1, "beta2": beta2, "eps": eps},
        )
        for p, move, decayed in zip(weights.values, moved, weights.decayed, strict=True):
            if decayed and shrink is not None:
                p *= shrink
            p.addcmul_(move, lr)

    def numbers(self, h):
        beta1, beta2 = h["beta1"], h["beta2"]
        return super().numbers(h) | {
            **{"beta2": beta2, "new1": 1 - beta1, "new2": 1 - beta2, "eps": h["eps"]},
            "size": -h["lr"] / (1 - beta1**self.steps),
            "root": (1 - beta2**self.steps).sqrt(),
        }

    def update(self, p, g, state, n):
        adapt(g, state, n)
        root = state["square"].sqrt().div_(n["root"]).add_(n["eps"])
        p.addcmul_(state["mean"] / root, n["size"])


class StackedAdamW(StackedAdam):
    decoupled = True


class StackedNAdam(StackedOptimizer):
    moments = ("mean", "square")
    flags = ("decoupled_weight_decay",)

    def __init__(self, weights, settings):
        super().__init__(weights, settings)
        like = weights.values[0]
        self.product = torch.ones(len(like), 1, dtype=torch.float64, device=like.device)

    @property
    def decoupled(self):
        return self.settings["decoupled_weight_decay"]

    def numbers(self, h):
        now, ahead = (self._momentum(h, t) for t in (self.steps, self.steps + 1))
        self.product = self.product * now
        return super().numbers(h) | {
            **{"beta2": h["beta2"], "new1": 1 - h["beta1"], "new2": 1 - h["beta2"]},
            **{"eps": h["eps"], "root": 1 - h["beta2"] ** self.steps},
            "along gradient": -h["lr"] * (1 - now) / (1 - self.product),
            "along mean": -h["lr"] * ahead / (1 - self.product * ahead),
        }

    @staticmethod
    def _momentum(h, step):
        return h["beta1"] * (1 - 0.5 * 0.96 ** (step * h["momentum_decay"]))

    def update(self, p, g, state, n):
        adapt(g, state, n)
        root = (state["square"] / n["root"]).sqrt_().add_(n["eps"])
        p.addcmul_(g / root, n["along gradient"])
        p.addcmul_(state["mean"] / root, n["along mean"])

    def tensors(self):
        return super().tensors() | {"product": self.product}

    def put(self, tensors):
        super().put(tensors)
        self.product = tensors["product"]


class StackedRMSprop(StackedOptimizer):
    moments = ("square", "mean", "velocity")
    flags = ("centered",)

    def numbers(self, h):
        own = {name: h[name] for name in ("alpha", "momentum", "eps")}
        return super().numbers(h) | own | {"new": 1 - h["alpha"]}

    def update(self, p, g, state, n):
        square = state["square"].mul_(n["alpha"]).addcmul_(g * g, n["new"])
        if self.settings["centered"]:
            mean = state["mean"].lerp_(g, n["new"])
            square = square - mean * mean
        root = square.sqrt().add_(n["eps"])
        p.addcmul_(state["velocity"].mul_(n["momentum"]).add_(g / root), n["lr"])


class StackedLion(StackedOptimizer):
    moments = ("mean",)
    decoupled = True

    def numbers(self, h):
        betas = {name: h[name] for name in ("beta1", "beta2")}
        return super().numbers(h) | betas | {"new1": 1 - h["beta1"], "new2": 1 - h["beta2"]}

    def update(self, p, g, state, n):
        mean = state["mean"]
        p.addcmul_((mean * n["beta1"]).addcmul_(g, n["new1"]).sign_(), n["lr"])
        mean.mul_(n["beta2"]).addcmul_(g, n["new2"])


def adapt(g: Tensor, state: Tensors, n: Tensors) -> None:
    """Moves Adam's averages of the gradient and of its square."""
    state["mean"].lerp_(g, n["new1"])
    state["square"].mul_(n["beta2"]).addcmul_(g * g, n["new2"])


STACKED_OPTIMIZERS: dict[type[Optimizer], type[StackedOptimizer]] = {
    torch.optim.SGD: StackedSGD,
    torch.optim.Adam: StackedAdam,
    torch.optim.AdamW: StackedAdamW,
    torch.optim.NAdam: StackedNAdam,
    torch.optim.RMSprop: StackedRMSprop,
    lion_pytorch.Lion: StackedLion,
}
