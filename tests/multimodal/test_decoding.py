"""Files of dataset=multimodal that are decoded while training: the rows and runs of kept ones."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import build, compose, load_model
from lepton.config.check import check
from lepton.config.identity import run_id
from lepton.dataset.load.file_rows import FileRows, holds_files
from lepton.errors import ConfigError, DataError
from tests.flipped_pictures import choose_flips
from tests.shop_files import SHOP, write_shop
from tests.sound_files import write_tones

DECODED, MAPPED = "dataset.cache_gb=0", "dataset.memory_gb=0"
WAYS = {"by two threads": (DECODED,), "from the cache": (MAPPED,)}
WAYS["by each step"] = (DECODED, "dataset.decoding_threads=0")
SAME = ("predictions/val.parquet", "predictions/test.parquet", "model.safetensors")


@pytest.fixture
def shop(here):
    return write_shop(here)


def data_of(*words):
    return build.data(check(compose(*words)))


def assert_same_rows(kept, decoded):
    assert kept.spec == decoded.spec
    assert [*map(str, kept.notes)] == [*map(str, decoded.notes)]
    for split, rows in kept.splits.items():
        assert holds_files(decoded.splits[split])
        assert rows.keys() == decoded.splits[split].keys()
        for name, tensor in rows.items():
            assert torch.equal(tensor, decoded.splits[split][name]), name
    expected, batches = ([b for x in d.train_dataloader() for b in x] for d in (kept, decoded))
    assert len(expected) == len(batches)
    for one, other in zip(expected, batches, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
        assert not holds_files(other)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_rows_of_which_some_have_no_picture_are_those_that_are_kept(way, shop):
    decoded = data_of(*SHOP, *WAYS[way])
    assert_same_rows(data_of(*SHOP), decoded)
    assert WAYS[way][0] in decoded.streamed_from


@pytest.mark.slow
def test_nothing_that_was_decoded_is_kept_also_where_no_model_reads_it(shop, monkeypatch):
    monkeypatch.setenv("LEPTON_CACHE", "cache")
    data_of(*SHOP, DECODED, "dataset.use=[table]")
    data_of(*SHOP, DECODED)
    assert not Path("cache/pictures").exists()
    data_of(*SHOP)
    assert Path("cache/pictures").exists()


@pytest.mark.slow
def test_runs_are_those_on_kept_files_augmented_as_well(shop, run, fingerprint, monkeypatch):
    choose_flips(monkeypatch)
    words = (*SHOP, "augmentation=flipped", "model.modality_dropout=0.2")
    kept = run(*words)
    assert fingerprint(kept) != fingerprint(run(*SHOP, "model.modality_dropout=0.2"))
    for name, keys in WAYS.items():
        folder = run(*words, *keys, f"study={name.split()[-1]}")
        assert folder.name == kept.name
        assert fingerprint(folder) == fingerprint(kept)
        assert "data: the rows are streamed from" in (folder / "log.txt").read_text()


@pytest.mark.slow
def test_what_would_be_a_stack_trains_one_by_one_and_is_what_runs_alone_are(
    shop, lepton, fingerprint
):
    sweep = ("train", "-m", *SHOP, "seed=0,1", "dataset.use=[image,table]", "trainer.max_epochs=1")
    assert lepton(*sweep, "study=kept", "hydra/launcher=basic")[0] == 0
    code, out, said = lepton(
        *sweep, "study=decoded", DECODED, "hydra/launcher=vectorized", "hydra.launcher.size=2"
    )
    assert code == 0
    assert "one by one, 2 of 2 runs: its data are streamed" in out + said
    for folder in Path("runs/kept").glob("*-s?-*"):
        assert fingerprint(folder) == fingerprint(Path("runs/decoded", folder.name))


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_sounds_beside_pictures_are_those_that_are_kept(way, here):
    pytest.importorskip("soundfile")
    shop = write_shop(here, rows=24)
    write_tones(here / "photos", files=12)
    calls = [f"{kind}/{i}.wav" for i in range(12) for kind in ("high", "low")]
    calls[3] = calls[5] = ""
    shop.assign(call=calls).to_csv("shop.csv", index=False)
    bounds = ("dataset.inputs.audio.seconds=0.2", "dataset.inputs.audio.rate=8000")
    words = (*SHOP, *bounds, "model.encoders.audio.spectrum.bands=8", "batch_size=4")
    for keep in ("true", "false"):
        spectra = f"model.encoders.audio.spectrum.keep={keep}"
        decoded = data_of(*words, spectra, *WAYS[way])
        assert_same_rows(data_of(*words, spectra), decoded)
        kinds = {name for name, t in decoded.splits["train"].items() if isinstance(t, FileRows)}
        assert kinds == {"image", "log_mel" if keep == "true" else "audio"}


@pytest.mark.slow
def test_a_picture_that_goes_or_changes_while_a_model_trains_is_named(shop):
    data = data_of(*SHOP, DECODED)
    Path("photos/1.png").write_bytes(Path("photos/2.png").read_bytes())
    Path("photos/3.png").unlink()
    for row, words in ((1, "1.png: has changed since the data were read"), (3, "no such file")):
        (split,) = [s for s, rows in data.splits.items() if row in rows["id"].tolist()]
        place = (data.splits[split]["id"] == row).nonzero()[0]
        with pytest.raises(DataError, match=rf"photos/{row}\.png: .*{words.split(': ')[-1]}"):
            data.splits[split]["image"][place]


@pytest.mark.slow
def test_pictures_that_cannot_be_decoded_are_named_or_counted_as_where_they_are_kept(shop):
    Path("photos/4.png").write_text("no picture")
    for keys in ((), (DECODED,)):
        with pytest.raises(DataError, match=r"photos/4\.png: .*image\.on_error=skip leaves them"):
            data_of(*SHOP, *keys)
    skips = (*SHOP, "dataset.inputs.image.on_error=skip")
    decoded = data_of(*skips, DECODED)
    assert_same_rows(data_of(*skips), decoded)
    assert sum(len(rows["id"]) for rows in decoded.splits.values()) == len(shop) - 1


@pytest.mark.slow
def test_a_budget_is_no_part_of_a_run_and_asks_for_what_bounds_files(shop):
    keys = [(), (DECODED,), (MAPPED,), ("dataset.cache_gb=3", "dataset.decoding_threads=7")]
    assert len({run_id(check(compose(*SHOP, *more))) for more in keys}) == 1
    assert data_of(*SHOP, "dataset.cache_gb=1").streamed_from is None
    bytes_of_all = 8 * 8 * 3 * (shop["photo"] != "").sum()
    assert data_of(*SHOP, f"dataset.cache_gb={bytes_of_all / 1e9}").streamed_from is None
    assert data_of(*SHOP, f"dataset.cache_gb={(bytes_of_all - 1) / 1e9}").streamed_from
    unbounded = (*SHOP, "dataset.inputs.image.size=null")
    with pytest.raises(DataError, match=r"cache_gb=0: .*give dataset\.inputs\.image\.size$"):
        data_of(*unbounded, DECODED)
    for budget in ("cache_gb", "memory_gb", "decoding_threads"):
        with pytest.raises(ConfigError, match=rf"dataset\.{budget}: -1 is not"):
            check(compose(*SHOP, f"dataset.{budget}=-1"))


@pytest.mark.slow
def test_a_finished_run_on_files_predicts_as_its_table_says(shop, run):
    folder = run(*SHOP, DECODED, "trainer.max_epochs=1")
    written = pd.read_parquet(folder / "predictions" / "test.parquet")
    paths = [f"photos/{name}" if name else None for name in shop["photo"]]
    rows = shop.drop(columns="sold").assign(photo=paths).iloc[written["id"]]
    predicted = load_model(folder).predict_raw(rows)["prediction"]
    np.testing.assert_allclose(predicted, written["prediction"], rtol=1e-5)
