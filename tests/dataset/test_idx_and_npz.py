"""Files of small images as public sets have them."""

import gzip
import shutil
import struct
import zipfile

import numpy as np
import pytest
import torch
from hydra.utils import get_class

from lepton.dataset.digits import Digits
from lepton.dataset.load.file_rows import holds_files
from lepton.dataset.read import stored_array
from lepton.dataset.read.idx_file import DTYPES, idx_head, read_idx
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
        (
            {"b": IMAGES[10], "a": IMAGES[10]},
            r"no arrays train_images and train_labels or x_train and y_train \(there are: a, b\)",
        ),
        ({"x_train": IMAGES[10], "y_train": LABELS[12]}, r"shape \(12,\), and x_train 10 images"),
        ({"x_train": np.array([{}]), "y_train": LABELS[10]}, "cannot be read"),
        ({"x_train": np.array(3), "y_train": LABELS[10]}, r"the shape \(\) has no rows"),
    ],
)
def test_an_archive_of_other_arrays_is_named(tmp_path, arrays, words):
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(DataError, match=rf"set\.npz: .*{words}"):
        data_of("npz", tmp_path / "set.npz")


@pytest.mark.parametrize("memory_gb", [None, 0])
def test_an_archive_whose_head_counts_backwards_is_named(memory_gb, tmp_path):
    head = {"shape": (-1, 28, 28), "fortran_order": False, "descr": "|u1"}
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        with archive.open("x_train.npy", "w") as file:
            np.lib.format.write_array_header_1_0(file, head)
            file.write(IMAGES[10].tobytes())
        with archive.open("y_train.npy", "w") as file:
            np.save(file, LABELS[10])
    with pytest.raises(DataError, match=r"set\.npz: .*\(-1, 28, 28\) has no rows"):
        data_of("npz", tmp_path / "set.npz", memory_gb=memory_gb)


def test_an_archive_with_a_password_is_named(archive):
    content = bytearray(archive.read_bytes())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = -1
        while (place := content.find(signature, place + 1)) >= 0:
            content[place + flags] |= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read \(.*password required"):
        data_of("npz", archive)


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


BUDGETS = {"as they are": "memory_gb", "smaller": "memory_gb", "smaller, on the disk": "cache_gb"}


@pytest.mark.slow
@pytest.mark.parametrize("case", BUDGETS)
@pytest.mark.parametrize("name", ["idx", "npz"])
def test_arrays_above_a_budget_are_cut_by_batch_to_the_rows_that_are_kept(name, case, request):
    path = request.getfixturevalue({"idx": "folder", "npz": "archive"}[name])
    size = {} if case == "as they are" else {"size": [6, 5]}
    kept, cut = (data_of(name, path, **size, **more) for more in ({}, {BUDGETS[case]: 0}))
    assert kept.streamed_from is None
    assert f"more than dataset.{BUDGETS[case]}=0" in cut.streamed_from
    assert (kept.spec, [*map(str, kept.notes)]) == (cut.spec, [*map(str, cut.notes)])
    for split, rows in kept.splits.items():
        assert holds_files(cut.splits[split])
        for tensor, values in rows.items():
            assert torch.equal(values, cut.splits[split][tensor])
    blocks = ([b for block in data.train_dataloader() for b in block] for data in (kept, cut))
    for one, other in zip(*blocks, strict=True):
        assert torch.equal(one["image"], other["image"])


def test_an_array_of_the_shape_that_is_asked_for_takes_nothing_of_the_disk(archive, monkeypatch):
    monkeypatch.setenv("LEPTON_CACHE", str(archive.parent / "cache"))
    assert data_of("npz", archive, cache_gb=0).streamed_from is None
    assert not (archive.parent / "cache").exists()


def test_only_what_is_packed_is_unpacked_and_once(folder, monkeypatch):
    cache = folder / "cache"
    monkeypatch.setenv("LEPTON_CACHE", str(cache))
    data_of("idx", folder, memory_gb=0)
    entries = {path: path.stat().st_mtime_ns for path in cache.rglob("array.npy")}
    assert len(entries) == 2
    data_of("idx", folder, memory_gb=0)
    assert entries == {path: path.stat().st_mtime_ns for path in cache.rglob("array.npy")}
    shutil.rmtree(cache)
    for packed in folder.glob("*.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    data_of("idx", folder, memory_gb=0)
    assert not [*cache.rglob("array.npy")]


@pytest.mark.parametrize("packs", [False, True])
@pytest.mark.parametrize("dtype", [">u1", ">i1", ">i2", ">i4", ">f4", ">f8"])
def test_a_mapped_idx_file_holds_the_numbers_that_are_read(dtype, packs, tmp_path, monkeypatch):
    monkeypatch.setattr(stored_array, "BLOCK_BYTES", 64)
    numbers = np.arange(-40, 80).reshape(8, 3, 5).astype(dtype)
    code = next(code for code, name in DTYPES.items() if name == dtype)
    content = struct.pack(">BBBB3I", 0, 0, code, 3, 8, 3, 5) + numbers.tobytes()
    path = tmp_path / "numbers"
    path.write_bytes(gzip.compress(content) if packs else content)
    mapped = idx_head(path).mapped()
    assert np.array_equal(mapped, numbers)
    assert np.array_equal(read_idx(path), numbers)
    assert mapped.dtype.isnative


MISTAKES = {
    "cut short": (lambda packed: packed[:-60], "cannot be read|cut short"),
    "too long": (lambda packed: gzip.compress(gzip.decompress(packed) + b"x"), "is cut short or"),
    "no file of images": (lambda packed: gzip.compress(b"PK something"), "is no IDX file"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_damaged_packed_file_is_named_where_it_would_be_mapped(mistake, folder):
    damage, words = MISTAKES[mistake]
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=rf"{path}: .*({words})"):
        data_of("idx", folder, memory_gb=0)


def test_budgets_that_an_archive_cannot_keep_are_told(archive):
    with pytest.raises(DataError, match=r"set\.npz: is packed; .*more than dataset\.cache_gb=0; "):
        data_of("npz", archive, memory_gb=0, cache_gb=0)
    by_column = {
        name: np.asfortranarray(IMAGES[n]) for name, n in (("x_train", 40), ("x_test", 10))
    }
    np.savez(archive, **by_column, y_train=LABELS[40], y_test=LABELS[10])
    split = {"split": "random", "split_column": None}
    assert torch.equal(
        data_of("npz", archive, **split).splits["test"]["image"][:, 0], torch.tensor(IMAGES[10])
    )
    with pytest.raises(DataError, match=r"set\.npz: x_train is stored by column"):
        data_of("npz", archive, memory_gb=0, **split)


def test_an_array_that_changes_while_a_model_trains_is_told(folder):
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(idx_bytes(IMAGES[40]))
    data = data_of("idx", folder, memory_gb=0)
    with path.open("rb+") as file:
        file.seek(16)
        file.write(bytes(IMAGES[40].nbytes))
    with pytest.raises(DataError, match=r"^row \d+: has changed since the data were read"):
        data.splits["train"]["image"][:3]
