"""Typos are one slip of the hand away from a word, of each kind, and leave it readable."""

import numpy as np
import pytest

from lepton.attack.typos import typos
from lepton.attack.written_words import WrittenWords


def slips(a, b):
    """The least number of letters exchanged, left out, put in or put in another's place.

    Source: the optimal string alignment distance, by its textbook recursion
    """
    d = np.zeros((len(a) + 1, len(b) + 1), int)
    d[:, 0], d[0] = range(len(a) + 1), range(len(b) + 1)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            same = a[i - 1] == b[j - 1]
            d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + (not same))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                d[i, j] = min(d[i, j], d[i - 2, j - 2] + 1)
    return d[-1, -1]


@pytest.mark.parametrize("word", ["film", "Wonderful!!", "#SADNESS", "well-known", "'quite'"])
def test_each_is_one_slip_inside_the_longest_run_of_letters(word):
    seen = {typo for seed in range(200) for typo in typos(word, np.random.default_rng(seed))}
    assert word not in seen
    assert {slips(word, typo) for typo in seen} == {1}
    assert {len(typo) - len(word) for typo in seen} == {-1, 0, 1}
    exchanged = [t for t in seen if len(t) == len(word) and sorted(t) == sorted(word)]
    assert exchanged
    run = max(("".join(c if c.isalpha() else " " for c in word)).split(), key=len)
    begin, end = word.split(run)
    for typo in seen:
        assert typo.startswith(begin + run[0])
        assert typo.endswith(run[-1] + end)
        assert typo.isupper() == word.isupper()


def test_there_is_one_of_each_kind_and_none_of_short_words_and_numbers():
    written = typos("splendid", np.random.default_rng(1))
    assert len(written) == 4
    assert [len(typo) for typo in written] == [8, 7, 8, 9]
    assert len(typos("good", np.random.default_rng(1))) == 3  # whose inner letters are the same
    for word in ("bad", "12345", ":-)", "", "a1b2c3d4", "don't"):
        assert typos(word, np.random.default_rng(0)) == []


def test_words_in_other_scripts_get_no_letters_that_are_not_theirs():
    for seed in range(20):
        for typo in typos("хорошо", np.random.default_rng(seed)):
            assert set(typo) <= set("хорошо")
            assert len(typo) <= 6


def test_a_text_stays_letter_by_letter_but_for_the_word_that_changes():
    words = WrittenWords.of(["so  good,\tvery", "a\nfilm"])
    assert words.texts == ["so  good,\tvery", "a\nfilm"]
    assert [words.word(place) for place in words.places] == ["so", "good,", "very", "a", "film"]
    place = words.places[1]
    assert words.replaced(place, "god,").texts == ["so  god,\tvery", "a\nfilm"]
    assert words.without(place).texts == ["so  very", "a\nfilm"]
    assert words.without(words.places[-1]).texts == ["so  good,\tvery", "a\n"]
    assert WrittenWords.of([""]).places == []
