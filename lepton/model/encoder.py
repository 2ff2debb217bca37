"""Encoders of the package transformers: loaded or built, held against the spec."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lepton.compat.optional import import_optional
from lepton.errors import ConfigError
from lepton.pretrained.location import (
    explain_loading_errors,
    loading_problem,
    local_file,
    local_folder,
)
from lepton.spec import DataSpec

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


def load_encoder(
    path: str | None, pretrained: bool, architecture: dict[str, Any], spec: DataSpec
) -> "tuple[PreTrainedModel, bool]":
    """The encoder of texts without its own head, and whether it is a causal decoder.

    Of an architecture with both, the decoder is left out.
    Raises: ConfigError for one that reads no tokens, or whose decoder cannot be left out.
    """
    from lepton.compat.transformers import is_causal_only, without_decoder

    sizes = {"vocab_size": spec.vocabulary, "pad_token_id": spec.pad}
    encoder = load_any(path, pretrained, architecture, sizes)
    alone = without_decoder(encoder)
    _require_tokens(alone, path)
    is_causal = alone is encoder and is_causal_only(encoder.config)
    if getattr(alone, "pooler", None) is not None:
        alone.add_module("pooler", None)  # of another task, no part of what is learned here
    return alone.float().train(), is_causal


def _require_tokens(encoder: "PreTrainedModel", path: str | None) -> None:
    """Raises: ConfigError for a model that gives nothing for tokens alone."""
    arguments = inspect.signature(encoder.forward).parameters
    problem = "" if "input_ids" in arguments else "reads no tokens"
    if "decoder_input_ids" in arguments:
        problem = "has no encoder that transformers gives by itself"
    if problem:
        option = f"model.path: {path!r}" if path else "model.architecture"
        raise ConfigError(f"{option}: a {encoder.config.model_type} {problem}; take another")


def load_any(
    path: str | None, pretrained: bool, architecture: dict[str, Any], sizes: dict[str, Any]
) -> "PreTrainedModel":
    """The model of transformers that a path names, or one of an architecture and `sizes`.

    Raises: ConfigError where nothing can be loaded from there.
    """
    from transformers import AutoConfig, AutoModel

    folder = local_folder(path) if path else None
    options = {"trust_remote_code": False}
    if path is None:
        if pretrained:
            raise ConfigError("model.pretrained=true: needs model.path, where the weights lie")
        config = AutoConfig.for_model(**(sizes | architecture))
    else:
        is_file = local_file(path) is not None
        message = "a file; a folder is right" if is_file else None
        if message := message or loading_problem(path, weights=pretrained):
            raise ConfigError(f"model.path: {path!r}: {message}")
        config = AutoConfig.from_pretrained(folder or path, **options, **architecture)
    if pretrained:
        assert path is not None
        return _load_weights(folder or path, config, options)
    return AutoModel.from_config(config, **options)


def _load_weights(
    source: Path | str, config: "PretrainedConfig", options: dict[str, Any]
) -> "PreTrainedModel":
    """Raises: ConfigError when weights of the encoder are missing."""
    from transformers import AutoModel

    from lepton.compat.transformers import without_decoder

    encoder, loading_info = AutoModel.from_pretrained(
        source,
        config=config,
        use_safetensors=True,
        output_loading_info=True,
        dtype=torch.float32,
        **options,
    )
    unused = ("pooler.", *(["decoder."] if without_decoder(encoder) is not encoder else []))
    missing = sorted(n for n in loading_info["missing_keys"] if not n.startswith(unused))
    if missing:
        raise ConfigError(
            f"model.path: {str(source)!r}: {len(missing)} weights of a {config.model_type} are "
            f"missing ({', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''})"
        )
    return encoder


def check_encoder(encoder: "PreTrainedModel", spec: DataSpec) -> None:
    """Raises: ConfigError when the tokenizer has more tokens or longer texts than the encoder."""
    embeddings = len(encoder.get_input_embeddings().get_parameter("weight"))
    if spec.vocabulary > embeddings:
        raise ConfigError(
            f"model.tokenizer: has tokens up to {spec.vocabulary - 1}, and the encoder embeddings "
            f"for {embeddings}; take the tokenizer of the encoder's own folder"
        )
    positions = max_positions(encoder)
    if positions is not None and spec.max_length > positions:
        raise ConfigError(
            f"model.tokenizer.max_length: {spec.max_length} tokens, and the encoder has positions "
            f"for {positions}"
        )


def max_positions(encoder: nn.Module) -> int | None:
    """The number of tokens that have a position; None where any number has.

    Encoders of the RoBERTa family count from behind the padding token.
    """
    positions = getattr(encoder.config, "max_position_embeddings", None)
    table = getattr(getattr(encoder, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return positions if positions is None or padding is None else positions - padding - 1


def checkpoint_activations(encoder: "PreTrainedModel") -> None:
    """Lets the encoder compute a block's activations again for its gradients."""
    # torch annotates what a module is given for tensors and modules alone
    encoder.recomputed = True  # pyright: ignore[reportArgumentType]
    # the older name warns from 5.24 on
    enable = getattr(encoder, "activation_checkpointing_enable", None)
    (enable or encoder.gradient_checkpointing_enable)({"use_reentrant": False})


@contextmanager
def explain_transformers_errors(path: str | None) -> Iterator[None]:
    """Tells errors of transformers in one line; leaves out its warnings and progress bars.

    Raises: DataError where nothing can be loaded; LeptonError without the package.
    """
    logging = import_optional("transformers.utils.logging", needed_by="model")
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with explain_loading_errors(path):
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
