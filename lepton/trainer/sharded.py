"""Training whose devices each hold a share of every weight, gradient and optimizer state."""

import logging

from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from lepton.compat.lightning import DividedModelStrategy, pl
from lepton.compat.torch import record_modules, restore_modules
from lepton.errors import ConfigError, Diverged
from lepton.method import Method

log = logging.getLogger("lepton")


class Sharded(DividedModelStrategy):
    """Fully sharded data parallelism, a layer as the model says it has them at a time.

    While it is used, forward and backward, a layer is whole on every device. When the training is
    over, the first process has its model whole again, on the CPU, as the modules it was before.

    Source: Zhao et al. 2023, https://arxiv.org/abs/2304.11277, as torch's fully_shard has it
    Raises: ConfigError in `setup` for methods that ask for whole weights in every step.
    """

    def setup(self, trainer: pl.Trainer) -> None:
        learner = self.lightning_module
        for method in learner.methods:
            if type(method).penalty is not Method.penalty:
                raise ConfigError(
                    f"trainer.strategy=fsdp: {type(method).__name__} asks for whole weights in "
                    "every step; take another strategy or leave it out"
                )
        self.modules = list(record_modules(learner.model))
        left = shard(learner.model, self.device_mesh["data_parallel"])
        if left > 0.5 and self.is_global_zero:
            log.info(
                "trainer.strategy=fsdp: %.0f %% of the weights lie in no layer that is gathered by "
                "itself; a device has them all while it computes",
                100 * left,
            )
        super().setup(trainer)

    def on_train_end(self) -> None:
        learner = self.lightning_module
        learner.best_state = self._whole(learner.best_state)
        self._restore(learner.best_state)

    def on_exception(self, exception: BaseException) -> None:
        if isinstance(exception, Diverged):  # in all processes at the same place
            learner = self.lightning_module
            learner.best_state = self._whole(learner.best_state)
            self._restore(self._whole(learner.model.state_dict()))

    def teardown(self) -> None:
        super().teardown()
        self.optimizers = []  # their shares would lie beside the whole weights

    def _whole(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the first process keeps of a state; all ask for it together."""
        found = ((name, whole(value)) for name, value in state.items())
        return {name: value for name, value in found if self.is_global_zero}

    def _restore(self, state: dict[str, Tensor]) -> None:
        """Makes the model of the first process what it would be on one device."""
        if not self.is_global_zero:
            return
        model = self.lightning_module.model
        moving = {name: p.requires_grad for name, p in model.named_parameters()}
        restore_modules(self.modules)
        model.load_state_dict(state, assign=True)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(moving[name])


def shard(model: nn.Module, mesh) -> float:
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


def whole(value: Tensor) -> Tensor:
    """The tensor with the shares of all devices, on the CPU; all processes ask for it together."""
    return (value.full_tensor() if isinstance(value, DTensor) else value).detach().cpu()
