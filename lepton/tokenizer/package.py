"""The package tokenizers, or what to install."""

from lepton.errors import LeptonError

try:
    from tokenizers import Tokenizer
except ImportError as e:
    raise LeptonError(
        "texts as tokens need the package tokenizers; pip install 'lepton-experiments[text]'"
    ) from e

__all__ = ["Tokenizer"]
