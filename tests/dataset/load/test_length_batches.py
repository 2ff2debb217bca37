"""Batches of like length, against rows padded one by one."""

import pytest
import torch

from lepton.dataset.inputs.kind import STEP_BYTES
from lepton.dataset.inputs.text import TextInputs
from lepton.dataset.load import batch_cutter
from lepton.dataset.load.batch_cutter import BatchCutter
from lepton.dataset.load.batches import EvaluationBatches
from lepton.dataset.load.epoch_sampler import EpochSampler
from lepton.dataset.load.length_batches import LengthTrainingBatches

ROWS, KINDS = 203, [TextInputs]


@pytest.fixture
def tensors():
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


def make_loader(tensors, *, size=16, seed=0, epoch=0, rank=0, world=1, **options):
    sampler = EpochSampler(rows=torch.arange(ROWS), seed=seed, rank=rank, world_size=world)
    options = {"limit_batches": None, "kinds": KINDS} | options
    loader = LengthTrainingBatches(tensors=tensors, batch_size=size, sampler=sampler, **options)
    sampler.set_epoch(epoch)
    return loader


def flat(loader):
    return [batch for block in loader for batch in block]


def ids(loader):
    return [batch["id"].tolist() for batch in flat(loader)]


def rows(loader):
    return [row for batch in ids(loader) for row in batch]


def test_a_batch_holds_what_padding_row_by_row_would_give(tensors):
    rows = torch.tensor([5, 0, 77])
    batch = BatchCutter(tensors, KINDS).padded(tensors, rows)
    width = max(int(tensors["length"][r]) for r in rows)
    for i, r in enumerate(rows.tolist()):
        n, half = int(tensors["length"][r]), int(tensors["second"][r])
        assert batch["tokens"][i].tolist() == tensors["tokens"][r, :n].tolist() + [0] * (width - n)
        assert batch["mask"][i].tolist() == [True] * n + [False] * (width - n)
        segments = [0] * half + [1] * (n - half) + [0] * (width - n)
        assert batch["segments"][i].tolist() == segments
        assert batch["id"][i] == tensors["id"][r]
    assert batch["tokens"].dtype == batch["segments"].dtype == torch.int64


@pytest.mark.parametrize("size", [16, 29, 202, 500])
def test_an_epoch_shows_each_row_once_in_full_batches_but_the_last(tensors, size):
    loader = make_loader(tensors, size=size)
    sizes = [len(batch) for batch in ids(loader)]
    epoch_rows, lone_rows = rows(loader), int(size == 202)
    assert len(set(epoch_rows)) == len(epoch_rows) == loader.rows == ROWS - lone_rows
    assert set(sizes[:-1]) <= {size}
    assert len(sizes) == loader.num_batches
    assert len(list(loader)) == len(loader)


def test_order_is_a_function_of_seed_and_epoch_alone(tensors):
    first = ids(make_loader(tensors, seed=1, epoch=2))
    used = make_loader(tensors, seed=1)
    list(used)
    used.sampler.set_epoch(2)
    torch.manual_seed(7)
    assert ids(used) == first
    assert ids(make_loader(tensors, seed=1, epoch=3)) != first
    assert ids(make_loader(tensors, seed=2, epoch=2)) != first


def test_batches_that_are_done_are_left_out_and_the_rest_are_the_same(tensors):
    full_loader = make_loader(tensors)
    for batches_done in (0, 1, 8, 11, full_loader.num_batches):
        resumed = make_loader(tensors)
        resumed.done = (0, batches_done)
        assert ids(resumed) == ids(full_loader)[batches_done:]
        assert len(list(resumed)) == len(resumed)
    resumed.sampler.set_epoch(1)
    assert len(ids(resumed)) == full_loader.num_batches


def test_processes_share_the_rows_and_take_as_many_steps(tensors):
    shares = [make_loader(tensors, rank=rank, world=2) for rank in range(2)]
    assert shares[0].num_batches == shares[1].num_batches
    shared_rows = [set(rows(share)) for share in shares]
    assert len(shared_rows[0] & shared_rows[1]) <= 1  # an odd row counts for both
    assert shared_rows[0] | shared_rows[1] == set(tensors["id"].tolist())


def test_a_limit_is_of_batches(tensors):
    assert [len(b) for b in ids(make_loader(tensors, limit_batches=2))] == [16, 16]


def test_rows_of_like_length_come_together_so_that_padding_is_little(tensors):
    padded = sum(batch["tokens"].numel() for batch in flat(make_loader(tensors)))
    at_random = sum(int(tensors["length"][i : i + 16].max()) * 16 for i in range(0, ROWS, 16))
    assert tensors["length"].sum() > 0.85 * padded
    assert tensors["length"].sum() < 0.75 * at_random


@pytest.mark.slow
@pytest.mark.parametrize("size", [16, 32])
def test_padding_of_the_shipped_texts_stays_below_15_percent(size):
    from lepton import build
    from lepton.config.check import check
    from lepton.config.compose import compose

    data = build.data(check(compose("dataset=vader", "model=text_cnn", f"batch_size={size}")))
    train, blocks = data.splits["train"], data.train_dataloader()
    padded = sum(batch["tokens"].numel() for block in blocks for batch in block)
    assert padded * 0.85 < int(train["length"].sum()) <= padded


def test_evaluation_sees_each_row_once_within_a_number_of_tokens(tensors, monkeypatch):
    monkeypatch.setattr(batch_cutter, "BATCH_BYTES", 200 * STEP_BYTES)
    rows = list(BatchCutter(tensors, KINDS).batch_rows(1))
    assert sorted(torch.cat(rows).tolist()) == list(range(ROWS))
    for chosen in rows:
        assert len(chosen) == 1 or int(tensors["length"][chosen].max()) * len(chosen) <= 200
    options = {"tensors": tensors, "batch_size": 4, "kinds": KINDS}
    batches = list(EvaluationBatches(**options, limit_batches=None))
    assert sorted(i for batch in batches for i in batch["id"].tolist()) == tensors["id"].tolist()
    assert len(list(EvaluationBatches(**options, limit_batches=3))) == 3
    rows_alone = list(BatchCutter(tensors, KINDS).batch_rows(4))
    assert [batch["id"].tolist() for batch in batches] == [
        tensors["id"][chosen].tolist() for chosen in rows_alone
    ]


@pytest.mark.slow
def test_a_batch_of_texts_without_gradients_holds_32768_tokens_as_in_earlier_versions(tensors):
    length = torch.randint(3, 60, (40_000,), generator=torch.Generator().manual_seed(1))
    rows = {"tokens": torch.zeros(40_000, 60, dtype=torch.int32), "length": length}
    order, start, expected = length.argsort(stable=True), 0, []
    while start < len(order):  # row by row
        end = start
        while end < len(order) and (end + 1 - start) * length[order[end]] <= 32_768:
            end += 1
        expected.append(order[start:end].tolist())
        start = end
    assert [chosen.tolist() for chosen in BatchCutter(rows, KINDS).batch_rows(1)] == expected
