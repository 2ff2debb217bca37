"""Canaries for what pandas calls otherwise in its versions."""

import pandas as pd


def test_a_column_of_texts_keeps_which_of_them_are_missing(canary):
    from lepton.compat.pandas import text_type

    with canary("pandas", "the type of texts"):
        texts = pd.Series(["a", None, "b"], dtype=object).astype(text_type())
        assert texts.isna().tolist() == [False, True, False]
        assert texts.dropna().tolist() == ["a", "b"]
        assert pd.Series(index=range(2), dtype=text_type()).isna().all()
