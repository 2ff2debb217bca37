"""Folders and tables of image files, and what is wrong with them."""

import os

import numpy as np
import pandas as pd
import pytest
import torch
from hydra.utils import get_class
from PIL import Image

from lepton.errors import DataError
from tests.dataset.quick_data import options_of
from tests.picture_files import draw, write_photos


@pytest.fixture
def folder(tmp_path):
    write_photos(tmp_path / "set")
    return tmp_path / "set"


def data_of(path, **settings):
    defaults = {"path": str(path), "target": "label", "size": 8, "max_pixels": 10_000}
    values = options_of("image_folder", "_image") | defaults | settings
    data = get_class(values.pop("_target_"))(**values)
    data.setup()
    return data


def notes_of(data):
    return "\n".join(map(str, data.notes))


def test_a_split_holds_the_pixels_of_its_files(folder):
    data = data_of(folder)
    table, _ = data.read()
    assert data.spec.classes == ("cat", "dog")
    for rows in data.splits.values():
        for pixels, row, target in zip(rows["image"], rows["id"], rows["target"], strict=True):
            path = table["image"][int(row)]
            expected = np.asarray(Image.open(path)).transpose(2, 0, 1)
            assert np.array_equal(pixels, expected)
            assert data.spec.classes[int(target)] in path


def test_mean_and_deviation_are_those_of_the_training_pixels(folder):
    data = data_of(folder)
    pixels = data.splits["train"]["image"].double() / 255
    fields = data.spec.inputs["image"]
    assert fields["mean"] == pytest.approx(pixels.mean((0, 2, 3)).tolist(), rel=1e-12)
    std = pixels.std((0, 2, 3), correction=0)
    assert fields["std"] == pytest.approx(std.tolist(), rel=1e-12)


@pytest.mark.slow
def test_pictures_are_decoded_once(folder, monkeypatch):
    first = data_of(folder)
    monkeypatch.setattr("lepton.image.picture_reader.decode_into", None)
    second = data_of(folder)
    assert torch.equal(first.splits["train"]["image"], second.splits["train"]["image"])
    assert notes_of(first) == notes_of(second)
    draw(folder / "cat" / "0.png", 999)
    with pytest.raises(TypeError):
        data_of(folder)


def test_streamed_rows_are_those_in_memory(folder):
    whole, streamed = data_of(folder), data_of(folder, memory_gb=1e-9)
    assert streamed.streamed_from
    for split, rows in whole.splits.items():
        for name, tensor in rows.items():
            assert torch.equal(tensor, streamed.splits[split][name])
    assert whole.spec == streamed.spec


@pytest.mark.slow
def test_a_table_names_paths_and_several_labels(folder):
    rows = [(f"cat/{i}.png", i % 2, (i // 2) % 2) for i in range(12)]
    table = folder.parent / "t.csv"
    pd.DataFrame(rows, columns=["file", "red", "blue"]).to_csv(table, index=False)
    data = data_of(table, root=str(folder), image="file", target=["red", "blue"])
    assert data.spec.task == "multilabel"
    for row, target in zip(data.splits["train"]["id"], data.splits["train"]["target"], strict=True):
        assert target.tolist() == list(rows[int(row)][1:])


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("../other.png", r"t\.csv, row 3: '\.\./other\.png' is outside of dataset\.root"),
        ("/etc/passwd", "row 3: '/etc/passwd' is outside"),
        ("", "row 3: column 'file' holds no path"),
        ("cat/none.png", r"cat/none\.png: no such file"),
    ],
)
def test_a_path_that_cannot_be_used_is_named(folder, cell, words):
    rows = [(cell if i == 2 else f"cat/{i}.png", i % 2) for i in range(12)]
    table = folder.parent / "t.csv"
    pd.DataFrame(rows, columns=["file", "y"]).to_csv(table, index=False)
    with pytest.raises(DataError, match=words):
        data_of(table, root=str(folder), image="file", target="y")


def test_files_that_cannot_be_read_are_named_or_skipped_and_counted(folder):
    (folder / "cat" / "3.png").write_text("no picture")
    content = (folder / "dog" / "4.png").read_bytes()
    (folder / "dog" / "4.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"cat/3\.png: no picture.*2 such images.*on_error=skip"):
        data_of(folder)
    data = data_of(folder, on_error="skip")
    assert sum(len(rows["id"]) for rows in data.splits.values()) == 22
    assert "cat/3.png: no picture that can be read (empty, or of another kind) (2)" in notes_of(
        data
    )


@pytest.mark.slow
def test_images_of_several_sizes_need_a_size(folder):
    draw(folder / "dog" / "5.png", 5, size=(9, 20))
    with pytest.raises(DataError, match=r"dog/5\.png has 9 x 20; give dataset\.size"):
        data_of(folder, size=None)
    assert data_of(folder, size=[4, 6]).splits["val"]["image"].shape[1:] == (3, 4, 6)
    assert "sides from 8 to 20 pixels, scaled and cropped to 8 x 8 (1)" in notes_of(data_of(folder))


@pytest.mark.slow
def test_grey_images_have_one_channel_but_not_among_coloured_ones(folder):
    write_photos(folder, depth=1)
    assert data_of(folder).spec.inputs["image"]["channels"] == 1
    draw(folder / "dog" / "5.png", 5)
    data = data_of(folder)
    assert data.spec.inputs["image"]["channels"] == 3
    assert "grey images, made images of colours (23)" in notes_of(data)


def test_the_same_pixels_in_two_splits_are_dropped_from_training(folder):
    for i in range(6):
        pixels = Image.open(folder / "cat" / f"{i}.png")
        pixels.save(folder / "dog" / f"same{i}.bmp")
    data = data_of(folder)
    keys = {
        split: {row.numpy().tobytes() for row in rows["image"]}
        for split, rows in data.splits.items()
    }
    assert not keys["train"] & (keys["val"] | keys["test"])
    assert "images that stand under several classes (12)" in notes_of(data)


def test_folders_that_are_no_classes_are_refused(folder, tmp_path):
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=r"set/empty: no image in the folder of this class"):
        data_of(folder)
    with pytest.raises(DataError, match="two at least; it has one folder, set"):
        data_of(tmp_path)
    nested = tmp_path / "both"
    for split in ("train", "test"):
        draw(nested / split / "cat" / "1.png", 1)
    with pytest.raises(DataError, match=r"are splits, not classes; give dataset\.path=\S+train"):
        data_of(nested)


@pytest.mark.slow
def test_other_files_are_left_out_and_counted(folder):
    (folder / "cat" / "list.txt").write_text("x")
    (folder / "read.me").write_text("x")
    (folder / "cat" / ".hidden").write_text("x")
    assert "left out; the first: read.me (2)" in notes_of(data_of(folder))


@pytest.mark.parametrize("size", [0, -1, [], [8], [8, 0], [1, 2, 3]])
def test_a_size_of_no_pixels_is_refused(folder, size):
    with pytest.raises(DataError, match=r"dataset\.size=.* in pixels from 1 on"):
        data_of(folder, size=size)


@pytest.mark.slow
def test_a_row_without_a_path_and_links_that_lead_nowhere_are_skipped_and_counted(folder):
    rows = [(f"cat/{i}.png", i % 2) for i in range(12)]
    (folder / "round.png").symlink_to(folder / "round.png")
    (folder / "nowhere.png").symlink_to(folder / "none.png")
    cells = ["", "  ", "round.png", "nowhere.png", "cat", "a\nb.png"]
    table = folder.parent / "t.csv"
    frame = pd.DataFrame([*rows, *((cell, 0) for cell in cells)], columns=["file", "y"])
    frame.to_csv(table, index=False)
    words = {"root": str(folder), "image": "file", "target": "y"}
    with pytest.raises(DataError, match=r"row 13: column 'file' holds no path \(2 such rows"):
        data_of(table, **words)
    assert "row 13: holds no picture (6)" in notes_of(data_of(table, on_error="skip", **words))
    reasons = ("cannot be opened", "no such file", "is no file", "no such file")
    for cell, reason in zip(cells[2:], reasons, strict=True):
        pd.DataFrame([*rows, (cell, 0)], columns=["file", "y"]).to_csv(table, index=False)
        name = cell.replace("\n", r"\\n")
        with pytest.raises(DataError, match=rf"{name}: {reason}"):
            data_of(table, **words)


def test_what_is_called_as_a_picture_and_is_no_file_is_told_or_skipped(folder):
    (folder / "cat" / "round.png").symlink_to(folder / "cat" / "round.png")
    (folder / "cat" / "nowhere.png").symlink_to(folder / "none.png")
    os.mkfifo(folder / "cat" / "pipe.png")
    with pytest.raises(DataError, match=r"cat/nowhere\.png: no such file \(3 such images in all\)"):
        data_of(folder)
    assert "cat/nowhere.png: no such file (3)" in notes_of(data_of(folder, on_error="skip"))


def test_a_class_that_is_a_link_to_a_folder_is_refused(folder):
    (folder / "bird").symlink_to(folder / "cat")
    with pytest.raises(DataError, match="set/bird: a link to a folder, whose files are no part"):
        data_of(folder)


def test_a_name_that_is_no_utf8_is_refused(folder):
    (folder / "cat" / os.fsdecode(b"\xff.png")).write_bytes(b"")
    with pytest.raises(DataError, match=r"cat/\\udcff\.png: the name is no UTF-8; rename it"):
        data_of(folder)


@pytest.mark.slow
def test_a_table_in_another_encoding_is_that_of_its_files(tmp_path):
    names = [f"größe {number}.png" for number in range(12)]
    for number, name in enumerate(names):
        draw(tmp_path / name, number)
    table = pd.DataFrame({"image": names, "label": ["füchse", "hunde"] * 6})
    for encoding in ("utf-8", "cp1252", "utf-16"):
        table.to_csv(tmp_path / f"{encoding}.csv", index=False, encoding=encoding)
        path, root = tmp_path / f"{encoding}.csv", str(tmp_path)
        data = data_of(path, root=root, encoding=encoding)
        assert data.spec.classes == ("füchse", "hunde")
        assert [os.path.basename(p) for p in data.read()[0]["image"]] == names
    with pytest.raises(DataError, match=r"not utf-8.*dataset\.encoding=cp1252"):
        data_of(tmp_path / "cp1252.csv", root=str(tmp_path))
