"""GoodPartsModel: the base of models that learn good parts alone, and tell how far others are."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lepton.errors import Damaged
from lepton.model.patch_features import PatchFeatures
from lepton.model.weights_file import save_part
from lepton.pretrained.weight_files import WEIGHTS_FILE
from lepton.spec import DataSpec
from lepton.storage.run_files import read_run_tensors
from lepton.storage.run_log import log_once
from lepton.values.bounds import AtLeast1

BACKBONE = "backbone."  # of the network's weights, before their names in the file
LIMIT = "limit"


class GoodPartsModel(ABC):
    """Distances of the patches of a picture from those of good parts, in a network's features.

    The network is frozen. A derived class says how it learns (`learn`, which returns tensors), and
    how far a patch is (`distances`). A picture's score is the mean over its patches, or that of the
    most distant one, over `limit`, which the task sets.
    """

    reads = ("image",)
    tasks: ClassVar[tuple[str, ...]] = ("anomaly",)

    def __init__(
        self,
        *,
        spec: DataSpec,
        seed: int,
        backbone: Callable[..., nn.Module],
        layers: list[str],
        neighbourhood: AtLeast1,
        score: Literal["max", "mean"],
    ):
        self.seed, self.score, self.limit = seed, score, 1.0
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.features = PatchFeatures(backbone(spec=spec), layers, neighbourhood)
        self.learned: dict[str, Tensor] = {}

    @abstractmethod
    def learn(self, image: Tensor) -> dict[str, Tensor]:
        """What is kept of pictures of good parts. Shapes: image (N, C, H, W) uint8."""

    @abstractmethod
    def distances(self, features: Tensor) -> Tensor:
        """How far patches are from those learned. Shapes: (B, h, w, D) -> (B, h, w)."""

    def fit(self, train: dict[str, Any], val: dict[str, Any], weights: Tensor | None) -> None:
        """Learns the pictures of train, which are all of good parts."""
        self.limit = 1.0
        for line in getattr(self.features.network, "remarks", list)():
            log_once(f"model: {line}")
        with torch.inference_mode():
            self.learned = self.learn(train["image"])

    def maps(self, inputs: dict[str, Any]) -> Tensor:
        """How far each place of the pictures is from good parts, over the limit of a picture.

        Shapes: -> (N, h, w), of fewer places than pixels.
        """
        with torch.inference_mode():
            blocks = [self.distances(block) for block in self.features.batches(inputs["image"])]
        return torch.cat(blocks) / self.limit

    def predict(self, inputs: dict[str, Any]) -> Tensor:
        """The score of each picture, above 1 where an alarm is raised. Shapes: -> (N,)."""
        maps = self.maps(inputs).flatten(1)
        return maps.mean(1) if self.score == "mean" else maps.amax(1)

    def facts(self) -> dict[str, Any]:
        """The limit that scores are divided by."""
        return {"added": {"alarm": {LIMIT: self.limit}}}

    def save_architecture(self, folder: Path) -> None:
        """Writes what builds the network again without its weights, where it has such."""
        save_part(self.features.network, folder / "backbone")

    def save(self, folder: Path) -> None:
        """Writes what was learned, and the weights of the network."""
        state = self.features.network.state_dict()
        tensors = {f"{BACKBONE}{name}": value.contiguous() for name, value in state.items()}
        limit = {LIMIT: torch.tensor(self.limit, dtype=torch.float64)}
        save_file({**tensors, **self.learned, **limit}, folder / WEIGHTS_FILE)

    def load(self, folder: Path) -> None:
        """Reads what `save` wrote.

        Raises: Damaged for a file that lacks some of it.
        """
        tensors = read_run_tensors(folder, WEIGHTS_FILE)
        state = {n.removeprefix(BACKBONE): t for n, t in tensors.items() if n.startswith(BACKBONE)}
        own = {name: t for name, t in tensors.items() if not name.startswith(BACKBONE)}
        try:
            self.features.network.load_state_dict(state)
            self.limit = float(own.pop(LIMIT))
        except (RuntimeError, KeyError) as e:
            reason = " ".join(str(e).split())[:200]
            raise Damaged(f"{folder / WEIGHTS_FILE}: not what a run of it writes ({reason})") from e
        self.learned = own
