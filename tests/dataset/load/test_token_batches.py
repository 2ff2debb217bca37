"""Batches of like length, against rows padded one by one."""

import pytest
import torch

from lepton.dataset.load import token_batches
from lepton.dataset.load.batches import Order
from lepton.dataset.load.token_batches import ByLength, TokenBatches, by_length, cut

ROWS = 203


@pytest.fixture
def part():
    g = torch.Generator().manual_seed(0)
    length = torch.randint(1, 30, (ROWS,), generator=g)
    tokens = torch.randint(1, 99, (ROWS, 30), generator=g, dtype=torch.int32)
    tokens = tokens.masked_fill(torch.arange(30) >= length[:, None], 0)
    return {
        "tokens": tokens,
        "length": length,
        "second": length // 2,
        "target": torch.rand(ROWS, generator=g),
        "id": torch.arange(1000, 1000 + ROWS),
    }


def batches(part, *, size=16, seed=0, epoch=0, rank=0, world=1, **options):
    sampler = Order(rows=torch.arange(ROWS), seed=seed, rank=rank, world_size=world)
    loader = TokenBatches(
        tensors=part, batch_size=size, sampler=sampler, **{"limit_batches": None} | options
    )
    sampler.set_epoch(epoch)
    return loader


def flat(loader):
    return [batch for block in loader for batch in block]


def ids(loader):
    return [batch["id"].tolist() for batch in flat(loader)]


def rows(loader):
    return [row for batch in ids(loader) for row in batch]


def test_a_batch_holds_what_padding_row_by_row_would_give(part):
    rows = torch.tensor([5, 0, 77])
    batch = cut(part, part["length"], rows)
    width = max(int(part["length"][r]) for r in rows)
    for i, r in enumerate(rows.tolist()):
        n, half = int(part["length"][r]), int(part["second"][r])
        assert batch["tokens"][i].tolist() == part["tokens"][r, :n].tolist() + [0] * (width - n)
        assert batch["mask"][i].tolist() == [True] * n + [False] * (width - n)
        segments = [0] * half + [1] * (n - half) + [0] * (width - n)
        assert batch["segments"][i].tolist() == segments
        assert batch["id"][i] == part["id"][r]
    assert batch["tokens"].dtype == batch["segments"].dtype == torch.int64


@pytest.mark.parametrize("size", [16, 29, 202, 500])
def test_an_epoch_shows_each_row_once_in_full_batches_but_the_last(part, size):
    loader = batches(part, size=size)
    sizes = [len(batch) for batch in ids(loader)]
    seen, lone = rows(loader), size == 202
    assert len(set(seen)) == len(seen) == loader.rows == ROWS - lone
    assert set(sizes[:-1]) <= {size}
    assert len(sizes) == loader.num_batches
    assert len(list(loader)) == len(loader)


def test_order_is_a_function_of_seed_and_epoch_alone(part):
    first = ids(batches(part, seed=1, epoch=2))
    spoilt = batches(part, seed=1)
    list(spoilt)
    spoilt.sampler.set_epoch(2)
    torch.manual_seed(7)
    assert ids(spoilt) == first
    assert ids(batches(part, seed=1, epoch=3)) != first
    assert ids(batches(part, seed=2, epoch=2)) != first


def test_batches_that_are_done_are_left_out_and_the_rest_are_the_same(part):
    whole = batches(part)
    for done in (0, 1, 8, 11, whole.num_batches):
        rest = batches(part)
        rest.done = (0, done)
        assert ids(rest) == ids(whole)[done:]
        assert len(list(rest)) == len(rest)
    rest.sampler.set_epoch(1)
    assert len(ids(rest)) == whole.num_batches


def test_processes_share_the_rows_and_take_as_many_steps(part):
    shares = [batches(part, rank=rank, world=2) for rank in range(2)]
    assert shares[0].num_batches == shares[1].num_batches
    held = [set(rows(share)) for share in shares]
    assert len(held[0] & held[1]) <= 1  # an odd row counts for both
    assert held[0] | held[1] == set(part["id"].tolist())


def test_a_limit_is_of_batches(part):
    assert [len(b) for b in ids(batches(part, limit_batches=2))] == [16, 16]


def test_rows_of_like_length_come_together_so_that_padding_is_little(part):
    padded = sum(batch["tokens"].numel() for batch in flat(batches(part)))
    at_random = sum(int(part["length"][i : i + 16].max()) * 16 for i in range(0, ROWS, 16))
    assert part["length"].sum() > 0.85 * padded
    assert part["length"].sum() < 0.75 * at_random


@pytest.mark.parametrize("size", [16, 32])
def test_padding_of_the_shipped_texts_stays_below_15_percent(size):
    from lepton import build
    from lepton.config.check import check
    from tests.quick import compose

    data = build.data(check(compose("dataset=vader", "model=text_cnn", f"batch_size={size}")))
    train, blocks = data.splits["train"], data.train_dataloader()
    padded = sum(batch["tokens"].numel() for block in blocks for batch in block)
    assert padded * 0.85 < int(train["length"].sum()) <= padded


def test_evaluation_sees_each_row_once_within_a_number_of_tokens(part, monkeypatch):
    monkeypatch.setattr(token_batches, "TOKENS", 200)
    rows = list(by_length(part["length"], 1))
    assert sorted(torch.cat(rows).tolist()) == list(range(ROWS))
    for chosen in rows:
        assert len(chosen) == 1 or int(part["length"][chosen].max()) * len(chosen) <= 200
    found = list(ByLength(tensors=part, batch_size=4, limit_batches=None))
    assert sorted(i for batch in found for i in batch["id"].tolist()) == part["id"].tolist()
    assert len(list(ByLength(tensors=part, batch_size=4, limit_batches=3))) == 3
