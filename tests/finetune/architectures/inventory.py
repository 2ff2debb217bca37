"""Encoders of transformers, small and random, with all their parameters listed by hand."""

from dataclasses import dataclass, field

WIDTH, INNER, EMBEDDED = 8, 12, 6  # units of a token, inside of a block, of a factorized embedding
TOKENS, POSITIONS, BLOCKS = 50, 40, 3
SIDES, PATCH, COLOURS = (12, 10), 2, 3
WAVE = 8  # channels of convolutions over waveforms


@dataclass(frozen=True)
class Part:
    """A module without modules inside: sizes of its parameters by name, and what it is.

    `fan`: inputs and outputs of one that adapters go into.
    """

    sizes: dict[str, int]
    is_norm: bool = False
    fan: tuple[int, int] | None = None
    is_linear: bool = False


def linear(inputs, outputs, bias=True):
    sizes = _weights(inputs * outputs, outputs if bias else 0)
    return Part(sizes, fan=(inputs, outputs), is_linear=True)


def conv(channels, outputs, side):
    inputs = channels * side**2
    return Part(_weights(inputs * outputs, outputs), fan=(inputs, outputs))


def norm(width, bias=True):
    return Part(_weights(width, width if bias else 0), is_norm=True)


def table(rows, width, bias=0):
    return Part(_weights(rows * width, bias))


def bare(size):
    return Part({"": size})


def _weights(weights, biases):
    return {"weight": weights} | ({"bias": biases} if biases else {})


@dataclass(frozen=True)
class Architecture:
    """What lies before the blocks of an encoder, in each of these, and behind them, by name."""

    kind: str
    sizes: dict
    before: dict[str, Part]
    blocks: list[dict[str, Part]]
    behind: dict[str, Part] = field(default_factory=dict)

    @property
    def parts(self):
        blocks = {name: part for block in self.blocks for name, part in block.items()}
        return {**self.before, **blocks, **self.behind}

    @property
    def levels(self):
        """What each layer holds, from the input on."""
        *blocks, last = self.blocks
        return [self.before, *blocks, {**last, **self.behind}]


def repeated(pattern, block, count=BLOCKS):
    return [
        {f"{pattern.format(i)}.{name}": part for name, part in block.items()} for i in range(count)
    ]


SIZES = {
    **{"hidden_size": WIDTH, "num_hidden_layers": BLOCKS, "num_attention_heads": 2},
    "intermediate_size": INNER,
}
TEXT = {**SIZES, "max_position_embeddings": POSITIONS}
BERT_BLOCK = {
    **{f"attention.self.{name}": linear(WIDTH, WIDTH) for name in ("query", "key", "value")},
    **{"attention.output.dense": linear(WIDTH, WIDTH), "attention.output.LayerNorm": norm(WIDTH)},
    **{"intermediate.dense": linear(WIDTH, INNER), "output.dense": linear(INNER, WIDTH)},
    "output.LayerNorm": norm(WIDTH),
}
DISTILBERT_BLOCK = {
    **{f"attention.{x}_lin": linear(WIDTH, WIDTH) for x in ("q", "k", "v", "out")},
    **{"sa_layer_norm": norm(WIDTH), "output_layer_norm": norm(WIDTH)},
    **{"ffn.lin1": linear(WIDTH, INNER), "ffn.lin2": linear(INNER, WIDTH)},
}
ALBERT_BLOCK = {
    **{f"attention.{x}": linear(WIDTH, WIDTH) for x in ("query", "key", "value", "dense")},
    **{"attention.LayerNorm": norm(WIDTH), "full_layer_layer_norm": norm(WIDTH)},
    **{"ffn": linear(WIDTH, INNER), "ffn_output": linear(INNER, WIDTH)},
}
DEBERTA_BLOCK = {
    name.replace("query", "query_proj").replace("key", "key_proj").replace("value", "value_proj"): p
    for name, p in BERT_BLOCK.items()
}
MODERN_BLOCK = {
    **{"attn_norm": norm(WIDTH, bias=False), "mlp_norm": norm(WIDTH, bias=False)},
    **{"attn.Wqkv": linear(WIDTH, 3 * WIDTH, False), "attn.Wo": linear(WIDTH, WIDTH, False)},
    **{"mlp.Wi": linear(WIDTH, 2 * INNER, False), "mlp.Wo": linear(INNER, WIDTH, False)},
}
GPT2_BLOCK = {
    **{"ln_1": norm(WIDTH), "ln_2": norm(WIDTH)},
    **{"attn.c_attn": linear(WIDTH, 3 * WIDTH), "attn.c_proj": linear(WIDTH, WIDTH)},
    **{"mlp.c_fc": linear(WIDTH, INNER), "mlp.c_proj": linear(INNER, WIDTH)},
}


def llama_block(keys, biases):
    """A block of the Llama family, with so many units of keys and of values."""
    return {
        "self_attn.q_proj": linear(WIDTH, WIDTH, biases),
        "self_attn.k_proj": linear(WIDTH, keys, biases),
        "self_attn.v_proj": linear(WIDTH, keys, biases),
        "self_attn.o_proj": linear(WIDTH, WIDTH, False),
        **{f"mlp.{x}_proj": linear(WIDTH, INNER, False) for x in ("gate", "up")},
        "mlp.down_proj": linear(INNER, WIDTH, False),
        "input_layernorm": norm(WIDTH, bias=False),
        "post_attention_layernorm": norm(WIDTH, bias=False),
    }


T5_BLOCK = {
    **{f"layer.0.SelfAttention.{x}": linear(WIDTH, WIDTH, False) for x in "qkvo"},
    **{f"layer.{i}.layer_norm": norm(WIDTH, bias=False) for i in range(2)},
    "layer.1.DenseReluDense.wi": linear(WIDTH, INNER, False),
    "layer.1.DenseReluDense.wo": linear(INNER, WIDTH, False),
}
VIT_BLOCK = {
    **{f"attention.{x}_proj": linear(WIDTH, WIDTH) for x in "qkvo"},
    **{"layernorm_before": norm(WIDTH), "layernorm_after": norm(WIDTH)},
    **{"mlp.fc1": linear(WIDTH, INNER), "mlp.fc2": linear(INNER, WIDTH)},
}
WAV_BLOCK = {
    **{f"attention.{x}_proj": linear(WIDTH, WIDTH) for x in ("q", "k", "v", "out")},
    **{"layer_norm": norm(WIDTH), "final_layer_norm": norm(WIDTH)},
    "feed_forward.intermediate_dense": linear(WIDTH, INNER),
    "feed_forward.output_dense": linear(INNER, WIDTH),
}


def bert_embeddings(width, types=2):
    return {
        "embeddings.word_embeddings": table(TOKENS, width),
        "embeddings.position_embeddings": table(POSITIONS, width),
        **({"embeddings.token_type_embeddings": table(types, width)} if types else {}),
        "embeddings.LayerNorm": norm(width),
    }


def convnext_layer(width):
    return {
        "layer_scale_parameter": bare(width),
        "dwconv": table(width, 49, bias=width),  # each channel by itself
        "layernorm": norm(width),
        "pwconv1": linear(width, 4 * width),
        "pwconv2": linear(4 * width, width),
    }


def llama(model_type, keys, biases, **sizes):
    return Architecture(
        kind="text",
        sizes={"model_type": model_type, **TEXT, "head_dim": WIDTH // 2, **sizes},
        before={"embed_tokens": table(TOKENS, WIDTH)},
        blocks=repeated("layers.{}", llama_block(keys, biases)),
        behind={"norm": norm(WIDTH, bias=False)},
    )


MODERN_BLOCKS = repeated("layers.{}", MODERN_BLOCK)
del MODERN_BLOCKS[0]["layers.0.attn_norm"]  # what the embeddings give is normalized
T5_BLOCKS = repeated("block.{}", T5_BLOCK)
T5_BLOCKS[0]["block.0.layer.0.SelfAttention.relative_attention_bias"] = table(32, 2)
ARCHITECTURES = {
    "bert": Architecture(
        kind="text",
        sizes={"model_type": "bert", **TEXT},
        before=bert_embeddings(WIDTH),
        blocks=repeated("encoder.layer.{}", BERT_BLOCK),
    ),
    "roberta": Architecture(
        kind="text",
        sizes={"model_type": "roberta", **TEXT},
        before=bert_embeddings(WIDTH),
        blocks=repeated("encoder.layer.{}", BERT_BLOCK),
    ),
    "distilbert": Architecture(
        kind="text",
        sizes={
            **{"model_type": "distilbert", "dim": WIDTH, "n_layers": BLOCKS, "n_heads": 2},
            **{"hidden_dim": INNER, "max_position_embeddings": POSITIONS},
        },
        before=bert_embeddings(WIDTH, types=0),
        blocks=repeated("transformer.layer.{}", DISTILBERT_BLOCK),
    ),
    "electra": Architecture(
        kind="text",
        sizes={"model_type": "electra", **TEXT, "embedding_size": EMBEDDED},
        before={**bert_embeddings(EMBEDDED), "embeddings_project": linear(EMBEDDED, WIDTH)},
        blocks=repeated("encoder.layer.{}", BERT_BLOCK),
    ),
    "albert": Architecture(  # all blocks are one
        kind="text",
        sizes={"model_type": "albert", **TEXT, "embedding_size": EMBEDDED},
        before={
            **bert_embeddings(EMBEDDED),
            "encoder.embedding_hidden_mapping_in": linear(EMBEDDED, WIDTH),
        },
        blocks=repeated("encoder.albert_layer_groups.{}.albert_layers.0", ALBERT_BLOCK, 1),
    ),
    "deberta-v2": Architecture(
        kind="text",
        sizes={
            **{"model_type": "deberta-v2", **TEXT, "relative_attention": True},
            **{"position_buckets": 4, "pos_att_type": ["c2p", "p2c"], "share_att_key": True},
            **{"norm_rel_ebd": "layer_norm", "position_biased_input": False, "type_vocab_size": 0},
        },
        before={
            "embeddings.word_embeddings": table(TOKENS, WIDTH),
            "embeddings.LayerNorm": norm(WIDTH),
            "encoder.rel_embeddings": table(8, WIDTH),
            "encoder.LayerNorm": norm(WIDTH),  # of the positions
        },
        blocks=repeated("encoder.layer.{}", DEBERTA_BLOCK),
    ),
    "modernbert": Architecture(
        kind="text",
        sizes={
            **{"model_type": "modernbert", **TEXT, "cls_token_id": 1, "sep_token_id": 2},
            **{"bos_token_id": 1, "eos_token_id": 2},
        },
        before={
            "embeddings.tok_embeddings": table(TOKENS, WIDTH),
            "embeddings.norm": norm(WIDTH, bias=False),
        },
        blocks=MODERN_BLOCKS,
        behind={"final_norm": norm(WIDTH, bias=False)},
    ),
    "gpt2": Architecture(
        kind="text",
        sizes={
            **{"model_type": "gpt2", "n_embd": WIDTH, "n_layer": BLOCKS, "n_head": 2},
            **{"n_inner": INNER, "n_positions": POSITIONS},
        },
        before={"wte": table(TOKENS, WIDTH), "wpe": table(POSITIONS, WIDTH)},
        blocks=repeated("h.{}", GPT2_BLOCK),
        behind={"ln_f": norm(WIDTH)},
    ),
    "llama": llama("llama", WIDTH, False),
    "qwen2": llama("qwen2", WIDTH // 2, True, num_key_value_heads=1),
    "smollm3": llama("smollm3", WIDTH // 2, False, num_key_value_heads=1),
    "t5": Architecture(  # its encoder
        kind="text",
        sizes={
            **{"model_type": "t5", "d_model": WIDTH, "num_layers": BLOCKS, "num_heads": 2},
            **{"d_kv": WIDTH // 2, "d_ff": INNER},
        },
        before={"embed_tokens": table(TOKENS, WIDTH)},
        blocks=T5_BLOCKS,
        behind={"final_layer_norm": norm(WIDTH, bias=False)},
    ),
    "vit": Architecture(
        kind="image",
        sizes={"model_type": "vit", **SIZES, "patch_size": PATCH},
        before={
            "embeddings.cls_token": bare(WIDTH),
            "embeddings.position_embeddings": bare((1 + SIDES[0] * SIDES[1] // PATCH**2) * WIDTH),
            "embeddings.patch_embeddings.projection": conv(COLOURS, WIDTH, PATCH),
        },
        blocks=repeated("layers.{}", VIT_BLOCK),
        behind={"layernorm": norm(WIDTH)},
    ),
    "convnext": Architecture(  # a stage is a block here
        kind="image",
        sizes={
            **{"model_type": "convnext", "num_stages": 2, "hidden_sizes": [4, WIDTH]},
            **{"depths": [1, 2], "patch_size": PATCH, "layer_scale_init_value": 1.0},
        },
        before={
            "embeddings.patch_embeddings": conv(COLOURS, 4, PATCH),
            "embeddings.layernorm": norm(4),
        },
        blocks=[
            *repeated("encoder.stages.0.layers.{}", convnext_layer(4), 1),
            {
                "encoder.stages.1.downsampling_layer.0": norm(4),
                "encoder.stages.1.downsampling_layer.1": conv(4, WIDTH, 2),
                **repeated("encoder.stages.1.layers.{}", convnext_layer(WIDTH), 2)[0],
                **repeated("encoder.stages.1.layers.{}", convnext_layer(WIDTH), 2)[1],
            },
        ],
        behind={"layernorm": norm(WIDTH)},
    ),
    "wav2vec2": Architecture(
        kind="audio",
        sizes={
            **{"model_type": "wav2vec2", **SIZES, "conv_dim": [WAVE, WAVE]},
            **{"conv_kernel": [10, 8], "conv_stride": [5, 4]},
            **{"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2},
        },
        before={
            "feature_extractor.conv_layers.0.conv": table(10, WAVE),
            "feature_extractor.conv_layers.0.layer_norm": norm(WAVE),
            "feature_extractor.conv_layers.1.conv": table(WAVE * 8, WAVE),
            "feature_projection.layer_norm": norm(WAVE),
            "feature_projection.projection": linear(WAVE, WIDTH),
            "encoder.pos_conv_embed.conv": Part(
                {
                    "bias": WIDTH,
                    "parametrizations.weight.original0": 8,
                    "parametrizations.weight.original1": WIDTH * WIDTH // 2 * 8,
                }
            ),
            "encoder.layer_norm": norm(WIDTH),
        },
        blocks=repeated("encoder.layers.{}", WAV_BLOCK),
    ),
}
