"""The layers of an encoder by name; encoders of transformers are tested with the Transformer."""

import torch

from lepton.model.encoder import encoder_layers


def test_parameters_beside_the_blocks_are_named_by_themselves():
    module = torch.nn.Module()
    module.token = torch.nn.Parameter(torch.zeros(1))
    module.blocks = torch.nn.ModuleList([torch.nn.Linear(2, 2) for _ in range(2)])
    module.last = torch.nn.Linear(2, 1)
    assert encoder_layers(module) == ["token", "blocks.0", "blocks.1", "last"]
