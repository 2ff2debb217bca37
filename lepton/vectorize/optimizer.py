"""Optimizers over a stack: torch's update rules with a hyperparameter a member.

Each rule takes the parameters and gradients (K, P), of which the first `decayed` columns are
decayed, and hyperparameters (K, 1) in 64 bits, because 1 - beta ** t cancels; each is tested
against the optimizer whose name it has.
"""

import lion_pytorch
import torch
from torch import Tensor
from torch.optim import Optimizer

from lepton.vectorize.hyper import Hyper


class Rule:
    """State and step; `steps` counts from 1 and is the same for all members."""

    moments: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()  # settings that must be the same for all members

    def __init__(self, like: Tensor, settings: dict):
        self.settings, self.steps = settings, 0
        self.state = {name: torch.zeros_like(like) for name in self.moments}

    @torch.no_grad()
    def step(self, p: Tensor, g: Tensor, h: Hyper, decayed: int) -> None:
        self.steps += 1
        self.update(p, g, h, decayed)

    def update(self, p: Tensor, g: Tensor, h: Hyper, decayed: int) -> None:
        raise NotImplementedError

    def keep(self, rows: Tensor) -> None:
        self.state = {name: value[rows] for name, value in self.state.items()}


def shrink(p: Tensor, g: Tensor, h: Hyper, decayed: int) -> None:
    """Decoupled weight decay."""
    if not h.zero("weight_decay"):
        p[:, :decayed] *= (1 - h["lr"] * h["weight_decay"]).to(p.dtype)


def penalize(p: Tensor, g: Tensor, h: Hyper, decayed: int) -> None:
    """L2 penalty, added to the gradient."""
    if not h.zero("weight_decay"):
        g[:, :decayed] += p[:, :decayed] * h["weight_decay"].to(p.dtype)


class SGD(Rule):
    moments = ("velocity",)
    flags = ("nesterov",)

    def update(self, p, g, h, decayed):
        penalize(p, g, h, decayed)
        momentum, v = h["momentum"].to(p.dtype), self.state["velocity"]
        if self.steps == 1:
            v.copy_(g)
        else:
            damped = torch.where(h["momentum"] == 0, 0.0, h["dampening"])
            v.mul_(momentum).addcmul_(g, (1 - damped).to(p.dtype))
        if self.settings["nesterov"]:
            v = torch.addcmul(g, v, momentum)
        p.addcmul_(v, h["lr"].to(p.dtype), value=-1)


class Adam(Rule):
    """With the fused kernel where members share all but learning rate and decay."""

    moments = ("mean", "square")
    decoupled = False

    def update(self, p, g, h, decayed):
        (shrink if self.decoupled else penalize)(p, g, h, decayed)
        common = h.common("beta1", "beta2", "eps")
        if common is None:
            self._plain(p, g, h)
        else:
            self._fused(p, g, h["lr"].to(p.dtype), *common)

    def _fused(self, p, g, lr, beta1, beta2, eps) -> None:
        """The kernel moves a matrix of zeros with a learning rate of 1; members scale that."""
        moved = torch.zeros_like(p)
        count = torch.tensor(float(self.steps), device=p.device)
        torch._fused_adam_(
            *([moved], [g], [self.state["mean"]], [self.state["square"]], [], [count]),
            **{"lr": 1.0, "beta1": beta1, "beta2": beta2, "weight_decay": 0.0, "eps": eps},
            amsgrad=False,
            maximize=False,
        )
        p.addcmul_(moved, lr)

    def _plain(self, p, g, h) -> None:
        mean, square, beta1, beta2 = *self.state.values(), h["beta1"], h["beta2"]
        adapt(mean, square, g, h)
        root = square.sqrt()
        root.div_((1 - beta2**self.steps).sqrt().to(p.dtype)).add_(h["eps"].to(p.dtype))
        size = h["lr"] / (1 - beta1**self.steps)
        p.addcmul_(mean / root, size.to(p.dtype), value=-1)


class AdamW(Adam):
    decoupled = True


class NAdam(Rule):
    moments = ("mean", "square")
    flags = ("decoupled_weight_decay",)

    def __init__(self, like, settings):
        super().__init__(like, settings)
        self.product = torch.ones(len(like), 1, dtype=torch.float64, device=like.device)

    def update(self, p, g, h, decayed):
        (shrink if self.settings["decoupled_weight_decay"] else penalize)(p, g, h, decayed)
        now, ahead = (self._momentum(h, t) for t in (self.steps, self.steps + 1))
        self.product = self.product * now
        mean, square, lr = self.state["mean"], self.state["square"], h["lr"]
        adapt(mean, square, g, h)
        root = square / (1 - h["beta2"] ** self.steps).to(p.dtype)
        root.sqrt_().add_(h["eps"].to(p.dtype))
        along = lr * (1 - now) / (1 - self.product), lr * ahead / (1 - self.product * ahead)
        for step, size in zip((g, mean), along, strict=True):
            p.addcmul_(step / root, size.to(p.dtype), value=-1)

    @staticmethod
    def _momentum(h, step):
        return h["beta1"] * (1 - 0.5 * 0.96 ** (step * h["momentum_decay"]))

    def keep(self, rows):
        super().keep(rows)
        self.product = self.product[rows]


class RMSprop(Rule):
    moments = ("square", "mean", "velocity")
    flags = ("centered",)

    def update(self, p, g, h, decayed):
        penalize(p, g, h, decayed)
        square, mean, velocity = self.state.values()
        alpha = h["alpha"].to(p.dtype)
        square.mul_(alpha).addcmul_(g * g, 1 - alpha)
        root = square
        if self.settings["centered"]:
            mean.lerp_(g, 1 - alpha)
            root = square - mean * mean
        root = root.sqrt().add_(h["eps"].to(p.dtype))
        velocity.mul_(h["momentum"].to(p.dtype)).add_(g / root)
        p.addcmul_(velocity, h["lr"].to(p.dtype), value=-1)


class Lion(Rule):
    moments = ("mean",)

    def update(self, p, g, h, decayed):
        shrink(p, g, h, decayed)
        mean, beta1, beta2 = (self.state["mean"], *(h[b].to(p.dtype) for b in ("beta1", "beta2")))
        sign = (mean * beta1).addcmul_(g, 1 - beta1).sign_()
        p.addcmul_(sign, h["lr"].to(p.dtype), value=-1)
        mean.mul_(beta2).addcmul_(g, 1 - beta2)


def adapt(mean: Tensor, square: Tensor, g: Tensor, h: Hyper) -> None:
    """Moves Adam's averages of the gradient and of its square."""
    mean.lerp_(g, (1 - h["beta1"]).to(g.dtype))
    square.mul_(h["beta2"].to(g.dtype)).addcmul_(g * g, (1 - h["beta2"]).to(g.dtype))


RULES: dict[type[Optimizer], type[Rule]] = {
    torch.optim.SGD: SGD,
    torch.optim.Adam: Adam,
    torch.optim.AdamW: AdamW,
    torch.optim.NAdam: NAdam,
    torch.optim.RMSprop: RMSprop,
    lion_pytorch.Lion: Lion,
}
