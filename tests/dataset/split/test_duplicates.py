import numpy as np

from lepton.dataset.split.duplicates import stands_among


def test_leaks_are_found_but_for_case_and_blanks():
    texts = np.array([["A  cat", "x"], ["a cat", "y"], ["dog", ""]], dtype=object)
    others = np.array([["a CAT ", "X"], ["", "dog"]], dtype=object)
    assert stands_among(texts, others).tolist() == [True, False, False]
