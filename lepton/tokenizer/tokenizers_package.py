"""The Tokenizer class of the optional package tokenizers, or an error that says how to get it."""

from lepton.errors import LeptonError

try:
    from tokenizers import Tokenizer
except ImportError as e:
    raise LeptonError(
        "texts as tokens need the package tokenizers; pip install 'lepton-experiments[text]'"
    ) from e

__all__ = ["Tokenizer"]
