"""Learned tokens before the text."""

import warnings
from typing import Literal

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery import adapters
from lepton.method import Method
from lepton.model.encoder import max_positions
from lepton.spec import DataSpec


class Prompt(Method):
    """A transformer reads `tokens` learned vectors before every text; their outputs are left out.

    Source: Lester et al. 2021, https://arxiv.org/abs/2104.08691
    """

    alone = "puts adapters into the network"

    def __init__(self, *, tokens: int, keep: Literal["adapter", "whole"] | None):
        if tokens < 1:
            raise ConfigError(f"finetune.tokens: {tokens}; at least 1")
        self.tokens, self.keep = tokens, keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        kept = adapters.always(model)
        found = _transformer(model)
        if found is None:
            raise ConfigError(
                f"finetune=prompt: {type(model).__name__} reads no tokens of a transformer; "
                "finetune=lora goes with every network that has linear layers"
            )
        name, encoder = found
        places, tokens = max_positions(encoder), self.tokens + spec.max_length
        if places is not None and tokens > places:
            raise ConfigError(
                f"finetune.tokens: {self.tokens} before texts of {spec.max_length} are {tokens}, "
                f"and the encoder has {places} positions; take a smaller model.tokenizer.max_length"
            )
        model.set_submodule(name, Prompted(encoder, self.tokens))
        return adapters.train_with(model, kept)


def _transformer(model: nn.Module) -> tuple[str, nn.Module] | None:
    """The encoder of Hugging Face's inside a network, without importing transformers."""
    for name, module in model.named_modules():
        if any(kind.__name__ == "PreTrainedModel" for kind in type(module).__mro__):
            return name, module
    return None


class Prompted(nn.Module):
    """An encoder with learned tokens, which gives as many outputs as it was given tokens."""

    def __init__(self, encoder: nn.Module, tokens: int):
        super().__init__()
        self.tokens, self.off = tokens, False
        peft = adapters.peft()
        config = peft.PromptTuningConfig(
            task_type="FEATURE_EXTRACTION", num_virtual_tokens=tokens, inference_mode=False
        )
        with warnings.catch_warnings():  # what peft asks of transformers has another name by now
            warnings.filterwarnings("ignore", message=".*gradient_checkpointing")
            self.prompt = peft.get_peft_model(encoder, config)

    @property
    def config(self):
        return self.prompt.config

    def enable_adapters(self, on: bool) -> None:
        self.off = not on

    def forward(self, *args, **named):
        if self.off:
            return self.prompt.get_base_model()(*args, **named)
        found = self.prompt(*args, **named)
        found["last_hidden_state"] = found["last_hidden_state"][:, self.tokens :]
        return found
