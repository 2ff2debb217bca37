"""Data sets of the package datasets, from disk; without a network a name is refused in a line."""

import io
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder
from lepton.dataset.load.file_rows import holds_files
from lepton.errors import DataError, LeptonError
from lepton.storage.file_cell import UnreadCell, path_or_bytes

pytestmark = pytest.mark.filterwarnings("ignore:.*unclosed:ResourceWarning")
OVERRIDES = ["dataset=huggingface", "dataset.text=text", "dataset.target=label", "model=text_cnn"]


def read(name, *overrides):
    return build.data(check(compose(*OVERRIDES, f"dataset.name={name}", *overrides)))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    datasets = pytest.importorskip("datasets", reason="needs the package datasets")
    features = datasets.Features(
        text=datasets.Value("string"), label=datasets.ClassLabel(names=["bad", "good"])
    )
    splits = {}
    for name, rows in (("train", range(90)), ("test", range(90, 120))):
        content = {"text": [f"text number {i}" for i in rows], "label": [i % 2 for i in rows]}
        splits[name] = datasets.Dataset.from_dict(content, features=features)
    folder = tmp_path_factory.mktemp("saved")
    datasets.disable_progress_bars()
    datasets.DatasetDict(splits).save_to_disk(folder / "both")
    splits["train"].save_to_disk(folder / "one")
    return folder


def test_a_saved_set_keeps_its_own_test_split_and_the_names_of_its_classes(saved):
    data = read(saved / "both")
    assert data.splits["test"]["id"].tolist() == list(range(90, 120))
    assert data.spec.classes == ("bad", "good")
    train = data.splits["train"]
    assert (train["target"] == train["id"] % 2).all()


@pytest.mark.slow
def test_a_set_without_a_test_split_says_so_and_can_be_divided(saved):
    with pytest.raises(DataError, match=r"no split 'test' \(there are: train\); dataset.test=null"):
        read(saved / "one")
    data = read(saved / "one", "dataset.test=null")
    assert sum(len(tensors["id"]) for tensors in data.splits.values()) == 90


def test_the_run_is_named_by_what_lies_in_the_folder(saved, tmp_path):
    shutil.copytree(saved / "both", tmp_path / "set")
    overrides = [*OVERRIDES, f"dataset.name={tmp_path / 'set'}"]
    first = run_folder(check(compose(*overrides)))
    assert run_folder(check(compose(*OVERRIDES, f"dataset.name={saved / 'both'}"))) == first
    (tmp_path / "set" / "test" / "state.json").write_text("{}")
    assert run_folder(check(compose(*overrides))) != first


def test_a_folder_that_holds_no_set_is_refused(tmp_path):
    pytest.importorskip("datasets", reason="needs the package datasets")
    pd.DataFrame({"x": [1]}).to_csv(tmp_path / "x.csv")
    with pytest.raises(DataError, match=r"dataset=huggingface, .*: not loaded: "):
        read(tmp_path)


def test_a_name_without_a_network_is_refused_in_a_line(monkeypatch):
    datasets = pytest.importorskip("datasets", reason="needs the package datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"dataset=huggingface, no/such: not loaded .*network") as e:
        read("no/such")
    assert "\n" not in str(e.value)


def test_without_the_package_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(LeptonError, match=r"pip install 'lepton-experiments\[text\]'"):
        read("no/such")


@pytest.fixture(scope="module")
def saved_images(tmp_path_factory):
    datasets = pytest.importorskip("datasets", reason="needs the package datasets")
    features = datasets.Features(
        picture=datasets.Image(), label=datasets.ClassLabel(names=["cat", "dog"])
    )
    splits = {}
    for name, rows in (("train", range(40)), ("test", range(40, 60))):
        pixels = [np.full((4, 6), 4 * i, np.uint8) for i in rows]
        content = {"picture": pixels, "label": [i % 2 for i in rows]}
        splits[name] = datasets.Dataset.from_dict(content, features=features)
    folder = tmp_path_factory.mktemp("saved_images")
    datasets.disable_progress_bars()
    datasets.DatasetDict(splits).save_to_disk(folder / "both")
    return folder / "both"


@pytest.mark.slow
def test_images_are_read_from_a_saved_set(saved_images):
    words = ("dataset=huggingface_images", "model=cnn_small", f"dataset.name={saved_images}")
    data = build.data(check(compose(*words, "dataset.image=picture")))
    assert data.spec.classes == ("cat", "dog")
    for rows in data.splits.values():
        assert rows["image"].shape[1:] == (1, 4, 6)
        assert rows["image"][:, 0, 0, 0].tolist() == (4 * rows["id"]).tolist()
        assert rows["target"].tolist() == (rows["id"] % 2).tolist()
    with pytest.raises(DataError, match="column 'image' is missing"):
        build.data(check(compose(*words)))


def pictures_of(folder, *words):
    base = ("dataset=huggingface_images", "model=cnn_small", "dataset.image=picture")
    return build.data(check(compose(*base, f"dataset.name={folder}", *words)))


@pytest.mark.slow
@pytest.mark.parametrize("budget", ["cache_gb", "memory_gb"])
def test_pictures_of_a_set_obey_the_budgets_of_folders(saved_images, budget):
    size = "dataset.size=[4,5]"
    kept, streamed = (
        pictures_of(saved_images, size, *keys) for keys in ((), (f"dataset.{budget}=0",))
    )
    assert f"more than dataset.{budget}=0" in streamed.streamed_from
    assert (kept.spec, [*map(str, kept.notes)]) == (streamed.spec, [*map(str, streamed.notes)])
    for split, rows in kept.splits.items():
        assert holds_files(streamed.splits[split]) == (budget == "cache_gb")
        for name, tensor in rows.items():
            assert torch.equal(tensor, streamed.splits[split][name])
    if budget == "cache_gb":
        with pytest.raises(DataError, match=r"cache_gb=0: .*give dataset\.size$"):
            pictures_of(saved_images, "dataset.cache_gb=0")


def test_files_of_a_set_stay_in_its_arrow_file_until_they_are_asked_for(saved_images):
    datasets = pytest.importorskip("datasets", reason="needs the package datasets")
    data = pictures_of(saved_images)
    frame, test = data.read()
    stored = datasets.load_from_disk(saved_images)
    assert frame.columns.tolist() == ["picture", "label"]
    for rows, split in ((frame, "train"), (test, "test")):
        expected = stored[split].to_pandas()["picture"]
        assert all(isinstance(cell, UnreadCell) for cell in rows["picture"])
        assert [path_or_bytes(cell) for cell in rows["picture"]] == [c["bytes"] for c in expected]


@pytest.mark.slow
@pytest.mark.parametrize("keys", [(), ("dataset.cache_gb=0",)])
def test_a_picture_of_a_set_that_cannot_be_decoded_is_named_or_counted(tmp_path, keys):
    datasets = pytest.importorskip("datasets", reason="needs the package datasets")
    picture = io.BytesIO()
    Image.new("L", (6, 4)).save(picture, "PNG")
    cells = [{"bytes": picture.getvalue(), "path": None}] * 20
    cells[4] = {"bytes": b"no picture", "path": None}
    cells[9] = {"bytes": b"none either", "path": "ninth.png"}
    content = {"picture": cells, "label": [i % 2 for i in range(20)]}
    features = datasets.Features(picture=datasets.Image(), label=datasets.Value("int64"))
    datasets.Dataset.from_dict(content, features=features).save_to_disk(tmp_path / "set")
    words = (tmp_path / "set", "dataset.test=null", "dataset.duplicates=keep", "dataset.size=4")
    skip = "dataset.on_error=skip"
    with pytest.raises(DataError, match=rf"^row 5: .*\(2 such images in all\); {skip}"):
        pictures_of(*words, *keys)
    data = pictures_of(*words, *keys, skip)
    assert sum(len(rows["id"]) for rows in data.splits.values()) == 18
    assert any("row dropped; the first: row 5" in str(note) for note in data.notes)
