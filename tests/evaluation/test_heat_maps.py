"""Heat maps: runs on good parts from end to end, their page, and the pictures in it."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lepton import load, load_model, train
from lepton.config.compose import compose
from lepton.errors import LeptonError
from lepton.image.heat_map import HeatFigure, heat_page, heat_picture
from tests.picture_files import SMALL_BACKBONE

OPTIONS = ("dataset=digits", "task=anomaly", "task.normal=3", "study=parts")
MODEL = ("model=patch_memory", "model.patches=100", "model.choice=random", *SMALL_BACKBONE)


def shown(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def test_the_hottest_place_is_brightest_and_a_cold_one_is_the_picture():
    pixels = np.full((1, 8, 8), 90, np.uint8)
    heat = np.zeros((4, 4))
    heat[3, 0] = 2.0
    both = shown(heat_picture(pixels, heat, hottest=2.0))
    side = both.shape[0]
    assert both.shape == (side, 2 * side + 4, 3)
    assert (both[:, :side] == 90).all()
    right = both[:, side + 4 :]
    assert right[-1, 0].min() > 120
    assert (right[0, -1] == 90).all()


def test_coloured_and_transparent_pictures_and_maps_without_heat_are_shown():
    for channels in (1, 3, 4):
        pixels = np.random.default_rng(0).integers(0, 256, (channels, 5, 9), dtype=np.uint8)
        both = shown(heat_picture(pixels, np.zeros((2, 3)), hottest=0.0))
        width = (both.shape[1] - 4) // 2
        assert (both[:, :width] == both[:, width + 4 :]).all()


def test_words_of_a_page_are_no_markup():
    page = heat_page("<b>", "x", [("y", [HeatFigure(b"png", "<script>alert(1)</script>")])])
    assert "<script>" not in page
    assert "&lt;b&gt;" in page


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run with its heat maps, and the folder that it was made in."""
    folder = tmp_path_factory.mktemp("parts")
    maps = ("evaluation=heat_maps", f"evaluation.heat_maps.folder={folder}/maps")
    count = "evaluation.heat_maps.count=2"
    return train(compose(*OPTIONS, *MODEL, *maps, count, f"runs={folder}")), folder


@pytest.mark.slow
def test_a_run_on_good_parts_is_scored_stored_loaded_and_listed(run):
    result, folder = run
    assert result.metrics["test/auroc"] > 0.9
    assert result.metrics["val/false_alarm_rate"] <= 0.05
    assert result.score == result.metrics["val/auroc"]
    low, rate, high = (
        result.metrics[f"test/false_alarm_rate{end}"] for end in ("_low", "", "_high")
    )
    assert low <= rate <= high
    [row] = load(folder / "parts").to_dict("records")
    assert row["alarm/limit"] == result.added["alarm"]["limit"] > 0
    assert row["test/detection_rate"] == result.metrics["test/detection_rate"]
    assert not row["larger_is_better/false_alarm_rate"]
    place = folder / "parts" / result.run
    stored = pd.read_parquet(place / "predictions" / "test.parquet")
    assert set(stored["target"]) == {0.0, 1.0}
    pixels = np.zeros((8, 8), np.uint8)
    alarm = load_model(place).predict_raw([pixels])["prediction"][0]
    assert alarm > 1  # a black picture is no 3


@pytest.mark.slow
def test_its_heat_maps_stand_in_a_page_and_in_its_folder(run):
    result, folder = run
    page = Path(folder, "maps", f"{result.run}.html").read_text()
    place = folder / "parts" / result.run
    table = pd.read_parquet(place / "evaluation" / "heat_maps" / "heat_maps.parquet")
    assert len(table) == result.metrics["test@heat_maps/shown"]
    assert page.count("<img") >= len(table)
    assert "Missed: not 3 without an alarm" in page
    stored = pd.read_parquet(place / "predictions" / "test.parquet")
    scores = stored.set_index("id")["prediction"]
    assert table["prediction"].max() == scores.max()
    assert scores[table["id"]].tolist() == pytest.approx(table["prediction"].tolist(), rel=1e-5)
    assert all(shown(picture).ndim == 3 for picture in table["picture"])


def test_other_models_have_none(tmp_path):
    options = ("dataset=digits", "model=cnn_small", "model.channels=[2]", "trainer=smoke")
    with pytest.raises(LeptonError, match="makes no heat maps"):
        train(compose(*options, "evaluation=heat_maps", f"runs={tmp_path}", "study=x"))
