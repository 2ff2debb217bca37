"""FrameNetwork: an image network on each frame of a clip, and one vector of all of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lepton.errors import ConfigError
from lepton.model.frame_pooling import AttentionOfFrames, MeanOfFrames, TransformerOfFrames
from lepton.model.layers import tunable
from lepton.model.patch_features import as_map, layer_answers, require_layer
from lepton.model.residual import branches_below
from lepton.model.text_inputs import make_head
from lepton.model.weights_file import save_part
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1, From0Below1

OF_A_FRAME = ("channels", "height", "width", "mean", "std")  # fields of the spec of clips


class FrameNetwork(nn.Module):
    """The features of an image network for each frame, pooled, dropout and a linear head.

    With `layer` they are the map that this module of the backbone answers, averaged within squares,
    `places` along a side, so that it is known where in a frame something is.
    Shapes: video (B, T, C, H, W) uint8 -> (B, outputs).
    Raises: ConfigError for a backbone without features, and a width that heads do not divide.
    """

    reads = ("video",)

    def __init__(
        self,
        *,
        spec: DataSpec,
        backbone: Callable[..., nn.Module],
        layer: str | None,
        places: AtLeast1,
        pooling: Literal["mean", "attention", "transformer"],
        width: AtLeast1,
        blocks: AtLeast1,
        heads: AtLeast1,
        dropout: From0Below1,
    ):
        super().__init__()
        if width % heads:
            raise ConfigError(f"model.width={width}: is not divided by model.heads={heads}")
        self.backbone = backbone(spec=frame_spec(spec))
        self.backbone_layers = _layers_below_head(self.backbone)
        tunable(self.backbone).head = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
        self.layer, self.places = layer, places
        if layer is not None:
            require_layer(self.backbone, layer, key="model.layer")
        inputs, frames = self._feature_width(spec), spec.inputs["video"]["frames"]
        shape = {"frames": frames, "width": width, "heads": heads, "dropout": dropout}
        if pooling == "mean":
            self.pool = MeanOfFrames(inputs)
        elif pooling == "attention":
            self.pool = AttentionOfFrames(inputs, **shape)
        else:
            self.pool = TransformerOfFrames(inputs, blocks=blocks, **shape)
        self.head = make_head(self.pool.width, spec.outputs, dropout)
        self.pretrained = bool(getattr(self.backbone, "pretrained", False))
        if self.pretrained:
            self.made_new = frozenset(f"pool.{name}" for name, _ in self.pool.named_parameters())

    def layers(self) -> list[str]:
        below = [f"backbone.{name}" for name in self.backbone_layers]
        joined = [name.replace("+", "+backbone.") for name in below]
        pool = [] if next(self.pool.parameters(), None) is None else ["pool"]
        return [*joined, *pool, "head"]

    def residual_branches(self) -> list[list[str]]:
        return branches_below(self, "backbone")

    def features(self, batch: dict[str, Tensor]) -> Tensor:
        video = batch["video"]
        frames = self._of_frames(video.flatten(0, 1))
        return self.pool(frames.unflatten(0, video.shape[:2]))

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.head(self.features(batch))

    def save_architecture(self, folder: Path) -> None:
        """Writes what builds the backbone again without its weights, where it has such."""
        save_part(self.backbone, folder / "backbone")

    def _of_frames(self, image: Tensor) -> Tensor:
        """What is kept of each frame. Shapes: (B, C, H, W) uint8 -> (B, width)."""
        if self.layer is None:
            return tunable(self.backbone).features({"image": image})
        answers = layer_answers(self.backbone, [self.layer], {"image": image})
        values = as_map(answers[self.layer], self.layer)
        return F.adaptive_avg_pool2d(values, self.places).flatten(1)

    @torch.no_grad()
    def _feature_width(self, spec: DataSpec) -> int:
        """The width of the backbone's features, of a frame without content."""
        fields = spec.inputs["video"]
        frame = torch.zeros(1, fields["channels"], fields["height"], fields["width"]).byte()
        training = self.backbone.training
        self.backbone.eval()
        features = self._of_frames(frame)
        self.backbone.train(training)
        if features.ndim != 2:
            raise ConfigError("model.backbone: has several vectors for an image; one is right")
        return features.shape[1]


def frame_spec(spec: DataSpec) -> DataSpec:
    """The spec of the frames of clips, as of images."""
    fields = spec.inputs["video"]
    return replace(spec, inputs={"image": {name: fields[name] for name in OF_A_FRAME}})


def _layers_below_head(backbone: nn.Module) -> list[str]:
    """Raises: ConfigError for a network that does not say its layers."""
    if not hasattr(backbone, "layers") or not hasattr(backbone, "features"):
        raise ConfigError(
            f"model.backbone: {type(backbone).__name__} has no layers() and features(batch), as "
            "lepton's networks on images have"
        )
    return tunable(backbone).layers()[:-1]
