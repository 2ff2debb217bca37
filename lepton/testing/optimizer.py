"""The contract of optimizers: steps, learning rates, groups of parameters, and what is restored."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lepton.model.inputs import CategoryEmbeddings
from lepton.optimizer.parameter_groups import parameter_groups
from lepton.optimizer.rate_scales import apply_lr_scale
from lepton.testing.contract import Contract
from lepton.training.checkpoint import pack, unpack

CODES = torch.stack([torch.arange(24) % 4, torch.arange(24) % 6], 1)  # the training rows


class SmallNetwork(nn.Module):
    """A network with embeddings, matrices, a norm, biases and a frozen layer.

    Shapes: codes (B, 2) -> (B, 1).
    """

    def __init__(self) -> None:
        super().__init__()
        self.categories = CategoryEmbeddings(cardinalities=(4, 6), width=4)
        self.layers = nn.Sequential(
            *(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 12), nn.Tanh())
        )
        self.frozen = nn.Linear(12, 12).requires_grad_(False)
        self.output = nn.Linear(12, 1)

    def forward(self, codes: Tensor) -> Tensor:
        return self.output(self.frozen(self.layers(self.categories(codes).flatten(1))))

    def compute_gradients(self) -> Tensor:
        """Computes the gradients of the loss on all rows; returns the loss."""
        self.zero_grad()
        loss = (self(CODES) - CODES.sum(1, keepdim=True)).square().mean()
        loss.backward()
        return loss.detach()

    def values(self) -> dict[str, Tensor]:
        """Copies of the parameters, by name."""
        return {name: p.detach().clone() for name, p in self.named_parameters()}

    def moved(self, before: dict[str, Tensor]) -> set[str]:
        """The names of the parameters that are no longer as before."""
        return {name for name, p in self.named_parameters() if not torch.equal(p, before[name])}


class OptimizerContract(Contract):
    """The contract of an optimizer.

    A subclass defines `build(self, params)`. The optimizer trains a small network, whose
    parameters come in two groups, as those of a run do: weights that are decayed, and the others,
    with a `weight_decay` of 0.
    """

    def build(self, params: list[dict[str, Any]]) -> Optimizer:
        """The optimizer of these groups, each with `params`, `names`, `decay` and `hidden`."""
        raise NotImplementedError(
            "an OptimizerContract needs build(self, params), which returns an optimizer"
        )

    def start(self) -> tuple[SmallNetwork, Optimizer]:
        """A network, the same each time, and its optimizer, ready to step."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = SmallNetwork()
        return network, self._optimizer(network)

    def _optimizer(self, network: SmallNetwork) -> Optimizer:
        optimizer = self.build(parameter_groups(network))
        switch_mode(optimizer, "train")  # schedule-free ones start in evaluation
        return optimizer

    def test_a_step_moves_every_parameter_that_has_a_gradient(self) -> None:
        """A step changes the parameters of all groups."""
        network, optimizer = self.start()
        before = network.values()
        network.compute_gradients()
        optimizer.step()
        still = {name for name, p in network.named_parameters() if p.requires_grad}
        still -= network.moved(before)
        assert not still, f"a step must move each parameter with a gradient; {still} did not move"

    def test_a_step_leaves_what_has_no_gradient(self) -> None:
        """A step changes no parameter whose `grad` is None."""
        network, optimizer = self.start()
        before = network.values()
        network.compute_gradients()
        network.output.bias.grad = network.categories.table.weight.grad = None
        optimizer.step()
        without = {name for name, p in network.named_parameters() if p.grad is None}
        moved = without & network.moved(before)
        assert not moved, f"a step must leave a parameter without a gradient; {moved} moved"

    def test_the_loss_falls(self) -> None:
        """Steps make the loss of a small network smaller."""
        network, optimizer = self.start()
        losses = []
        for _ in range(30):
            losses.append(float(network.compute_gradients()))
            optimizer.step()
        assert losses[-1] < losses[0], (
            f"30 steps must make the loss smaller; it went from {losses[0]} to {losses[-1]}"
        )

    def test_it_follows_the_learning_rate_of_a_scheduler(self) -> None:
        """A step reads the learning rate that its group has at that time."""
        network, optimizer = self.start()
        scheduler = LambdaLR(optimizer, lambda step: float(step > 1))  # 0, 0, then as built
        moves = []
        for _ in range(3):
            before = network.values()
            network.compute_gradients()
            optimizer.step()
            scheduler.step()
            moves.append(bool(network.moved(before)))
        assert moves == [False, False, True], (
            "steps must move nothing while a scheduler sets the learning rate to 0, and then "
            f"something; for rates 0, 0 and more they moved {moves}"
        )

    def test_a_group_follows_its_lr_scale(self) -> None:
        """Each group is stepped with its own learning rate."""
        network, optimizer = self.start()
        for group in optimizer.param_groups:
            group["lr_scale"] = 1.0 if group["decay"] else 0.0
        apply_lr_scale(optimizer, ("lr",))
        before = network.values()
        network.compute_gradients()
        optimizer.step()
        moved = network.moved(before)
        decayed = {n for g in parameter_groups(network) if g["decay"] for n in g["names"]}
        assert moved == decayed, (
            f"each group must follow its own learning rate: with lr_scale 0 for the others, "
            f"{decayed} must move; {moved} did"
        )

    def test_an_undecayed_group_does_not_shrink(self) -> None:
        """Groups whose `weight_decay` is 0 are not decayed."""
        network, optimizer = self.start()
        before = network.values()
        for _ in range(3):
            for parameter in network.parameters():
                parameter.grad = torch.zeros_like(parameter)
            optimizer.step()
        switch_mode(optimizer, "eval")
        undecayed = {n for g in parameter_groups(network) if not g["decay"] for n in g["names"]}
        moved = undecayed & network.moved(before)
        assert not moved, (
            f"without a gradient, groups with weight_decay 0 must stay as they are; {moved} moved"
        )

    def test_the_loss_of_a_closure_is_returned(self) -> None:
        """`step(closure)` calls the closure, and returns its loss."""
        network, optimizer = self.start()
        losses = []

        def closure() -> Any:
            losses.append(network.compute_gradients())
            return losses[-1]

        returned = optimizer.step(closure)
        assert losses, "step(closure) must call the closure; it did not"
        assert returned is not None, "step(closure) must return the closure's loss; it gave None"
        assert float(returned) == float(losses[0]), (
            f"step(closure) must return the closure's loss {losses[0]}; it gave {returned}"
        )

    def test_a_restored_state_goes_on_as_if_nothing_had_happened(self) -> None:
        """An optimizer with the `state_dict` of another takes the steps of the other."""
        network, optimizer = self.start()
        train_steps(network, optimizer)
        twin = copy.deepcopy(network)
        restored = self._optimizer(twin)
        for group in restored.param_groups:
            group["lr"] = 1.0  # the state has the right one
        restored.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        train_steps(network, optimizer)
        train_steps(twin, restored)
        apart = twin.moved(network.values())
        assert not apart, (
            "an optimizer that loads another's state_dict must go on as the other; after 3 steps "
            f"{apart} differ: what it remembers belongs into its state or its groups"
        )

    def test_its_state_goes_into_a_checkpoint(self) -> None:
        """The `state_dict` can be written into a checkpoint, and is read from it."""
        network, optimizer = self.start()
        train_steps(network, optimizer)
        try:
            unpack(bytes(pack({"optimizer": optimizer.state_dict()})))
        except Exception as error:  # of several unrelated kinds
            raise AssertionError(
                "state_dict must hold tensors, numbers, texts, lists and dicts alone, which a "
                f"checkpoint is read back from; {type(error).__name__}: {error}"
            ) from None

    def test_two_optimizers_share_nothing(self) -> None:
        """Optimizers of the same process do not change each other's steps."""
        alone, others = self.start(), [self.start(), self.start()]
        train_steps(*alone)
        for _ in range(3):
            for network, optimizer in others:
                train_steps(network, optimizer, steps=1)
        apart = others[0][0].moved(alone[0].values())
        assert not apart, (
            "an optimizer must step alike alone and beside another one; "
            f"after 3 steps {apart} differ: something lies outside of it"
        )

    def test_train_takes_back_what_eval_does(self) -> None:
        """Around validation, `eval` and `train` leave the trained weights as they were."""
        network, optimizer = self.start()
        train_steps(network, optimizer)
        before = network.values()
        switch_mode(optimizer, "eval")
        switch_mode(optimizer, "train")
        changed = {
            name
            for name, parameter in network.named_parameters()
            if not torch.allclose(parameter, before[name], rtol=1e-4, atol=1e-5)
        }
        assert not changed, (
            f"train() after eval() must put the trained weights back; it does not for {changed}"
        )


def switch_mode(optimizer: Optimizer, mode: str) -> None:
    """Calls `train` or `eval` of an optimizer that has them, as a run does around validation."""
    if hasattr(optimizer, mode):
        getattr(optimizer, mode)()


def train_steps(network: SmallNetwork, optimizer: Optimizer, *, steps: int = 3) -> None:
    """Takes steps, each with the gradients of all rows."""
    for _ in range(steps):
        network.compute_gradients()
        optimizer.step()
