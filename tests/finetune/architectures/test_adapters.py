"""Adapters of peft in encoders of each architecture: where they begin, what they add, merged."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.adapters import (
    adapters_switched_off,
    is_adapter,
    merge_adapters,
)
from lepton.finetune.prompt import Prompt
from tests.finetune.architectures.inventory import ARCHITECTURES, EMBEDDED, WIDTH
from tests.finetune.architectures.test_trained_parameters import (
    HEAD,
    STRATEGIES,
    TEXTS,
    built,
    trainable,
)
from tests.quick import quick

ADAPTERS = ["lora", "adalora", "dora", "ia3", "vera"]
LEARNED = "encoder.prompt.prompt_encoder.default.embedding.weight"
TOKENS = 3
PAIRS = [(name, strategy) for name in ARCHITECTURES for strategy in ADAPTERS]
QUICK = [*(("gpt2", strategy) for strategy in ADAPTERS), ("albert", "lora"), ("convnext", "dora")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "strategy"), PAIRS)
@torch.no_grad()
def test_adapters_begin_as_the_network_and_merge_into_it(name, strategy):
    untuned, batch = built(name)
    before = untuned(batch)
    model = STRATEGIES[strategy]().prepare(copy.deepcopy(untuned), None).eval()
    torch.testing.assert_close(model(batch), before)
    torch.manual_seed(1)
    for parameter_name, parameter in model.named_parameters():
        if is_adapter(parameter_name):
            nn.init.normal_(parameter, mean=0.2, std=0.1)
    after = model(batch)
    assert (after - before).abs().max() > 1e-4
    merged = merge_adapters(model)
    assert {*merged.state_dict()} == {*untuned.state_dict()}
    torch.testing.assert_close(merged(batch), after, rtol=1e-4, atol=1e-5)
    with adapters_switched_off(model):
        assert torch.equal(model(batch), before)


def prompted(model):
    return Prompt(tokens=TOKENS, keep=None).prepare(model, SimpleNamespace(max_length=16)).eval()


@pytest.mark.parametrize("name", quick(TEXTS, "albert", "electra", "distilbert", "t5", "gpt2"))
def test_learned_tokens_are_as_wide_as_the_encoders_embeddings_and_read_before_the_text(name):
    """Against the encoder given the same vectors by hand."""
    untuned, batch = built(name)
    model = prompted(copy.deepcopy(untuned))
    width = EMBEDDED if name in ("albert", "electra") else WIDTH
    assert trainable(model) == {LEARNED: TOKENS * width} | HEAD
    learned = model.get_parameter(LEARNED)
    words = untuned.encoder.get_input_embeddings()(batch["tokens"])
    vectors = torch.cat([learned.expand(len(words), -1, -1), words], 1)
    mask = torch.cat([torch.ones(len(words), TOKENS).bool(), batch["mask"]], 1).long()
    answers = untuned.encoder(inputs_embeds=vectors, attention_mask=mask).last_hidden_state
    hidden = model.token_features(batch).values
    torch.testing.assert_close(hidden, answers[:, TOKENS:], rtol=1e-4, atol=1e-5)
    model(batch).sum().backward()
    assert learned.grad.abs().sum() > 0
    with adapters_switched_off(model):
        torch.testing.assert_close(model(batch), untuned(batch))


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name not in TEXTS])
def test_learned_tokens_before_what_is_no_text_are_refused(name):
    with pytest.raises(ConfigError, match="reads no tokens of a transformer; finetune=lora"):
        prompted(copy.deepcopy(built(name)[0]))
