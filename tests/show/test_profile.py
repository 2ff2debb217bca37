"""`lepton profile`: the page of `lepton show`, of a file that is named alone."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def table(here):
    draw = np.random.default_rng(0)
    values = {"income in €": draw.normal(size=200).round(3), "was late": np.arange(200) % 4 == 0}
    return pd.DataFrame(values)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_has_the_page_that_show_makes_of_it(ending, table, lepton, here):
    name = f"two words.{ending}"
    table.to_csv(name, index=False) if ending == "csv" else table.to_parquet(name)
    code, *_ = lepton("profile", name, "--target", "was late", "--out", "mine.html")
    assert code == 0
    words = (f"dataset={ending}", f'dataset.path="{name}"', 'dataset.target="was late"')
    assert lepton("show", *words, "--out", "theirs.html")[0] == 0
    mine, theirs = ((here / f"{page}.html").read_text() for page in ("mine", "theirs"))
    assert "income in €" in mine
    assert mine.replace("mine.html", "theirs.html") == theirs


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "profile: which column?"),
        (("a.csv",), "profile: which column?"),
        (("--target", "y"), "profile: which file?"),
        (("a.csv", "--target", "y", "dataset=wine"), "profile: 'dataset=wine': the file says it"),
        (("a.csv", "--target", "y"), "a.csv"),
    ],
)
def test_what_is_missing_is_one_line(words, message, here, lepton):
    code, _, said = lepton("profile", *words)
    assert code == 2
    assert message in said
    assert len(said.splitlines()) == 1
