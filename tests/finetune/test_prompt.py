"""Adapters in an encoder of Hugging Face's, with random weights and no network."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.finetune.machinery import adapters
from lepton.finetune.machinery.layers import named_layers

transformers = pytest.importorskip("transformers", reason="needs the extra text")
TOKENS = 5


class Reader(nn.Module):
    """A network on tokens, in the form that fine-tuning asks of one."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        config = transformers.BertConfig(
            vocab_size=20,
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=12,
            max_position_embeddings=40,
        )
        self.encoder = transformers.BertModel(config, add_pooling_layer=False)
        self.head = nn.Linear(8, 3)

    def layers(self):
        blocks = [f"encoder.encoder.layer.{i}" for i in range(2)]
        return ["encoder.embeddings", *blocks, "head"]

    def features(self, batch):
        output = self.encoder(input_ids=batch["tokens"], attention_mask=batch["mask"])
        mask = batch["mask"][..., None]
        return (output["last_hidden_state"] * mask).sum(1) / mask.sum(1)

    def forward(self, batch):
        return self.head(self.features(batch))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    mask = torch.ones(4, 9, dtype=torch.int64)
    mask[1, 5:] = 0
    return {"tokens": torch.randint(20, (4, 9), generator=generator), "mask": mask}


def prepared_reader(name, *overrides):
    method = build.instantiate(
        check(compose(f"finetune={name}", *overrides))["finetune"], "finetune"
    )
    return method.prepare(Reader(), SimpleNamespace(max_length=9))


@pytest.mark.slow
def test_more_tokens_than_the_encoder_has_positions_for_are_refused():
    with pytest.raises(ConfigError, match=r"finetune\.tokens: 32 .* 41, and .* has 40 positions"):
        prepared_reader("prompt", "finetune.tokens=32")
    prepared_reader("prompt", "finetune.tokens=31")


def test_learned_tokens_are_read_before_the_text_and_left_out_behind(batch):
    """Against the encoder given the same vectors by hand."""
    model, untuned = prepared_reader("prompt", f"finetune.tokens={TOKENS}").eval(), Reader().eval()
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert {n for n in trained if not n.startswith("head.")} == {
        "encoder.prompt.prompt_encoder.default.embedding.weight"
    }
    learned = trained["encoder.prompt.prompt_encoder.default.embedding.weight"]
    assert learned.shape == (TOKENS, 8)
    embedded = untuned.encoder.embeddings.word_embeddings(batch["tokens"])
    vectors = torch.cat([learned.expand(4, -1, -1), embedded], 1)
    mask = torch.cat([torch.ones(4, TOKENS, dtype=torch.int64), batch["mask"]], 1)
    outputs = untuned.encoder(inputs_embeds=vectors, attention_mask=mask)["last_hidden_state"]
    text_mask = batch["mask"][..., None]
    expected = (outputs[:, TOKENS:] * text_mask).sum(1) / text_mask.sum(1)
    torch.testing.assert_close(model.features(batch), expected)
    with adapters.adapters_switched_off(model):
        torch.testing.assert_close(model.features(batch), untuned.features(batch))
    model(batch).sum().backward()
    assert learned.grad.abs().sum() > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lora", "dora", "ia3"])
def test_adapters_of_an_encoder_merge_into_it(name, batch):
    model, untuned = prepared_reader(name), Reader()
    for parameter in model.parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter, mean=0.2, std=0.1)
    merged = adapters.merge_adapters(model)
    assert {*merged.state_dict()} == {*untuned.state_dict()}
    adapted_output, merged_output = model.eval()(batch), merged.eval()(batch)
    assert (adapted_output - merged_output).abs().max() < 1e-5
    assert (adapted_output - untuned.eval()(batch)).abs().max() > 1e-3
    with adapters.adapters_switched_off(model):
        torch.testing.assert_close(model.features(batch), untuned.features(batch))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["norm", "bitfit", "last_k", "gradual_unfreeze", "head"])
def test_every_strategy_goes_with_an_encoder(name, batch):
    model = prepared_reader(name)
    model(batch).sum().backward()
    assert model.head.weight.grad is not None
    assert [*named_layers(model)][-1] == ("head",)
