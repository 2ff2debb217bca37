"""Training whose devices each hold a share of every weight, gradient and optimizer state."""

from collections.abc import Iterator
from copy import copy

import torch
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from lepton.errors import ConfigError, Diverged, Pruned
from lepton.method import Method

Known = tuple[nn.Module, type, dict]  # a module, what it is, and what it holds
TOGETHER = (Diverged, Pruned)  # what ends all processes at the same place


class Sharded(ModelParallelStrategy):
    """Fully sharded data parallelism, a layer as the model says it has them at a time.

    While it is used, forward and backward, a layer is whole on every device. When the training is
    over, the learner's model is whole again, on the CPU, and the same modules as before.

    Source: Zhao et al. 2023, https://arxiv.org/abs/2304.11277, as torch's fully_shard has it
    Raises: ConfigError in `setup` for methods that ask for whole weights in every step.
    """

    def setup_environment(self) -> None:
        self._data_parallel_size = self.num_nodes * self.num_processes
        self._tensor_parallel_size = 1
        super().setup_environment()

    def setup(self, trainer) -> None:
        learner = self.lightning_module
        for method in learner.methods:
            if type(method).penalty is not Method.penalty:
                raise ConfigError(
                    f"trainer.strategy=fsdp: {type(method).__name__} asks for whole weights in "
                    "every step; take another strategy or leave it out"
                )
        self.modules = list(remembered(learner.model))
        shard(learner.model, self.device_mesh["data_parallel"])
        super(ModelParallelStrategy, self).setup(trainer)  # whose own asks for another hook

    def on_train_end(self) -> None:
        self._gather()

    def on_exception(self, exception: BaseException) -> None:
        if isinstance(exception, TOGETHER):
            self._gather()

    def _gather(self) -> None:
        """Makes the learner's model, and the weights of its best epoch, those of one device."""
        learner = self.lightning_module
        learner.best_state = {name: whole(value) for name, value in learner.best_state.items()}
        state = {name: whole(value) for name, value in learner.model.state_dict().items()}
        restore(self.modules)
        learner.model.load_state_dict(state, assign=True)


def shard(model: nn.Module, mesh) -> None:
    """Divides the parameters of each layer, then those in none, among the devices.

    A layer that is a mere list of modules, with no forward to make it whole, counts as in none.
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
    fully_shard(model, mesh=mesh)


def remembered(model: nn.Module) -> Iterator[Known]:
    """The modules as they are; of their parameters all but the values."""
    for module in model.modules():
        held = {k: copy(v) if isinstance(v, dict) else v for k, v in module.__dict__.items()}
        for name, parameter in module.named_parameters(recurse=False):
            empty = torch.empty_like(parameter, device="meta")
            held["_parameters"][name] = nn.Parameter(empty, parameter.requires_grad)
        yield module, type(module), held


def restore(modules: list[Known]) -> None:
    """Makes modules what they were; their parameters wait for values."""
    for module, kind, attributes in modules:
        module.__class__ = kind
        module.__dict__.clear()
        module.__dict__.update(attributes)


def whole(value: Tensor) -> Tensor:
    """The tensor with the shares of all devices, on the CPU; all processes ask for it together."""
    return (value.full_tensor() if isinstance(value, DTensor) else value).detach().cpu()
