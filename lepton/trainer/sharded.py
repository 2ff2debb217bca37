"""ShardedStrategy: each device holds a share of every weight, gradient and optimizer state."""

import logging
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor

from lepton.compat.lightning import DividedModelStrategy, pl
from lepton.compat.torch import record_modules, restore_modules
from lepton.errors import ConfigError, Diverged
from lepton.method import overrides

if TYPE_CHECKING:
    from lepton.training.module import TrainingModule

log = logging.getLogger("lepton")


class ShardedStrategy(DividedModelStrategy):
    """Fully sharded data parallelism, by the layers that the model's `layers()` names.

    While it is used, forward and backward, a layer is whole on every device. When the training is
    over, the first process has its model whole again, on the CPU, as the modules it was before.

    Source: Zhao et al. 2023, https://arxiv.org/abs/2304.11277, as torch's fully_shard has it
    Raises: ConfigError in `setup` for methods that ask for whole weights in every step.
    """

    @property
    def _module(self) -> "TrainingModule":
        """The module that is trained; lepton trains no other kind with this strategy."""
        return cast("TrainingModule", self.lightning_module)

    def setup(self, trainer: pl.Trainer) -> None:
        module = self._module
        for method in module.methods:
            in_step = overrides(type(method), "penalty") or overrides(type(method), "loss")
            if in_step or method.needs_whole_weights:
                raise ConfigError(
                    f"trainer.strategy=fsdp: {type(method).__name__} asks for whole weights in "
                    "every step; take another strategy or leave it out"
                )
        self.records = list(record_modules(module.model))
        ungathered = shard(module.model, self.device_mesh["data_parallel"])
        if ungathered > 0.5 and self.is_global_zero:
            log.info(
                "trainer.strategy=fsdp: %.0f %% of the weights lie in no layer that is gathered by "
                "itself; a device has them all while it computes",
                100 * ungathered,
            )
        super().setup(trainer)

    def on_train_end(self) -> None:
        module = self._module
        module.best_state = self._full_state(module.best_state)
        self._restore_model(module.best_state)

    def on_exception(self, exception: BaseException) -> None:
        if isinstance(exception, Diverged):  # in all processes at the same place
            module = self._module
            module.best_state = self._full_state(module.best_state)
            self._restore_model(self._full_state(module.model.state_dict()))

    def teardown(self) -> None:
        super().teardown()
        self.optimizers = []  # their shares would lie beside the whole weights

    def _full_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The state with full tensors in the first process, empty in the others; all must call."""
        full = ((name, full_tensor(value)) for name, value in state.items())
        return {name: value for name, value in full if self.is_global_zero}

    def _restore_model(self, state: dict[str, Tensor]) -> None:
        """Makes the model of the first process what it would be on one device."""
        if not self.is_global_zero:
            return
        model = self._module.model
        trainable = {name: p.requires_grad for name, p in model.named_parameters()}
        restore_modules(self.records)
        model.load_state_dict(state, assign=True)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(trainable[name])


def shard(model: nn.Module, mesh: DeviceMesh) -> float:
    """Divides the parameters of each layer, then those in none, among the devices.

    A layer that is a mere list of modules, with no forward to make it whole, counts as none.
    Returns the share of the parameters in none.
    """
    from torch.distributed.fsdp import fully_shard

    modules = dict(model.named_modules())
    for joined in getattr(model, "layers", list)():
        for module in [modules[name] for name in joined.split("+") if name in modules]:
            if (
                type(module).forward is not nn.Module.forward
                and next(module.parameters(), None) is not None
            ):
                fully_shard(module, mesh=mesh)
    sizes = [(p.numel(), isinstance(p, DTensor)) for p in model.parameters()]
    fully_shard(model, mesh=mesh, reshard_after_forward=True)  # torch would leave the rest whole
    return sum(n for n, divided in sizes if not divided) / sum(n for n, _ in sizes)


def full_tensor(value: Tensor) -> Tensor:
    """The tensor with the shares of all devices, on the CPU; all processes must call it."""
    return (value.full_tensor() if isinstance(value, DTensor) else value).detach().cpu()
