"""A pretrained transformer of the package transformers under a linear head."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

from lepton.compat.optional import import_optional
from lepton.errors import ConfigError
from lepton.model.pooling import Attention, first, last
from lepton.model.shared_encoder import shared
from lepton.model.text_inputs import Batch, make_head, masked_mean
from lepton.pretrained.location import local, problem, reached
from lepton.spec import DataSpec

POOLINGS = {"cls": first, "mean": masked_mean, "last": last}


class Transformer(nn.Module):
    """An encoder, or a causal decoder, its outputs pooled and a linear head on them.

    Shapes: tokens and mask (B, T), for pairs segments (B, T) -> (B, outputs).
    Raises: ConfigError for a tokenizer that does not fit; DataError where nothing can be loaded.
    """

    kind = "text"

    def __init__(
        self,
        *,
        spec: DataSpec,
        tokenizer,
        path: str | None,
        pretrained: bool,
        architecture: dict,
        pooling: Literal["cls", "mean", "attention", "last"] | None,
        normalize: bool,
        dropout: float,
        gradient_checkpointing: bool,
    ):
        super().__init__()
        # what loading draws does not reach the head, which is the same on a shared encoder
        key = (path, json.dumps(architecture, sort_keys=True), gradient_checkpointing)
        with _explained(path), torch.random.fork_rng(enabled=pretrained):
            self.encoder, causal = shared(
                key if pretrained else None,
                lambda: load_encoder(path, pretrained, architecture, spec),
            )
        _fits(self.encoder, spec)
        if causal and pooling == "cls":
            raise ConfigError("model.pooling=cls: a causal decoder's first token sees no other")
        self.pretrained = pretrained  # there is something to tune
        self.pooling = pooling or ("last" if causal else "mean")
        self.normalize = normalize
        width = self.encoder.config.hidden_size
        self.attention = Attention(width) if self.pooling == "attention" else None
        self.head = make_head(width, spec.outputs, dropout)
        if pretrained and self.attention is not None:
            names = (name for name, _ in self.attention.named_parameters())
            self.made_new = frozenset(f"attention.{name}" for name in names)
        if gradient_checkpointing:
            _checkpoint(self.encoder)

    def layers(self) -> list[str]:
        pool = ["attention"] if self.attention is not None else []
        return [*(f"encoder.{name}" for name in in_order(self.encoder)), *pool, "head"]

    def features(self, batch: Batch) -> Tensor:
        inputs = {"input_ids": batch["tokens"], "attention_mask": batch["mask"].long()}
        if "segments" in batch and getattr(self.encoder.config, "type_vocab_size", 0) > 1:
            inputs["token_type_ids"] = batch["segments"]
        hidden = self.encoder(**inputs, return_dict=True).last_hidden_state
        pool = POOLINGS.get(self.pooling, self.attention)
        pooled = pool(hidden, batch["mask"])
        return rms_norm(pooled, pooled.shape[-1:]) if self.normalize else pooled

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))

    def save_architecture(self, folder: Path) -> None:
        """Writes what builds the encoder again without its weights."""
        self.encoder.config.save_pretrained(folder)


def _checkpoint(encoder: nn.Module) -> None:
    """Computes a block's activations again for its gradients."""
    encoder.recomputed = True
    # the older name warns from 5.24 on
    enable = getattr(encoder, "activation_checkpointing_enable", None)
    (enable or encoder.gradient_checkpointing_enable)({"use_reentrant": False})


def load_encoder(
    path: str | None, pretrained: bool, architecture: dict, spec: DataSpec
) -> tuple[nn.Module, bool]:
    """The encoder without its own head, and whether it is a causal decoder."""
    from transformers import AutoConfig, AutoModel

    from lepton.compat.transformers import is_causal_only

    folder = local(path) if path else None
    options = {"trust_remote_code": False}
    if path is None:
        if pretrained:
            raise ConfigError("model.pretrained=true: needs model.path, where the weights lie")
        sizes = {"vocab_size": spec.vocabulary, "pad_token_id": spec.pad} | architecture
        config = AutoConfig.for_model(**sizes)
    else:
        if wrong := problem(path, weights=pretrained):
            raise ConfigError(f"model.path: {path!r}: {wrong}")
        config = AutoConfig.from_pretrained(folder or path, **options, **architecture)
    if pretrained:
        encoder = _weights(folder or path, config, options)
    else:
        encoder = AutoModel.from_config(config, **options)
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None  # of another task, and no part of what is learned here
    return encoder.float().train(), is_causal_only(config)


def _weights(where, config, options: dict) -> nn.Module:
    """Raises: ConfigError when weights of the encoder are missing."""
    from transformers import AutoModel

    encoder, said = AutoModel.from_pretrained(
        where,
        config=config,
        use_safetensors=True,
        output_loading_info=True,
        dtype=torch.float32,
        **options,
    )
    missing = sorted(name for name in said["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise ConfigError(
            f"model.path: {str(where)!r}: {len(missing)} weights of a {config.model_type} are "
            f"missing ({', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''})"
        )
    return encoder


def _fits(encoder: nn.Module, spec: DataSpec) -> None:
    rows = encoder.get_input_embeddings().num_embeddings
    if spec.vocabulary > rows:
        raise ConfigError(
            f"model.tokenizer: has tokens up to {spec.vocabulary - 1}, and the encoder embeddings "
            f"for {rows}; take the tokenizer of the encoder's own folder"
        )
    places = positions(encoder)
    if places is not None and spec.max_length > places:
        raise ConfigError(
            f"model.tokenizer.max_length: {spec.max_length} tokens, and the encoder has positions "
            f"for {places}"
        )


def positions(encoder: nn.Module) -> int | None:
    """How many tokens have a position; None where any number has.

    Encoders of the RoBERTa family count from behind the padding token.
    """
    most = getattr(encoder.config, "max_position_embeddings", None)
    table = getattr(getattr(encoder, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return most if most is None or padding is None else most - padding - 1


def in_order(encoder: nn.Module) -> list[str]:
    """Dotted names from the embeddings over each block to what follows the blocks.

    The blocks are the list of modules with the most parameters.
    """
    lists = {n: m for n, m in encoder.named_modules() if isinstance(m, nn.ModuleList) and len(m)}
    blocks = max(lists, key=lambda name: _size(lists[name]), default=None)
    return list(_walk(encoder, "", blocks))


def _walk(module: nn.Module, prefix: str, blocks: str | None) -> Iterator[str]:
    yield from (prefix + name for name, _ in module.named_parameters(recurse=False))
    for name, child in module.named_children():
        path = prefix + name
        if path == blocks:
            yield from (f"{path}.{i}" for i in range(len(child)))
        elif blocks is not None and blocks.startswith(f"{path}."):
            yield from _walk(child, f"{path}.", blocks)
        elif _size(child):
            yield path


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@contextmanager
def _explained(path: str | None) -> Iterator[None]:
    """What goes wrong in transformers, in one line; what it says besides is left out."""
    logging = import_optional("transformers.utils.logging", needed_by="model")
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with reached(path):
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
