"""Parts of transformers that it does not document, each behind a function; imports it."""

from collections.abc import Callable

from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel
from transformers.models.auto import modeling_auto


def without_decoder(model: PreTrainedModel) -> PreTrainedModel:
    """The encoder of an architecture that has a decoder beside it; any other model itself.

    No public way: AutoModelForTextEncoding knows few of them. All name both parts so.
    Tried: transformers 4.57.0, 5.24.0.
    """
    encoder = getattr(model, "encoder", None)
    has_both = isinstance(encoder, PreTrainedModel) and hasattr(model, "decoder")
    return encoder if has_both else model  # pyright: ignore[reportReturnType]


def is_causal_only(config: PretrainedConfig) -> bool:
    """True when the architecture of a config can only be a causal language model.

    No public way: AutoModelForCausalLM tells what it takes only by an error, and loads weights.
    Tried: transformers 4.57.0, 5.24.0.
    """
    return config.model_type in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and (
        config.model_type not in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    )


def answer_lengths(model: PreTrainedModel) -> Callable[[Tensor], Tensor] | None:
    """The function that says how many answers a model gives to waveforms of these lengths; None
    for one that reads no waveforms.

    No public way: the convolutions are in the config, an adapter's behind them in each class.
    Tried: transformers 4.57.0, 5.24.0.
    """
    count = getattr(model, "_get_feat_extract_output_lengths", None)
    return count if hasattr(model.config, "conv_kernel") else None
