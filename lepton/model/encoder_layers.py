"""The layers of an encoder of transformers: what lies before its blocks, then each block."""

from collections.abc import Iterator

from torch import nn

READ_FIRST = {  # modules that classes declare behind their blocks, and read before them
    *("layernorm_embedding", "embed_positions", "segment_embedding", "input_embedding"),
    *("rel_embeddings", "relative_attention_bias", "relative_bias", "position_bias"),
}
READ_LAST = {  # by class, modules that are declared before the blocks, and read behind them
    "OPTDecoder": ("final_layer_norm", "project_out"),
    "T5GemmaEncoder": ("norm",),
    "T5Gemma2TextEncoder": ("norm",),
}
NORMALIZED_LAST = "StableLayerNorm"  # ends the names of classes whose layer_norm is read last
OF_POSITIONS = ("DebertaEncoder", "DebertaV2Encoder")  # have nothing behind their blocks


def encoder_layers(model: nn.Module, name: str) -> list[str]:
    """Dotted names in order, from the input of an encoder inside a model.

    All that is read before the blocks is one layer; what follows the blocks belongs to the last.
    The blocks are the list of modules with the most parameters, with those beside it that are as
    long; where there is no such list, every module is a layer.
    """
    encoder = model.get_submodule(name)
    lists = {n: m for n, m in encoder.named_modules() if isinstance(m, nn.ModuleList) and len(m)}
    blocks = max(lists, key=lambda path: _size(lists[path]), default=None)
    if blocks is None:
        return [f"{name}.{path}" for path, _ in _outside(encoder, "", None)]
    parent, count = blocks.rpartition(".")[0], len(lists[blocks])
    beside = [n for n in lists if n.rpartition(".")[0] == parent and len(lists[n]) == count]
    outside = [(path, follows) for path, follows in _outside(encoder, "", blocks)]
    outside = [(path, follows) for path, follows in outside if path not in beside]
    first = [path for path, follows in outside if not follows]
    layers = [[f"{path}.{number}" for path in beside] for number in range(count)]
    layers[-1] += [path for path, follows in outside if follows]
    named = [first, *layers] if first else layers
    return ["+".join(f"{name}.{path}" for path in paths) for paths in named]


def shared_blocks(model: nn.Module) -> str:
    """A sentence on blocks of an encoder that share their weights; empty where none do."""
    for module in model.modules():
        config = getattr(module, "config", None)
        groups = getattr(config, "num_hidden_groups", None)
        blocks = getattr(config, "num_hidden_layers", 0)
        if groups is not None and groups < blocks:
            return f"its {blocks} blocks share the weights of {groups}, which count as {groups}"
    return ""


def _outside(module: nn.Module, prefix: str, blocks: str | None) -> Iterator[tuple[str, bool]]:
    """Yields what of an encoder is no block, and whether it is read behind them."""
    yield from ((prefix + name, False) for name, _ in module.named_parameters(recurse=False))
    follows, kind = False, type(module).__name__
    for name, child in module.named_children():
        path = prefix + name
        if path == blocks:
            follows = kind not in OF_POSITIONS
        elif blocks is not None and blocks.startswith(f"{path}."):
            yield from _outside(child, f"{path}.", blocks)
            follows = True
        elif _size(child):
            is_last = name in READ_LAST.get(kind, ())
            is_last = is_last or (name == "layer_norm" and kind.endswith(NORMALIZED_LAST))
            yield path, is_last or (follows and name not in READ_FIRST)


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
