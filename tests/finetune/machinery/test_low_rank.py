"""Low-rank updates of GPT-2's linear layers, whose weights lie the other way round."""

import pytest
import torch
import transformers

from lepton.example import make_batch, make_text_spec
from lepton.finetune.machinery.adapters import merge_adapters
from lepton.finetune.machinery.low_rank import inject_low_rank
from lepton.model.transformer import Transformer


@pytest.mark.parametrize("use_dora", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_updates_of_turned_layers_are_those_of_the_weights_as_they_multiply(use_dora, tmp_path):
    sizes = {"vocab_size": 50, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 40}
    transformers.GPT2Model(transformers.GPT2Config(**sizes)).save_pretrained(tmp_path)
    spec = make_text_spec("multiclass")
    settings = {"tokenizer": None, "architecture": {}, "pooling": None, "dropout": 0.0}
    settings |= {"normalize": False, "gradient_checkpointing": False}
    poolings = {"encoder": "mean", "decoder": "last"}
    model = Transformer(
        spec=spec, path=str(tmp_path), pretrained=True, default_pooling=poolings, **settings
    ).eval()
    batch = make_batch(spec)
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    before = model(batch)
    options = {"rank": 2, "alpha": 4.0, "dropout": 0.0, "targets": None, "option": "lora"}
    tuned = inject_low_rank(model, use_dora=use_dora, **options).eval()
    torch.testing.assert_close(tuned(batch), before)
    parameters = dict(tuned.named_parameters())
    trained = {name for name, p in parameters.items() if p.requires_grad}
    assert {name.partition(".lora_")[0] for name in trained if ".lora_" in name} == {
        f"encoder.h.0.{layer}" for layer in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    }
    for name in trained:
        if "lora_B" in name:
            torch.nn.init.normal_(parameters[name])
    merged = merge_adapters(tuned)
    torch.testing.assert_close(merged(batch), tuned(batch), rtol=1e-4, atol=1e-5)
    if not use_dora:
        name = "encoder.h.0.mlp.c_fc"
        down, up = (parameters[f"{name}.lora_{part}.default.weight"] for part in "AB")
        expected = weights[f"{name}.weight"] + 4.0 / 2 * (up @ down).T
        torch.testing.assert_close(merged.get_parameter(f"{name}.weight"), expected)
