"""Transformer: an encoder of the package transformers under a linear head."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

from lepton.errors import ConfigError
from lepton.model.encoder import (
    check_encoder,
    checkpoint_activations,
    explain_transformers_errors,
    load_encoder,
)
from lepton.model.encoder_layers import encoder_layers, shared_blocks
from lepton.model.pooling import AttentionPooling, first_token, last_token
from lepton.model.residual import encoder_branches
from lepton.model.shared_encoder import shared_encoder
from lepton.model.text_inputs import Batch, make_head, masked_mean
from lepton.model.token_features import Tokens
from lepton.spec import DataSpec
from lepton.values.bounds import From0Below1

if TYPE_CHECKING:
    from lepton.tokenizer.fitted_tokenizer import TextTokenizer

POOLINGS = {"cls": first_token, "mean": masked_mean, "last": last_token}


class Transformer(nn.Module):
    """An encoder, or a causal decoder, its outputs pooled and a linear head on them.

    Shapes: tokens and mask (B, T), for pairs segments (B, T) -> (B, outputs).
    Raises: ConfigError for a tokenizer that does not fit; DataError where nothing can be loaded.
    """

    reads = ("text",)

    def __init__(
        self,
        *,
        spec: DataSpec,
        tokenizer: "TextTokenizer",
        path: str | None,
        pretrained: bool,
        architecture: dict,
        pooling: Literal["cls", "mean", "attention", "last"] | None,
        default_pooling: dict[str, str],
        normalize: bool,
        dropout: From0Below1,
        gradient_checkpointing: bool,
    ):
        super().__init__()
        # what loading draws does not reach the head, which is the same on a shared encoder
        key = (path, json.dumps(architecture, sort_keys=True), gradient_checkpointing)
        with explain_transformers_errors(path), torch.random.fork_rng(enabled=pretrained):
            self.encoder, causal = shared_encoder(
                key if pretrained else None,
                lambda: load_encoder(path, pretrained, architecture, spec),
            )
        check_encoder(self.encoder, spec)
        chosen_pooling: str = pooling or _default_pooling(
            default_pooling, "decoder" if causal else "encoder"
        )
        if causal and chosen_pooling == "cls":
            raise ConfigError("model.pooling=cls: a causal decoder's first token sees no other")
        self.pretrained = pretrained  # there is something to tune
        self.pooling = chosen_pooling
        self.normalize = normalize
        width = self.encoder.config.hidden_size
        self.attention = AttentionPooling(width) if self.pooling == "attention" else None
        self.head = make_head(width, spec.outputs, dropout)
        if pretrained and self.attention is not None:
            names = (name for name, _ in self.attention.named_parameters())
            self.made_new = frozenset(f"attention.{name}" for name in names)
        if gradient_checkpointing:
            checkpoint_activations(self.encoder)

    def layers(self) -> list[str]:
        *below, last = encoder_layers(self, "encoder")
        return [*below, last if self.attention is None else f"{last}+attention", "head"]

    def remarks(self) -> list[str]:
        """What is said of the encoder before it is trained."""
        shared = shared_blocks(self)
        return [f"{type(self.encoder).__name__}: {shared}"] if shared else []

    def residual_branches(self) -> list[list[str]]:
        return encoder_branches(self, "encoder")

    def features(self, batch: Batch) -> Tensor:
        pool = self.attention if self.attention is not None else POOLINGS[self.pooling]
        return self._normalized(pool(self._hidden(batch), batch["mask"]))

    def token_features(self, batch: Batch) -> Tokens:
        return Tokens(self._normalized(self._hidden(batch)), batch["mask"])

    def drop_pooling(self) -> None:
        """Takes off the weights that make one vector of the tokens."""
        self.attention = None

    def _normalized(self, features: Tensor) -> Tensor:
        return rms_norm(features, features.shape[-1:]) if self.normalize else features

    def _hidden(self, batch: Batch) -> Tensor:
        inputs = {"input_ids": batch["tokens"], "attention_mask": batch["mask"].long()}
        if "segments" in batch and getattr(self.encoder.config, "type_vocab_size", 0) > 1:
            inputs["token_type_ids"] = batch["segments"]
        return self.encoder(**inputs, return_dict=True).last_hidden_state

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))

    def save_architecture(self, folder: Path) -> None:
        """Writes what builds the encoder again without its weights."""
        self.encoder.config.save_pretrained(folder)


def _default_pooling(poolings: dict[str, str], architecture: str) -> Any:
    """The pooling of an architecture that is chosen by none of its own.

    Raises: ConfigError for one that there is not.
    """
    pooling = poolings.get(architecture)
    if pooling not in (*POOLINGS, "attention"):
        known = ", ".join([*POOLINGS, "attention"])
        raise ConfigError(f"model.default_pooling.{architecture}: {pooling!r} is none of {known}")
    return pooling
