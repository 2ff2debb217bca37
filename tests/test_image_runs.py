"""Whole runs on images: rebuilt from their folders, alone, in a stack, and tuned further."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lepton import load_model
from lepton.errors import DataError
from tests.picture_files import write_photos

TARGETS = {  # columns of the table of photos, and a folder of classes
    "binary": [],
    "multiclass": ["dataset.target=grade", "dataset.task=multiclass"],
    "multilabel": ["dataset.target=[old,dark]"],
    "regression": ["dataset.target=grade", "dataset.task=regression"],
}
SMALL = (
    *("dataset=image_folder", "dataset.size=8", "model=cnn_small", "model.channels=[4,8]"),
    *("trainer=cpu", "trainer.max_epochs=2", "batch_size=8", "study=pictures"),
)


@pytest.fixture
def photos(here):
    write_photos(here / "photos")
    table = pd.read_csv("photos.csv")
    table.assign(old=table["grade"] % 2, dark=table.index % 2).to_csv("photos.csv", index=False)
    return table


def overrides_of(task):
    if task == "binary":
        return [*SMALL, "dataset.path=photos"]
    table = ["dataset.path=photos.csv", "dataset.root=photos", "dataset.image=file"]
    return [*SMALL, *table, *TARGETS[task]]


@pytest.mark.slow
@pytest.mark.parametrize("task", TARGETS)
def test_a_run_predicts_files_arrays_and_images_as_it_did_its_test_split(task, photos, run):
    folder = run(*overrides_of(task))
    written = pd.read_parquet(folder / "predictions" / "test.parquet")
    paths = [str(Path("photos", photos["file"][row])) for row in written["id"]]
    if task == "binary":  # whose rows are those of the sorted folders
        files = sorted(Path("photos").glob("*/*.png"))
        paths = [str(files[row]) for row in written["id"]]
    images = [Image.open(path) for path in paths]
    model = load_model(folder)
    columns = list(model.predict_raw(paths))
    for inputs in (paths, images, list(map(np.asarray, images))):
        predicted = model.predict_raw(inputs)
        assert predicted.to_numpy() == pytest.approx(written[columns].to_numpy(), abs=1e-6)


@pytest.mark.slow
def test_a_network_without_a_block_is_refused(photos, lepton):
    code, _, said = lepton("train", *overrides_of("binary"), "model.channels=[]")
    line = "lepton: model.channels: [] has no block; one at least, as [32]"
    *told, last = said.splitlines()
    assert (code, last) == (2, line)
    assert all(text.startswith(("rows: ", "target ", "positive ", "data: ")) for text in told)
    assert not Path("runs/pictures").exists() or not [*Path("runs/pictures").glob("*-s0-*")]


@pytest.mark.slow
def test_what_cannot_be_predicted_is_named(photos, run):
    model = load_model(run(*overrides_of("binary")))
    with pytest.raises(DataError, match=r"nowhere\.png: no such file"):
        model.predict_raw(["photos/cat/1.png", "nowhere.png"])
    with pytest.raises(DataError, match="row 1: no picture"):
        model.predict_raw([b"text"])
    with pytest.raises(DataError, match="column 'image' is missing"):
        model.predict_raw(pd.DataFrame({"picture": ["photos/cat/1.png"]}))
    for nothing in ("nowhere.png", 1):
        with pytest.raises(DataError, match="no rows, and no file that is there; give a DataFrame"):
            model.predict_raw(nothing)
    for one in ("photos/cat/1.png", Path("photos/cat/1.png")):
        assert model.predict_raw(one).equals(model.predict_raw([one]))
    with Image.open("photos/cat/1.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert model.predict_raw(pixels).equals(model.predict_raw([pixels]))
    assert len(model.predict_raw(pixels[None])) == 1
    assert len(model.predict_raw(np.stack([pixels[..., 0]] * 2))) == 2
    folder = model.predict(Path("photos/cat"))
    names = sorted(str(path) for path in Path("photos/cat").iterdir())
    assert folder.tolist() == model.predict(names).tolist()


@pytest.mark.slow
def test_stacked_runs_are_those_trained_alone(photos, lepton):
    sweep = ("train", "-m", *overrides_of("binary"), "seed=0,1,2", "trainer.precision=64-true")
    for launcher in ("basic", "vectorized"):
        assert lepton(*sweep, f"study={launcher}", f"hydra/launcher={launcher}")[0] == 0
    alone, stacked = (
        {path.name: pd.read_parquet(path / "predictions" / "test.parquet") for path in runs}
        for runs in (Path("runs/basic").glob("*-s*"), Path("runs/vectorized").glob("*-s*"))
    )
    assert len(alone) == 3
    for name, table in alone.items():
        pd.testing.assert_frame_equal(table, stacked[name], rtol=1e-9)


@pytest.mark.slow
def test_a_head_is_tuned_on_kept_features_and_the_report_shows_pictures(photos, lepton, run):
    source = run(*overrides_of("binary"))
    code, *_ = lepton(
        *("train", *overrides_of("binary"), "finetune=head", f"init_from={source}", "study=tuned")
    )
    assert code == 0
    assert lepton("report", "pictures")[0] == 0
    assert "data:image/png;base64" in Path("reports/pictures/report.html").read_text()
