"""What goes wrong with texts: typos, words dropped and swapped, capital letters."""

import numpy as np
import pandas as pd

from lepton.dataset.clean.text_rows import parse_texts
from lepton.dataset.corruptions.corruptions import Change, Corruptions, by_name
from lepton.dataset.inputs.kind import Rows

TYPO_SHARE = (0.02, 0.05, 0.1, 0.15, 0.25)  # of the letters
DROPPED_SHARE = (0.05, 0.1, 0.2, 0.3, 0.5)  # of the words
SWAPPED_SHARE = (0.05, 0.1, 0.2, 0.3, 0.5)  # of the words, each with the next
CAPITAL_SHARE = (0.1, 0.25, 0.5, 0.75, 1.0)  # of the words
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def typos(text: str, severity: int, generator: np.random.Generator) -> str:
    """Leaves letters out, doubles them, puts them behind the next, or others in their place."""
    chance, way = generator.uniform(size=len(text)), generator.integers(4, size=len(text))
    other = generator.integers(len(LETTERS), size=len(text))
    written, ahead = [], ""
    for place, letter in enumerate(text):
        forms = ("", letter * 2, letter, LETTERS[other[place]])
        is_wrong = letter.isalpha() and chance[place] < TYPO_SHARE[severity - 1]
        if is_wrong and way[place] == 2 and not ahead:
            ahead = letter  # which is written behind the next
            continue
        written.append(forms[way[place]] if is_wrong else letter)
        written.append(ahead)
        ahead = ""
    return "".join([*written, ahead])


def dropped_words(text: str, severity: int, generator: np.random.Generator) -> str:
    """Leaves words out, but one at least."""
    words, chance = text.split(), generator.uniform(size=len(text.split()))
    kept = [w for w, c in zip(words, chance, strict=True) if c >= DROPPED_SHARE[severity - 1]]
    return " ".join(kept or words[:1])


def swapped_words(text: str, severity: int, generator: np.random.Generator) -> str:
    """Puts words behind the next one."""
    words = text.split()
    for place, chance in enumerate(generator.uniform(size=max(0, len(words) - 1))):
        if chance < SWAPPED_SHARE[severity - 1]:
            words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


def capitals(text: str, severity: int, generator: np.random.Generator) -> str:
    """Writes words in capital letters."""
    words, chance = text.split(), generator.uniform(size=len(text.split()))
    is_capital = chance < CAPITAL_SHARE[severity - 1]
    return " ".join(w.upper() if c else w for w, c in zip(words, is_capital, strict=True))


class TextCorruptions(Corruptions):
    """Corrupts texts as they were written, and makes tokens of them anew."""

    functions = by_name(typos, dropped_words, swapped_words, capitals)

    def changed(self, change: Change, raw: pd.DataFrame, rows: Rows) -> Rows:
        columns = list(self.kind.own_columns)
        texts = [[change(text) for text in row] for row in parse_texts(raw, columns)]
        return self.kind.encode(pd.DataFrame(texts, columns=columns))
