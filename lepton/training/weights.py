"""Files of a network's weights in a run folder."""

from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

ARCHITECTURE_FOLDER = "architecture"  # holds what a run's pretrained model is built from


def save_weights(state: dict[str, Tensor], path: Path) -> None:
    """Writes a state, wherever its tensors lie, as a safetensors file."""
    save_file({name: t.detach().cpu().contiguous() for name, t in state.items()}, path)
