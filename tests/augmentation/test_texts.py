"""Augmentations of texts against lists of tokens, rearranged by hand."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from lepton.errors import ConfigError
from lepton.example import make_text_spec
from lepton.tokenizer.trained import BEGIN, END, SPECIAL_TOKENS, Trained
from tests.augmentation.options import draw, made

PAD, BEGINS, ENDS, MASK = 0, 1, 2, 3
SPEC = replace(make_text_spec("binary"), vocabulary=500, marks=(BEGINS, ENDS), mask_token=MASK)
ROWS, WIDTH = 300, 24


@pytest.fixture(scope="module")
def batch():
    """Texts of 1 to 20 different tokens between marks; every second one is a pair."""
    tokens = torch.full((ROWS, WIDTH), PAD)
    segments = torch.zeros_like(tokens)
    for row in range(ROWS):
        count = 1 + row % 20
        words = [BEGINS, *(10 + torch.randperm(400)[:count]).tolist(), ENDS]
        tokens[row, : len(words)] = torch.tensor(words)
        if row % 2:
            segments[row, len(words) // 2 : len(words)] = 1
    mask = torch.arange(WIDTH) < torch.tensor([3 + row % 20 for row in range(ROWS)])[:, None]
    return {"tokens": tokens, "mask": mask, "segments": segments, "id": torch.arange(ROWS)}


def rows_of(batch):
    """The tokens of each row as lists, without what fills it."""
    pairs = zip(batch["tokens"], batch["mask"], strict=True)
    return [tokens[mask].tolist() for tokens, mask in pairs]


def changed(name, batch, **values):
    return batch | made(name, SPEC, **values).on_batch(batch, draw())


@pytest.mark.parametrize(("name", "put"), [("token_dropout", PAD), ("token_mask", MASK)])
def test_tokens_are_replaced_at_the_rate_of_the_probability_and_marks_never(name, put, batch):
    after = changed(name, batch, probability=0.3)
    own = batch["mask"] & (batch["tokens"] > MASK)
    is_other = after["tokens"] != batch["tokens"]
    assert (after["tokens"][is_other] == put).all()
    assert not (is_other & ~own).any()
    assert is_other[own].double().mean().item() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(after["mask"], batch["mask"])


def test_a_tokenizer_without_a_mask_token_is_refused_with_what_needs_none():
    with pytest.raises(ConfigError, match=r"token_mask, model\.tokenizer: .*token_dropout"):
        made("token_mask", replace(SPEC, mask_token=None))


def test_swapped_texts_have_the_tokens_that_they_had_within_each_of_a_pair(batch):
    after = changed("random_swap", batch, probability=0.5)
    moved = 0
    for row in range(ROWS):
        for text in (0, 1):
            own = batch["mask"][row] & (batch["segments"][row] == text)
            first, second = batch["tokens"][row][own].tolist(), after["tokens"][row][own].tolist()
            assert Counter(first) == Counter(second)
            moved += sum(a != b for a, b in zip(first, second, strict=True))
            assert [t for t in first if t < 10] == [t for t in second if t < 10]
    assert 0.3 < moved / (batch["tokens"] >= 10).sum() < 0.5
    assert torch.equal(after["tokens"][:, 0], batch["tokens"][:, 0])


def test_what_is_left_of_a_text_stands_in_its_order_and_one_token_stays(batch):
    after = changed("random_delete", batch, probability=0.4)
    kept = 0
    for row, (first, second) in enumerate(zip(rows_of(batch), rows_of(after), strict=True)):
        places = [first.index(token) for token in second]
        assert places == sorted(places)
        assert (second[0], second[-1]) == (BEGINS, ENDS)
        assert len(second) >= 3
        segments = batch["segments"][row][places].tolist()
        assert after["segments"][row][: len(second)].tolist() == segments
        # neither text of a pair is gone
        words = [place for place in places if batch["tokens"][row][place] >= 10]
        had = batch["segments"][row][batch["tokens"][row] >= 10]
        assert {*batch["segments"][row][words].tolist()} == {*had.tolist()}
        kept += len(second) - 2
    assert kept / (batch["tokens"] >= 10).sum() == pytest.approx(0.6, abs=0.05)
    assert (after["tokens"][~after["mask"]] == PAD).all()
    emptied = rows_of(changed("random_delete", batch, probability=1.0))
    assert {len(row) for row in emptied[::2]} == {3}
    pairs = (batch["tokens"][1::2] >= 10) & (batch["segments"][1::2] == 0)
    assert [len(row) for row in emptied[1::2]] == (3 + pairs.any(1).long()).tolist()


def test_the_marks_around_a_text_are_told_by_the_tokenizer():
    fitted = Trained(vocabulary=60, min_frequency=1, lowercase=True, max_length=8).fit(["good bad"])
    numbers = tuple(SPECIAL_TOKENS.index(token) for token in (BEGIN, END))
    assert (fitted.marks, fitted.mask_token) == (numbers, None)
