"""The base of data sets of texts: texts become tensors of tokens, batched by length."""

from typing import Any, Literal

from lepton.dataset.data import Data
from lepton.dataset.inputs.text import TextInputs
from lepton.tokenizer.fitted_tokenizer import FittedTokenizer, TextTokenizer


class TextData(Data):
    """Base of the data sets of texts; one of them only says how to `read` its rows."""

    provides = ("text",)

    def __init__(
        self,
        *,
        text: str | list[str],
        duplicates: Literal["drop", "keep"],
        tokenizer: TextTokenizer | None,
        **rows: Any,
    ):
        super().__init__(**rows)
        self.text_inputs = TextInputs(text=text, duplicates=duplicates, tokenizer=tokenizer)
        self.inputs.append(self.text_inputs)

    @property
    def columns(self) -> list[str]:
        """The columns of texts."""
        return list(self.text_inputs.own_columns)

    @columns.setter
    def columns(self, columns: list[str]) -> None:
        self.text_inputs.own_columns = tuple(columns)

    @property
    def fitted_tokenizer(self) -> FittedTokenizer | None:
        """The tokenizer that `setup` fits, where the model has one."""
        return self.text_inputs.fitted_tokenizer
