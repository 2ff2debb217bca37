"""Prompt: learned tokens before the text."""

import inspect
import warnings
from typing import TYPE_CHECKING, Any, Literal, cast

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.adapters import import_peft, is_adapter, train_adapters_and
from lepton.finetune.machinery.layers import always_trained, mark_as_new, new_parameters
from lepton.method import Method
from lepton.model.encoder import max_positions
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel
    from transformers.utils.generic import ModelOutput

EMBEDDED = "inputs_embeds"  # the argument of an encoder that reads vectors in place of tokens


class Prompt(Method):
    """A transformer reads `tokens` learned vectors before every text; their outputs are left out.

    Source: Lester et al. 2021, https://arxiv.org/abs/2104.08691
    """

    alone = "puts adapters into the network"
    needs_whole_weights = True

    def __init__(self, *, tokens: AtLeast1, keep: Literal["adapter", "whole"] | None):
        if tokens < 1:
            raise ConfigError(f"finetune.tokens: {tokens}; at least 1")
        self.tokens, self.keep = tokens, keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        trained = always_trained(model)  # before layers change their names
        encoder_name = _encoder_name(model)
        if encoder_name is None:
            raise ConfigError(
                f"finetune=prompt: {type(model).__name__} reads no tokens of a transformer; "
                "finetune=lora goes with every network that has linear layers"
            )
        encoder = model.get_submodule(encoder_name)
        places, tokens = max_positions(encoder), self.tokens + spec.max_length
        if places is not None and tokens > places:
            raise ConfigError(
                f"finetune.tokens: {self.tokens} before texts of {spec.max_length} are {tokens}, "
                f"and the encoder has {places} positions; take "
                + ("fewer" if self.tokens >= places else "a smaller model.tokenizer.max_length")
            )
        model.set_submodule(encoder_name, Prompted(encoder, self.tokens))
        tokens = {name for name, _ in model.named_parameters() if is_adapter(name)}
        mark_as_new(model, new_parameters(model) | tokens)
        return train_adapters_and(model, trained)


def _encoder_name(model: nn.Module) -> str | None:
    """The name of Hugging Face's encoder of tokens in a network; found without their package."""
    for name, module in model.named_modules():
        is_theirs = any(kind.__name__ == "PreTrainedModel" for kind in type(module).__mro__)
        if is_theirs and EMBEDDED in inspect.signature(module.forward).parameters:
            return name
    return None


class Prompted(nn.Module):
    """An encoder with learned tokens, which gives as many outputs as it was given tokens."""

    def __init__(self, encoder: nn.Module, tokens: int):
        super().__init__()
        self.tokens, self.is_off = tokens, False
        peft = import_peft()
        table = cast("PreTrainedModel", encoder).get_input_embeddings().get_parameter("weight")
        # peft asks for layers and heads, which learned tokens do not have
        config = peft.PromptTuningConfig(
            task_type="FEATURE_EXTRACTION",
            num_virtual_tokens=tokens,
            token_dim=table.shape[1],
            num_layers=1,
            num_attention_heads=1,
            inference_mode=False,
        )
        with warnings.catch_warnings():  # what peft asks of transformers has another name by now
            warnings.filterwarnings("ignore", message=".*gradient_checkpointing")
            self.prompt = peft.get_peft_model(encoder, config)

    @property
    def config(self) -> "PretrainedConfig":
        return self.prompt.config

    def enable_adapters(self, on: bool) -> None:
        self.is_off = not on

    def forward(self, *args: Any, **kwargs: Any) -> "ModelOutput":
        if self.is_off:
            return self.prompt.get_base_model()(*args, **kwargs)
        output = self.prompt(*args, **kwargs)
        output["last_hidden_state"] = output["last_hidden_state"][:, self.tokens :]
        return output
