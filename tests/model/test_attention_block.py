"""A block of attention beside that of torch."""

import torch
from torch import nn

from lepton.model.attention_block import AttentionBlock

WIDTH, HEADS, GROWTH = 8, 2, 3


def layer_of_torch(block):
    """A layer of torch with the weights of the block, and no bias of keys."""
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, GROWTH * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True
    )
    attention = layer.self_attn
    biases = (block.query.bias, torch.zeros(WIDTH), block.value.bias)
    state = {
        "in_proj_weight": torch.cat([m.weight for m in (block.query, block.key, block.value)]),
        "in_proj_bias": torch.cat(biases),
        "out_proj.weight": block.out.weight,
        "out_proj.bias": block.out.bias,
    }
    attention.load_state_dict(state)
    pairs = {
        "norm1": block.before_attention,
        "norm2": block.before_mlp,
        "linear1": block.mlp[0],
        "linear2": block.mlp[2],
    }
    for name, module in pairs.items():
        layer.get_submodule(name).load_state_dict(module.state_dict())
    return layer


def test_a_block_is_the_layer_of_torch_and_tokens_behind_the_mask_change_nothing():
    torch.manual_seed(0)
    block = AttentionBlock(WIDTH, HEADS, growth=GROWTH, dropout=0.0)
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    layer, tokens = layer_of_torch(block), torch.randn(3, 5, WIDTH)
    torch.testing.assert_close(block(tokens), layer(tokens), atol=1e-4, rtol=1e-4)
    mask = torch.arange(5) < torch.tensor([[5], [2], [3]])
    expected = layer(tokens, src_key_padding_mask=~mask)
    torch.testing.assert_close(block(tokens, mask)[mask], expected[mask], atol=1e-4, rtol=1e-4)
    changed = torch.where(mask[..., None], tokens, 100.0)
    torch.testing.assert_close(block(changed, mask)[mask], block(tokens, mask)[mask])
