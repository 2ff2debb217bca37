"""FT-Transformer: a transformer whose tokens are the features."""

from typing import Literal

import torch
from rtdl_revisiting_models import FTTransformerBackbone, LinearEmbeddings
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.model.inputs import CategoryEmbeddings, number_embeddings
from lepton.model.layers import (
    AllButLast,
    Columns,
    category_keys,
    code_keys,
    embedding_columns,
    with_parameters,
)
from lepton.model.token_features import Tokens
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, AtLeast1, From0Below1


class FTTransformer(nn.Module):
    """The backbone of rtdl on a class token, one token for each number and one for each category.

    Shapes: num (B, F) and cat (B, C) -> (B, outputs).
    Raises: ConfigError when `heads` does not divide `width`.
    """

    reads = ("table",)

    def __init__(
        self,
        *,
        spec: DataSpec,
        blocks: AtLeast1,
        width: AtLeast1,
        heads: AtLeast1,
        attention_dropout: From0Below1,
        ffn_multiplier: Above0,
        ffn_dropout: From0Below1,
        residual_dropout: From0Below1,
        num_embedding: Literal["none", "piecewise_linear", "periodic"],
        bins: AtLeast1,
        frequencies: AtLeast1,
        frequency_scale: Above0,
    ):
        super().__init__()
        if width % heads:
            raise ConfigError(f"model.width: {width} is no multiple of model.heads={heads}")
        self.numbers = self.categories = self.category_bias = None
        if spec.num_features:
            self.numbers = number_embeddings(
                spec=spec,
                kind=num_embedding,
                width=width,
                bins=bins,
                frequencies=frequencies,
                frequency_scale=frequency_scale,
            ) or LinearEmbeddings(len(spec.num_features), width)
        if spec.cat_features:
            self.categories = CategoryEmbeddings(cardinalities=spec.cat_cardinalities, width=width)
            self.category_bias = nn.Parameter(initial_tokens(len(spec.cat_features), width))
        self.class_token = nn.Parameter(initial_tokens(width))
        self.backbone = FTTransformerBackbone(
            d_out=spec.outputs,
            n_blocks=blocks,
            d_block=width,
            attention_n_heads=heads,
            attention_dropout=attention_dropout,
            ffn_d_hidden_multiplier=ffn_multiplier,
            ffn_dropout=ffn_dropout,
            residual_dropout=residual_dropout,
        )
        self.backbone.output = AllButLast(self.backbone.output)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.head(self.features(batch))

    def features(self, batch: dict[str, Tensor]) -> Tensor:
        return self.backbone(self._tokens(batch))

    def token_features(self, batch: dict[str, Tensor]) -> Tokens:
        return Tokens(self.backbone.output(columns_behind(self.backbone, self._tokens(batch))))

    def _tokens(self, batch: dict[str, Tensor]) -> Tensor:
        """The class token and one for each column. Shapes: -> (B, 1 + columns, width)."""
        tokens = []
        if self.numbers is not None:
            tokens.append(self.numbers(batch["num"]))
        if self.categories is not None:
            tokens.append(self.categories(batch["cat"]) + self.category_bias)
        class_tokens = self.class_token.expand(len(tokens[0]), 1, -1)
        return torch.cat([class_tokens, *tokens], 1)

    @property
    def head(self) -> nn.Module:
        return self.backbone.output.linear

    def layers(self) -> list[str]:
        names = ["numbers", "categories", "category_bias", "class_token"]
        blocks = [f"backbone.blocks.{i}" for i in range(len(self.backbone.blocks))]
        blocks[-1] += "+backbone.output.normalization"
        tokens = "+".join(with_parameters(self, names))
        return [tokens, *blocks, "backbone.output.linear"]

    def residual_branches(self) -> list[list[str]]:
        ends = ("attention_residual_dropout", "ffn_residual_dropout")
        blocks = range(len(self.backbone.blocks))
        return [[f"backbone.blocks.{i}.{end}" for end in ends] for i in blocks]

    def columns(self, spec: DataSpec) -> Columns:
        return {
            **embedding_columns("numbers", self.numbers, spec),
            "categories.table.weight": (0, code_keys(spec)),
            "category_bias": (0, category_keys(spec, 1)),
        }


def columns_behind(backbone: FTTransformerBackbone, tokens: Tensor) -> Tensor:
    """The tokens of the columns behind all blocks, of which rtdl computes the class token's alone.

    Shapes: (B, 1 + columns, width) -> (B, columns, width).
    """
    for number, block in enumerate(backbone.blocks):
        is_last = number + 1 == len(backbone.blocks)
        values = tokens
        if "attention_normalization" in block:
            values = block["attention_normalization"](values)
        asking = values[:, 1:] if is_last else values
        attended = block["attention"](asking, values)
        tokens = tokens[:, 1:] if is_last else tokens
        tokens = tokens + block["attention_residual_dropout"](attended)
        mixed = block["ffn"](block["ffn_normalization"](tokens))
        tokens = tokens + block["ffn_residual_dropout"](mixed)
        tokens = block["output"](tokens)
    return tokens


def initial_tokens(*shape: int) -> Tensor:
    """Uniform values of the range that rtdl gives its tokens."""
    bound = shape[-1] ** -0.5
    return torch.empty(shape).uniform_(-bound, bound)
