"""Files of a network's weights in a run folder."""

from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor, nn


def copied_state(module: nn.Module) -> dict[str, Tensor]:
    """A copy of a module's state, which further training leaves as it is."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def save_weights(state: dict[str, Tensor], path: Path) -> None:
    """Writes a state, wherever its tensors lie, as a safetensors file.

    The format takes no memory twice: tensors that share some, as tied weights do, are written each
    by itself, so that every name is in the file; loaded, they are shared as the model shares them.
    """
    tensors, used = {}, set()
    for name, value in state.items():
        tensor = value.detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        tensors[name] = tensor.clone() if memory in used else tensor
        used.add(memory)
    save_file(tensors, path)
