"""Corruptions of texts: letters and words that are lost, moved and written otherwise."""

from collections import Counter
from difflib import SequenceMatcher

import numpy as np
import pytest

from lepton.dataset.corruptions.text import TextCorruptions

CHANGES = TextCorruptions.functions
WORDS = [f"word{n} about something" for n in range(150)]
TEXT = " ".join(WORDS)


def corrupted(name, severity, text=TEXT):
    return CHANGES[name](text, severity, np.random.default_rng(1))


def test_typos_are_few_letters_and_more_at_a_worse_severity():
    text = TEXT[:1000]
    letters = sum(letter.isalpha() for letter in text)
    found = []
    for severity in (1, 3, 5):
        matcher = SequenceMatcher(None, text, corrupted("typos", severity, text), autojunk=False)
        found.append(sum(tag != "equal" for tag, *_ in matcher.get_opcodes()) / letters)
    assert found[0] == pytest.approx(0.02, abs=0.015)
    assert found[0] < found[1] < found[2] < 0.4


@pytest.mark.parametrize(("severity", "share"), [(1, 0.05), (5, 0.5)])
def test_words_are_dropped_and_the_others_keep_their_order(severity, share):
    words, left = TEXT.split(), corrupted("dropped_words", severity).split()
    assert 1 - len(left) / len(words) == pytest.approx(share, abs=0.06)
    remaining = iter(words)
    assert all(word in remaining for word in left)
    assert corrupted("dropped_words", 5, "one") == "one"
    assert corrupted("dropped_words", 5, "") == ""


def test_swapped_words_are_the_same_words():
    moved = [corrupted("swapped_words", severity).split() for severity in (1, 5)]
    words = TEXT.split()
    assert Counter(moved[0]) == Counter(moved[1]) == Counter(words)
    counts = [sum(a != b for a, b in zip(words, some, strict=True)) for some in moved]
    assert 0 < counts[0] < counts[1]


@pytest.mark.parametrize(("severity", "share"), [(1, 0.1), (5, 1.0)])
def test_words_are_written_in_capitals(severity, share):
    text = corrupted("capitals", severity)
    assert text.lower() == TEXT
    assert np.mean([word.isupper() for word in text.split()]) == pytest.approx(share, abs=0.05)
