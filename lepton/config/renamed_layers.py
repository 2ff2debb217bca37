"""Which runs once counted a norm behind their blocks, or each embedding, as a layer."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lepton.config.lineage import class_names
from lepton.pretrained.location import ENCODER_CONFIG_FILE, local_folder

STRATEGIES = {  # that go by layers
    "lepton.finetune.gradual_unfreeze.GradualUnfreeze",
    "lepton.finetune.last_k.LastBlocks",
    "lepton.finetune.layerwise_lr.LayerwiseLR",
}
ENCODERS = {  # networks of any encoder of transformers
    "lepton.model.transformer.Transformer",
    "lepton.model.image_encoder.ImageEncoder",
    "lepton.model.audio_encoder.AudioEncoder",
}
OTHERS = {  # of one encoder, with something behind its blocks
    "lepton.model.vit.ViT",
    "lepton.model.convnext.ConvNext",
    "lepton.model.mobilenet.MobileNet",
}
PLAIN = {  # encoders of one module of embeddings and of blocks, with nothing beside
    *("bert", "bert-generation", "big_bird", "camembert", "convbert", "data2vec-text"),
    *("distilbert", "ernie", "fnet", "ibert", "longformer", "mobilebert", "mra", "nystromformer"),
    *("roberta", "roc_bert", "splinter", "squeezebert", "xlm-roberta", "xmod", "yoso"),
    *("beit", "data2vec-vision", "regnet", "resnet"),
}


def had_other_layers(config: Mapping[str, Any]) -> bool:
    """True for a strategy that goes by layers, where a network of the config has others by now."""
    strategy = config.get("finetune")
    target = strategy.get("_target_") if isinstance(strategy, Mapping) else None
    if not STRATEGIES & {*class_names(target)}:
        return False
    return any(map(_is_renamed, _nodes(config.get("model"))))


def _nodes(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yields a node and those inside of it that have a `_target_`."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield value
        for inner in value.values():
            yield from _nodes(inner)


def _is_renamed(node: Mapping[str, Any]) -> bool:
    names = {*class_names(node["_target_"])}
    if not names & ENCODERS:
        return bool(names & OTHERS)
    return node.get("pooling") == "attention" or _model_type(node) not in PLAIN


def _model_type(node: Mapping[str, Any]) -> str | None:
    """The architecture of a network as transformers calls it; None where that cannot be read."""
    path = node.get("path")
    if not path:
        return (node.get("architecture") or {}).get("model_type")
    folder = local_folder(str(path))
    try:
        text = (folder / ENCODER_CONFIG_FILE).read_text() if folder else "{}"
        return json.loads(text).get("model_type")
    except (OSError, ValueError, AttributeError):  # which loading it tells in its own words
        return None
