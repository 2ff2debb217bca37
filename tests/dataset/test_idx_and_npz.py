"""Files of small images as public sets have them."""

import gzip
import struct

import numpy as np
import pytest
from hydra.utils import get_class

from lepton.dataset.digits import Digits
from lepton.errors import DataError
from tests.dataset.quick_data import options_of
from tests.picture_files import IMAGES, LABELS, idx_bytes, write_idx, write_npz


def data_of(name, path, **settings):
    values = options_of(name, "_image") | {"path": str(path), "target": "label"} | settings
    data = get_class(values.pop("_target_"))(**values)
    data.setup()
    return data


@pytest.fixture
def folder(tmp_path):
    write_idx(tmp_path)
    return tmp_path


@pytest.fixture
def archive(tmp_path):
    write_npz(tmp_path / "set.npz")
    return tmp_path / "set.npz"


def test_the_test_files_of_idx_are_the_test_split(folder):
    data = data_of("idx", folder, class_names=["a", "b"])
    assert data.spec.classes == ("a", "b")
    test = data.splits["test"]
    order = test["id"].argsort()
    assert np.array_equal(test["image"][order][:, 0], IMAGES[12])
    assert np.array_equal(test["target"][order], LABELS[12])
    assert len(data.splits["train"]["id"]) + len(data.splits["val"]["id"]) == 40


def test_the_splits_of_an_archive_are_its_own(archive):
    data = data_of("npz", archive)
    for split, n in (("train", 40), ("val", 12), ("test", 10)):
        assert np.array_equal(data.splits[split]["image"][:, 0], IMAGES[n])
        assert np.array_equal(data.splits[split]["target"], LABELS[n])


def test_an_archive_without_val_says_how_to_split_it(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, x_train=IMAGES[40], y_train=LABELS[40], x_test=IMAGES[10], y_test=LABELS[10])
    with pytest.raises(DataError, match=r"dataset\.split=stratified"):
        data_of("npz", path)
    data = data_of("npz", path, split="stratified", split_column=None)
    assert np.array_equal(data.splits["test"]["image"][:, 0], IMAGES[10])
    assert len(data.splits["train"]["id"]) + len(data.splits["val"]["id"]) == 40


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no IDX file"),
        (b"PK\3\4 something", "is no IDX file"),
        (idx_bytes(IMAGES[40])[:-1], "is cut short or damaged"),
        (idx_bytes(IMAGES[40]) + b"x", "is cut short or damaged"),
        (gzip.compress(idx_bytes(IMAGES[40]))[:-60], "cannot be read"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 2**31, 2**31), r"cut short|cannot be read"),
        (struct.pack(">BBBB", 0, 0, 8, 200), "200 axes"),
        (idx_bytes(IMAGES[12]), r"\(40,\) labels for the 12 images"),
    ],
)
def test_a_damaged_idx_file_is_named(folder, content, words):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"train-.*{words}"):
        data_of("idx", folder)


def test_a_missing_idx_file_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="has no file t10k-labels-idx1-ubyte or t10k"):
        data_of("idx", folder)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": IMAGES[10]}, "has no arrays train_images and train_labels"),
        ({"x_train": IMAGES[10], "y_train": LABELS[12]}, r"shape \(12,\), and x_train 10 images"),
        ({"x_train": np.array([{}]), "y_train": LABELS[10]}, "cannot be read"),
    ],
)
def test_an_archive_of_other_arrays_is_named(tmp_path, arrays, words):
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(DataError, match=rf"set\.npz: .*{words}"):
        data_of("npz", tmp_path / "set.npz")


def test_a_file_that_is_no_archive_is_named(tmp_path):
    np.save(tmp_path / "one.npy", IMAGES[10])
    with pytest.raises(DataError, match=r"one\.npy: is no npz file"):
        data_of("npz", tmp_path / "one.npy")


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    values = options_of("digits", "_image") | {"target": "digit"}
    values.pop("_target_")
    frame, _ = Digits(**values).read()
    images = load_digits().images
    assert len(frame) == len(images)
    pixels = np.stack(frame["image"])
    assert pixels.max() == 255
    assert np.abs(pixels / 255 * 16 - images).max() < 0.04
