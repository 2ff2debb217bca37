"""The tokenizer that a pretrained model was trained with."""

from lepton.errors import ConfigError
from lepton.pretrained.location import TOKENIZER, local, reached
from lepton.tokenizer.tokens import Texts, Tokens


class Pretrained:
    """The tokenizer of a folder, or of a name on the Hugging Face hub."""

    def __init__(self, *, path: str, max_length: int):
        self.path, self.max_length = path, max_length

    def fit(self, texts: Texts) -> Tokens:
        """The tokens as they are, whatever the texts."""
        from lepton.tokenizer.package import Tokenizer

        folder = local(self.path)
        if folder and (folder / TOKENIZER).is_file():
            try:
                found = Tokenizer.from_file(str(folder / TOKENIZER))
                found.encode("a?")  # some that can be read cannot do it
            except Exception as e:  # which the package raises as nothing narrower
                raise ConfigError(f"{folder / TOKENIZER}: not a tokenizer ({e})") from None
        else:
            found = self._converted(str(folder or self.path))
        return Tokens(found, max_length=self.max_length, pad=_pad(found))

    def _converted(self, where: str):
        from transformers import AutoTokenizer

        with reached(self.path):
            found = AutoTokenizer.from_pretrained(where, trust_remote_code=False)
        if set(found.get_vocab()) <= {*found.all_special_tokens}:
            raise ConfigError(f"model.path={self.path}: has no tokenizer; add its {TOKENIZER}")
        return found.backend_tokenizer


def _pad(tokenizer) -> int:
    """The token that fills; masked where it stands, so that any will do where none is named."""
    named = tokenizer.padding["pad_id"] if tokenizer.padding else None
    known = [tokenizer.token_to_id(word) for word in ("[PAD]", "<pad>", "<|endoftext|>", "</s>")]
    return next((number for number in [named, *known] if number is not None), 0)
