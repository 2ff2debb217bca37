import numpy as np

from lepton.dataset.split.duplicates import find_leaks, repeat_notes, row_keys


def test_leaks_are_found_but_for_case_and_blanks():
    pairs = [["A  cat", "x"], ["a cat", "y"], ["dog", ""], ["a CAT ", "X"], ["", "dog"]]
    keys = row_keys(np.array(pairs, dtype=object))
    rows = {"train": np.arange(3), "val": np.array([3]), "test": np.array([4])}
    remaining, notes = find_leaks(rows, keys, drop=True)
    assert {split: kept.tolist() for split, kept in remaining.items()} == {
        "train": [1, 2],
        "val": [3],
        "test": [4],
    }
    assert [*map(str, notes)] == [
        "the train split: rows whose text is in val or test too, dropped (1)"
    ]


def test_rows_are_told_apart_whatever_their_digest_ends_with():
    texts = [str(i) for i in range(3000)]  # of which some dozen end with a byte of 0
    keys = row_keys(np.array([[text] for text in texts], dtype=object))
    assert sum(key[-1:] == b"\0" or len(key) < 16 for key in keys) > 3
    assert len(np.unique(keys)) == 3000
    assert repeat_notes(keys, "train") == []
    assert np.isin(keys, keys[::2]).tolist() == [i % 2 == 0 for i in range(3000)]
