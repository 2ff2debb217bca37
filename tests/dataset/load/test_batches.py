import pytest
import pytorch_lightning as pl
import torch

from lepton.dataset.inputs.table import TableInputs
from lepton.dataset.load import batch_cutter
from lepton.dataset.load.batch_cutter import BATCH_BYTES
from lepton.dataset.load.batches import EvaluationBatches, TrainingBatches
from lepton.dataset.load.epoch_sampler import EpochSampler
from lepton.dataset.load.prediction_batches import prediction_batches


def make_loader(
    rows=100, batch_size=8, seed=0, rank=0, world_size=1, limit_batches=None, batches_per_block=4
):
    tensors = {"num": torch.arange(rows).float().unsqueeze(1) * 10, "id": torch.arange(rows)}
    sampler = EpochSampler(rows=torch.arange(rows), seed=seed, rank=rank, world_size=world_size)
    return TrainingBatches(
        tensors=tensors,
        batch_size=batch_size,
        sampler=sampler,
        limit_batches=limit_batches,
        batches_per_block=batches_per_block,
    )


def ids(loader, epoch=0):
    loader.sampler.set_epoch(epoch)
    return [batch["id"].tolist() for block in loader for batch in block]


def flat(lists):
    return [item for items in lists for item in items]


def test_every_row_is_there_once_an_epoch_with_its_own_values():
    loader = make_loader(rows=99)
    assert sorted(flat(ids(loader))) == list(range(99))
    for block in loader:
        assert all(torch.equal(batch["num"][:, 0], batch["id"] * 10.0) for batch in block)


def test_batches_and_blocks_have_their_sizes_and_the_last_ones_the_rest():
    loader = make_loader(rows=99, batch_size=8, batches_per_block=4)
    assert [len(batch) for batch in ids(loader)] == [8] * 12 + [3]
    assert [len(block) for block in loader] == [4, 4, 4, 1]
    assert (len(loader), loader.num_batches) == (4, 13)


def test_a_last_batch_of_one_row_is_left_out_unless_it_is_the_only_one():
    assert [len(batch) for batch in ids(make_loader(rows=17))] == [8, 8]
    assert [len(batch) for batch in ids(make_loader(rows=1))] == [1]
    assert [len(batch) for batch in ids(make_loader(rows=3, batch_size=1))] == [1, 1, 1]


def test_the_order_is_a_function_of_seed_and_epoch_alone():
    first = [ids(make_loader(), epoch) for epoch in range(3)]
    assert [ids(make_loader(), epoch) for epoch in (2, 0, 1)] == [first[2], first[0], first[1]]
    assert first[0] != first[1] != first[2] != first[0]
    assert ids(make_loader(seed=1)) != first[0]


def test_the_size_of_blocks_does_not_change_the_batches():
    assert ids(make_loader(batches_per_block=1)) == ids(make_loader(batches_per_block=64))


def test_limit_batches_cuts_an_epoch():
    loader = make_loader(limit_batches=5)
    assert ids(loader) == ids(make_loader())[:5]
    assert (len(loader), loader.num_batches) == (2, 5)
    assert len(ids(make_loader(rows=10, limit_batches=5))) == 2


@pytest.mark.parametrize("rows", [100, 101, 96])
def test_processes_share_an_epoch_in_equal_parts(rows):
    shares = [
        flat(ids(make_loader(rows=rows, batch_size=7, rank=r, world_size=4))) for r in range(4)
    ]
    assert len({len(share) for share in shares}) == 1
    together = flat(shares)
    assert set(together) == set(range(rows))
    assert len(together) - rows < 4  # a few rows are repeated to even the shares


def test_in_order_yields_every_row_in_large_batches():
    tensors = {"id": torch.arange(20_000)}
    loader = EvaluationBatches(tensors=tensors, batch_size=32, limit_batches=None)
    assert [len(batch["id"]) for batch in loader] == [8192, 8192, 3616]
    assert torch.equal(torch.cat([batch["id"] for batch in loader]), tensors["id"])
    assert len(list(EvaluationBatches(tensors=tensors, batch_size=32, limit_batches=2))) == 2
    assert len(list(EvaluationBatches(tensors=tensors, batch_size=15_000, limit_batches=None))) == 2


def images(rows):
    """Rows of 602 112 bytes, which are all the same one in memory."""
    return {"image": torch.zeros(1, 3, 224, 224).expand(rows, 3, 224, 224)}


def test_batches_without_gradients_cost_so_many_bytes_at_most():
    wide = images(1000) | {"id": torch.arange(1000)}
    loader = EvaluationBatches(tensors=wide, batch_size=32, limit_batches=None)
    sizes = [len(batch["id"]) for batch in loader]
    assert sizes == [445, 445, 110]
    assert 445 * 602_112 <= BATCH_BYTES < 446 * 602_112
    assert [len(numbers) for numbers, _ in prediction_batches(images(1000))] == sizes
    wide_batches = EvaluationBatches(tensors=wide, batch_size=600, limit_batches=None)
    assert [len(batch["id"]) for batch in wide_batches] == [600, 400]  # as in training


@pytest.mark.parametrize("numbers", [60, 20_000])
def test_batches_of_a_table_have_the_8192_rows_of_earlier_versions(numbers):
    table = {"num": torch.zeros(1, numbers).expand(9000, numbers), "id": torch.arange(9000)}
    loader = EvaluationBatches(
        tensors=table, batch_size=128, limit_batches=None, kinds=[TableInputs]
    )
    assert [len(batch["id"]) for batch in loader] == [8192, 808]


def test_wide_rows_come_in_smaller_blocks_of_the_same_batches(monkeypatch):
    monkeypatch.setattr(batch_cutter, "BATCH_BYTES", 445 * 408)
    sampler = EpochSampler(rows=torch.arange(1000), seed=0, rank=0, world_size=1)
    options = {"batch_size": 40, "sampler": sampler, "limit_batches": None}
    wide = TrainingBatches(
        tensors={"num": torch.zeros(1000, 100), "id": torch.arange(1000)}, **options
    )
    narrow = TrainingBatches(tensors={"id": torch.arange(1000)}, **options)
    assert [(len(block), len(block[0]["id"])) for block in wide] == [(11, 40), (11, 40), (3, 40)]
    assert len(narrow) == 1
    assert ids(wide) == ids(narrow)


class RecordingModule(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.epochs = {}
        self.automatic_optimization = False

    def training_step(self, block, _):
        rows = [batch["id"].tolist() for batch in block]
        self.epochs.setdefault(self.current_epoch, []).extend(rows)

    def configure_optimizers(self):
        return torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=0.1)


def test_lightning_sets_the_epoch_of_the_sampler():
    module, loader = RecordingModule(), make_loader(rows=40)
    trainer = pl.Trainer(max_epochs=3, accelerator="cpu", barebones=True)
    trainer.fit(module, loader)
    assert module.epochs == {epoch: ids(make_loader(rows=40), epoch) for epoch in range(3)}
