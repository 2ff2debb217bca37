"""The tokenizer that a pretrained model was trained with."""

from typing import TYPE_CHECKING

from lepton.compat.optional import import_optional
from lepton.errors import ConfigError
from lepton.pretrained.location import TOKENIZER_FILE, explain_loading_errors, local_folder
from lepton.tokenizer.fitted_tokenizer import FittedTokenizer, Texts
from lepton.values.bounds import AtLeast1

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PADDING_TOKENS = ("[PAD]", "<pad>", "<|endoftext|>", "</s>")


class Pretrained:
    """The tokenizer of a folder, or of a name on the Hugging Face hub."""

    def __init__(self, *, path: str, max_length: AtLeast1):
        self.path, self.max_length = path, max_length

    def fit(self, texts: Texts) -> FittedTokenizer:
        """The tokenizer as it is, whatever the texts.

        Raises: ConfigError when there is none, or it is damaged.
        """
        tokenizers = import_optional("tokenizers", needed_by="model.tokenizer")
        folder = local_folder(self.path)
        if folder and (folder / TOKENIZER_FILE).is_file():
            try:
                tokenizer = tokenizers.Tokenizer.from_file(str(folder / TOKENIZER_FILE))
                tokenizer.encode("a?")  # some that can be read cannot do it
            except Exception as e:  # which the package raises as nothing narrower
                raise ConfigError(f"{folder / TOKENIZER_FILE}: not a tokenizer ({e})") from None
        else:
            tokenizer = self._load_with_transformers(str(folder or self.path))
        return FittedTokenizer(tokenizer, max_length=self.max_length, pad=_padding_token(tokenizer))

    def _load_with_transformers(self, source: str) -> "Tokenizer":
        transformers = import_optional("transformers", needed_by="model.tokenizer")
        absent = ConfigError(f"model.path={self.path}: has no tokenizer; add its {TOKENIZER_FILE}")
        with explain_loading_errors(self.path):
            try:
                wrapper = transformers.AutoTokenizer.from_pretrained(
                    source, trust_remote_code=False
                )
            except TypeError:  # transformers 4 opens the file None
                raise absent from None
        if set(wrapper.get_vocab()) <= {*wrapper.all_special_tokens}:
            raise absent
        return wrapper.backend_tokenizer


def _padding_token(tokenizer: "Tokenizer") -> int:
    """The number of the token that fills rows; masked, so any will do where none is named."""
    named = tokenizer.padding["pad_id"] if tokenizer.padding else None
    usual = [tokenizer.token_to_id(token) for token in PADDING_TOKENS]
    return next((number for number in [named, *usual] if number is not None), 0)
