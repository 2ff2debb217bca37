"""WrittenWords: the texts of a row as words, and what stands between them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

Place: TypeAlias = tuple[int, int]  # of a word: its text, and its piece in it
BLANKS = re.compile(r"(\s+)")


@dataclass(frozen=True)
class WrittenWords:
    """Pieces of each text: words at even places, blanks between them."""

    pieces: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """The words of the texts of a row."""
        return cls(tuple(tuple(BLANKS.split(text)) for text in texts))

    @property
    def texts(self) -> list[str]:
        """The texts, letter by letter."""
        return ["".join(pieces) for pieces in self.pieces]

    @property
    def places(self) -> list[Place]:
        """Where the words are, in reading order."""
        return [
            (text, piece)
            for text, pieces in enumerate(self.pieces)
            for piece in range(0, len(pieces), 2)
            if pieces[piece]
        ]

    def word(self, place: Place) -> str:
        """The word at a place."""
        return self.pieces[place[0]][place[1]]

    def replaced(self, place: Place, word: str) -> Self:
        """The same with another word at a place."""
        text, piece = place
        pieces = self.pieces[text]
        return self._with(text, (*pieces[:piece], word, *pieces[piece + 1 :]))

    def without(self, place: Place) -> Self:
        """The same without a word, and without the blanks behind it."""
        text, piece = place
        pieces = self.pieces[text]
        return self._with(text, (*pieces[:piece], *pieces[piece + 2 :]))

    def _with(self, text: int, pieces: tuple[str, ...]) -> Self:
        return type(self)((*self.pieces[:text], pieces, *self.pieces[text + 1 :]))
