"""dataset=multimodal: which columns go to which kind, rows that lack some, and bad input."""

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError, DataError
from lepton.testing import DatasetContract
from tests.shop_files import SHOP, write_shop


@pytest.fixture
def shop(here):
    return write_shop(here)


def data_of(*overrides):
    return build.data(check(compose(*SHOP, *overrides)))


class TestShop(DatasetContract):
    overrides = SHOP

    @pytest.fixture(autouse=True)
    def files(self, here):
        write_shop(here)


@pytest.mark.slow
def test_columns_go_to_the_kinds_that_suit_their_cells(shop):
    data = data_of()
    assert data.spec.num_features == ("price",)
    assert data.spec.cat_features == ("shelf",)
    assert data.spec.text_features == ("note",)
    assert data.spec.inputs["presence"]["kinds"] == ("image", "text")
    notes = [str(note) for note in data.notes]
    assert "column photo: holds images, by its looks (77)" in notes
    assert "column note: holds texts, by its looks (80)" in notes
    assert "column photo: rows without images, kept (13)" in notes


@pytest.mark.slow
def test_a_row_without_inputs_holds_blanks_and_is_marked_and_the_others_hold_their_own(shop):
    data = data_of()
    for rows in data.splits.values():
        has_photo, has_note = rows["present"].T
        ids = rows["id"].numpy()
        assert np.array_equal(has_photo, (shop["photo"] != "")[ids])
        assert np.array_equal(has_note, (shop["note"] != "")[ids])
        assert not rows["image"][~has_photo].any()
        assert rows["image"][has_photo].flatten(1).any(1).all()
        assert (rows["length"][~has_note] == 1).all()
        sold = torch.from_numpy((shop["sold"] == "yes").to_numpy()[ids])
        brightest = rows["image"].float().mean((2, 3)).argmax(1)  # the channel that tells the class
        assert torch.equal(brightest[has_photo] == 1, sold[has_photo])


@pytest.mark.slow
def test_what_is_learned_of_pictures_is_learned_of_those_that_are_there(shop):
    rows = data_of().splits["train"]
    there = rows["image"][rows["present"][:, 0]].double() / 255
    data = data_of()
    expected = there.mean((0, 2, 3))
    assert torch.allclose(torch.tensor(data.spec.inputs["image"]["mean"]), expected.float())


@pytest.mark.slow
@pytest.mark.parametrize("use", ["[table]", "[text]", "[image,text]", "all"])
def test_the_rows_of_the_splits_are_the_same_whatever_is_used(shop, use):
    whole, some = data_of(), data_of(f"dataset.use={use}")
    names = {"table": {"num", "cat"}, "text": {"tokens", "length"}, "image": {"image"}}
    chosen = [*names] if use == "all" else use.strip("[]").split(",")
    expected = set().union(*(names[kind] for kind in chosen))
    for split, rows in some.splits.items():
        assert torch.equal(rows["id"], whole.splits[split]["id"])
        assert {*rows} - {"id", "target", "present"} == expected
        for name in expected:
            assert torch.equal(rows[name], whole.splits[split][name])


@pytest.mark.slow
def test_rows_that_lack_some_inputs_are_dropped_if_asked_also_where_these_are_not_used(shop):
    for use in ("all", "[table]"):
        data = data_of("dataset.absent=drop", f"dataset.use={use}")
        ids = torch.cat([rows["id"] for rows in data.splits.values()]).sort().values
        assert ids.tolist() == [*np.flatnonzero((shop["photo"] != "") & (shop["note"] != ""))]


@pytest.mark.slow
def test_what_is_told_of_a_column_counts(shop):
    data = data_of("dataset.columns={shelf: ignore, photo: ignore, note: categorical}")
    assert data.spec.kinds == ("table",)
    assert data.spec.cat_features == ("note",)


@pytest.mark.slow
def test_json_lines_and_parquet_are_read_as_csv_is(shop):
    rows = data_of().splits["train"]
    shop.replace("", None).to_json("shop.jsonl", orient="records", lines=True)
    shop.replace("", None).to_parquet("shop.parquet")
    for name in ("shop.jsonl", "shop.parquet"):
        others = data_of(f"dataset.path={name}").splits["train"]
        assert all(torch.equal(rows[key], others[key]) for key in ("image", "tokens", "num"))


MISTAKES = {
    "dataset.absent=refuse": "column photo, row 1: empty, where images are (13 such rows in all); "
    "dataset.absent=keep learns what their absence means, drop leaves them out",
    "dataset.root=null": "dataset.root: give the folder that the paths in shop.csv start from, as "
    "dataset.root=. (column 'photo' holds paths)",
    "dataset.columns={price: text, note: ignore}": "column 'price' is not text: 100 % of its cells "
    "are numbers",
    "dataset.columns={price: image, photo: ignore}": "no such file (90 such "
    "images in all); dataset.inputs.image.on_error=skip leaves them out",
    "dataset.columns={note: numeric}": "is not a number; mend it",
    "dataset.columns={photo: picture}": "dataset.columns.photo: 'picture' is no kind of column",
    "dataset.columns={foto: image}": "dataset.columns.foto: no such column; did you mean 'photo'?",
    "dataset.columns={shelf: image}": "shop.csv: columns shelf, photo hold images, and 1 at most "
    "can be used; dataset.columns.photo=ignore leaves one out",
    "dataset.use=[sound]": "dataset.use: 'sound' is no kind of inputs here (image, audio, text, "
    "table)",
    "dataset.use=[]": "dataset.use: [] is neither all nor a list of image, audio, text, table",
    "dataset.use=[image] | dataset.columns={photo: ignore}": "dataset.use: shop.csv holds no "
    "images, but texts and a table; dataset.columns.NAME=image says which column does",
    "dataset.columns={photo: ignore} | model=cnn_small": "shop.csv: holds texts and a table, "
    "and the model reads images",
    "dataset.use=[text] | model=cnn_small": "dataset, model: dataset=multimodal holds texts, and "
    "model=cnn_small reads images",
    "dataset.inputs.image.sise=8": "dataset.inputs.image.sise: ImageInputs has no such key; did "
    "you mean 'size'?",
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_a_line(shop, mistake):
    overrides = mistake.split(" | ")
    base = SHOP[:4] if "model=" in mistake else SHOP
    with pytest.raises((ConfigError, DataError)) as told:
        build.data(check(compose(*base, *overrides)))
    assert MISTAKES[mistake] in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.slow
def test_a_path_that_leads_out_of_the_root_or_to_no_file_is_told_by_name(shop):
    for path, said in (("../shop.csv", "is outside of dataset.root"), ("no.png", "no.png")):
        shop.assign(photo=shop["photo"].where(shop.index != 3, path)).to_csv(
            "shop.csv", index=False
        )
        with pytest.raises(DataError, match=said):
            data_of()


@pytest.mark.slow
def test_a_training_split_without_any_picture_is_refused(shop):
    split = np.where(shop["photo"] != "", "test", np.where(shop.index % 2, "train", "val"))
    split = pd.Series(split).where(shop.index % 7 != 0, ["train", "val"][1])
    split[split.index % 14 == 0] = "train"
    shop.assign(part=split).to_csv("shop.csv", index=False)
    with pytest.raises(DataError, match="the train split has no images"):
        data_of("dataset.split=column", "dataset.split_column=part")
