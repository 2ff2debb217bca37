"""`lepton explain`: what moved a network's outputs, held against closed forms and made pictures."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from lepton import load_model
from lepton.dataset.inputs.kind import InputKind
from lepton.dataset.inputs.table import TableInputs
from lepton.dataset.load.batch_cutter import BatchCutter
from lepton.explain.attributing import ExplainedOutput, integrated_gradients, map_layer
from lepton.explain.input_leaves import find_leaves
from lepton.spec import QUANTILE_LEVELS, UNSEEN_CODE
from tests.picture_files import write_photos

pytest.importorskip("captum")
SHORT = ("trainer=cpu", "optimizer.lr=0.03", "trainer.max_epochs=2", "study=explained")
CORNER, ROWS = slice(0, 3), 160  # of rows and columns of pixels
PICTURES = (
    *("dataset=npz", "dataset.path=corners.npz", "model=cnn_small", "model.channels=[8]"),
    *("trainer=cpu", "trainer.max_epochs=12", "optimizer.lr=0.03", "study=explained"),
)


def write_corners(path):
    """Noise, whose class 1 has three by three bright pixels in the upper left corner."""
    draw = np.random.default_rng(0)
    labels = np.arange(ROWS, dtype=np.uint8) % 2
    images = draw.integers(0, 60, (ROWS, 9, 9), dtype=np.uint8)
    images[labels == 1, CORNER, CORNER] = 250
    parts = {"train": slice(0, 100), "val": slice(100, 130), "test": slice(130, ROWS)}
    arrays = {}
    for split, rows in parts.items():
        arrays |= {f"{split}_images": images[rows], f"{split}_labels": labels[rows, None]}
    np.savez(path, **arrays)


def write_loans(path):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "income": draw.normal(size=200),
            "age": draw.integers(18, 80, 200),
            "town": draw.choice(["Bonn", "Köln", "<Ulm>"], 200),
            "house": draw.choice(["own", "rent"], 200),
        }
    )
    frame["late"] = np.where(frame["income"] + (frame["town"] == "Bonn") > 0.4, "yes", "no")
    frame.to_csv(path, index=False)


LOANS = ("dataset=csv", "dataset.path=loans.csv", "dataset.target=late")


@pytest.fixture
def loans_run(here, run_once):
    """A run of some model on the loans."""
    write_loans(here / "loans.csv")
    return lambda *words: run_once(*LOANS, *SHORT, *words)


def explained(lepton, folder, *words):
    """The page and the table of a run."""
    code, out, said = lepton("explain", str(folder), *words)
    assert (code, said) == (0, "")
    page, table = out.splitlines()[-2:]
    return Path(page).read_text(), pd.read_parquet(table)


def files_of(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.slow
def test_of_a_linear_model_an_attribution_is_weight_times_what_is_beyond_neutral(loans_run, lepton):
    folder = loans_run("model=linear")
    before = files_of(folder)
    page, table = explained(lepton, folder, "samples=8")
    assert files_of(folder) == before
    model = load_model(folder)
    network, spec = model.learner.model, model.spec
    rows = pd.read_csv("loans.csv").loc[table["id"].unique()]
    inputs = model.encode(rows)
    median = torch.tensor(spec.quantiles)[:, QUANTILE_LEVELS // 2]
    numbers = (inputs["num"] - median) * network.weight[0]
    codes = inputs["cat"] + network.starts
    neutral = network.table[network.starts + UNSEEN_CODE, 0]
    categories = network.table[codes, 0] - neutral
    expected = torch.cat([numbers, categories], 1).detach().numpy()
    found = table.pivot(index="id", columns="part", values="attribution").loc[rows.index]
    names = [*spec.num_features, *spec.cat_features]
    np.testing.assert_allclose(found[names].to_numpy(), expected, atol=1e-6)
    assert np.abs(expected).max() > 0.01
    assert "<Ulm>" not in page


SMALL = {  # networks on tables, with what makes them small
    "mlp_small": [],
    "resnet": [],
    "ft_transformer": [],
    "tabm": ["model.k=3", "model.width=8", "model.blocks=1"],
}


@pytest.mark.slow
@pytest.mark.parametrize("model", SMALL)
def test_attributions_sum_to_the_difference_from_the_neutral_input(model, loans_run, lepton):
    folder = loans_run(f"model={model}", *SMALL[model])
    page, table = explained(lepton, folder, "samples=4", "steps=100")
    sums = table.groupby("id")["attribution"].sum()
    model = load_model(folder)
    (kind,), network = model.inputs, model.learner.model.eval()
    batch = model.encode(pd.read_csv("loans.csv").loc[sums.index])
    neutral = {**batch, **kind.neutral(batch, model.spec)}
    with torch.no_grad():
        logits, neutral_logits = (network(rows).reshape(4, -1).mean(1) for rows in (batch, neutral))
    expected = (logits - neutral_logits).numpy()
    np.testing.assert_allclose(sums, expected, atol=0.02 * np.abs(expected).max() + 1e-4)
    assert np.abs(expected).max() > 0.01
    assert "the sums of these rows are off by at most" in page


@pytest.fixture
def pictures_run(here, run_once):
    write_corners(here / "corners.npz")
    return run_once(*PICTURES)


@pytest.mark.slow
def test_a_picture_whose_class_a_corner_decides_lights_that_corner(pictures_run, lepton):
    page, table = explained(lepton, pictures_run, "samples=10", "towards=actual")
    assert len(re.findall("data:image/png;base64", page)) == 3 * 10
    for row, pixels in table.groupby("id"):
        weights = pixels.pivot(index="y", columns="x", values="attribution").to_numpy()
        assert weights.shape == (9, 9)
        if row % 2 == 0:  # class 0 has no bright corner
            continue
        assert weights[CORNER, CORNER].sum() > 0.6 * np.abs(weights).sum()
        cam = pixels.pivot(index="y", columns="x", values="grad_cam").to_numpy()
        y, x = np.unravel_index(cam.argmax(), cam.shape)
        assert max(y, x) < 4
        assert cam[:3, :3].mean() > 4 * cam[5:, 5:].mean()
    assert (table["id"] % 2 == 1).any()


class Stages(nn.Module):
    """Convolutions whose maps have half the sides of those before."""

    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList(nn.Conv2d(1, 1, 2, stride=2) for _ in range(3))

    def forward(self, batch):
        values = batch["image"].float()
        for stage in self.stages:
            values = stage(values)
        return values.flatten(1)[:, :1]


@pytest.mark.parametrize(
    ("side", "least", "layer"),
    [(32, 7, "stages.1"), (64, 7, "stages.2"), (8, 7, "stages.0"), (32, 16, "stages.0")],
)
def test_maps_come_from_the_last_layer_that_has_enough_pixels(side, least, layer):
    model, batch = Stages(), {"image": torch.zeros(1, 1, side, side, dtype=torch.uint8)}
    neutral = {"image": batch["image"] + 9}
    output = ExplainedOutput(model, batch, neutral, 0)
    assert map_layer(output, model, least_side=least) == layer


def test_maps_of_a_picture_are_not_those_of_what_lies_beside_it():
    stages = nn.ModuleDict({"image": Stages(), "audio": Stages()})

    def forward(batch):
        return stages["image"](batch) + stages["audio"]({"image": batch["audio"]})

    batch = {name: torch.zeros(1, 1, 32, 32) for name in ("image", "audio")}
    neutral = {"image": torch.ones(1, 1, 32, 32)}
    output = ExplainedOutput(forward, batch, neutral, 0)
    assert map_layer(output, stages, least_side=7) == "image.stages.1"


def test_a_network_without_maps_has_no_such_layer():
    model = nn.Sequential(nn.Linear(3, 1))
    output = ExplainedOutput(lambda batch: model(batch["num"]), {"num": torch.ones(1, 3)}, {}, 0)
    assert map_layer(output, model, least_side=7) is None


def test_inputs_are_found_where_codes_become_numbers_whoever_makes_them():
    table = nn.Parameter(torch.randn(5, 3, dtype=torch.float64))
    places = nn.Parameter(torch.randn(4, 3, dtype=torch.float64))
    weight = torch.randn(3, dtype=torch.float64)

    def forward(batch):
        words = nn.functional.embedding(batch["tokens"], table)
        words = words + nn.functional.embedding(torch.arange(4), places)
        hot = (batch["codes"][:, None] == torch.arange(5)).to(torch.float64)
        pixels, waves = batch["bytes"] / 255, torch.fft.fft(batch["audio"] / 2)
        power = waves.real.square() + waves.imag.square()  # 3 squares of the waves in all
        sums = (words @ weight).sum(1) + hot.sum(1) * 2 + pixels.sum(1) + batch["num"].sum(1)
        sums = sums + power.sum(1)
        return sums[:, None]

    batch = {
        "tokens": torch.tensor([[1, 2, 3, 4]]),
        "codes": torch.tensor([3]),
        "bytes": torch.tensor([[255, 51]], dtype=torch.uint8),
        "audio": torch.tensor([[4, 0, -2]], dtype=torch.int16),
        "num": torch.tensor([[0.5, -2.0]], dtype=torch.float64),
    }
    neutral = {name: torch.zeros_like(value) for name, value in batch.items()}
    assert [leaf.tensor for leaf in find_leaves(forward, batch, neutral)] == [
        *("num", "tokens", "codes", "bytes", "audio")
    ]
    found = integrated_gradients(ExplainedOutput(forward, batch, neutral, 0), steps=5)
    expected = (table[1:] - table[0]) @ weight
    names = ("tokens", "bytes", "num", "audio")
    ((tokens,), (bytes_,), (num,), (audio,)) = (found.values[n] for n in names)
    np.testing.assert_allclose(tokens.sum(1), expected.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(bytes_, [1, 0.2], atol=1e-6)
    np.testing.assert_allclose(num, [0.5, -2], atol=1e-12)
    np.testing.assert_allclose(audio, [12, 0, 3], atol=1e-5)
    assert abs(found.error) < 1e-6


@pytest.mark.slow
def test_words_of_a_text_are_told_in_their_order(here, run_once, lepton):
    pytest.importorskip("tokenizers")
    words = ["good", "bad", "film", "plot"]
    draw = np.random.default_rng(0)
    texts = [f"{words[i % 2]} {words[draw.integers(2, 4)]} {i}" for i in range(120)]
    frame = pd.DataFrame({"review": texts, "stars": [i % 2 for i in range(120)]})
    frame.to_csv("reviews.csv", index=False)
    text = ("dataset=text_csv", "dataset.path=reviews.csv", "dataset.text=review")
    train = ("model=bag_of_embeddings", "trainer=cpu", "trainer.max_epochs=15", "batch_size=16")
    more = ("dataset.target=stars", "optimizer.lr=0.03", "study=explained")
    _, table = explained(lepton, run_once(*text, *train, *more), "samples=6")
    for row, tokens in table.groupby("id", sort=False):
        assert "".join(tokens["part"]).replace("#", "").find("film") >= 0 or "plot" in "".join(
            tokens["part"]
        )
        strongest = tokens.loc[tokens["attribution"].abs().idxmax()]
        assert strongest["part"] in ("good", "bad")
        assert (strongest["attribution"] > 0) == (strongest["part"] == "bad")
        assert (strongest["part"] == "bad") == (row % 2 == 1)


@pytest.mark.slow
def test_bands_and_frames_of_a_sound_are_told_and_it_plays(here, run, lepton):
    pytest.importorskip("soundfile")
    from tests.sound_files import write_tones

    write_tones(here / "tones")
    words = ("dataset=audio_folder", "dataset.path=tones", "model=audio_cnn", "batch_size=8")
    more = ("optimizer.lr=0.01", "trainer=cpu", "trainer.max_epochs=1", "study=explained")
    folder = run(*words, *more)
    page, table = explained(lepton, folder, "samples=2", "towards=actual")
    assert len(re.findall("<audio ", page)) == 2
    (kind,) = load_model(folder).inputs
    for _, cells in table.groupby("id"):
        assert cells["x"].max() + 1 == kind.spectrum.bands
        assert np.isfinite(cells["attribution"]).all()
        assert (cells["grad_cam"] >= 0).all()


@pytest.mark.slow
def test_a_network_that_makes_spectra_itself_is_explained_by_what_it_hears(here, run, lepton):
    pytest.importorskip("soundfile")
    from tests.sound_files import tone, write_sound

    for name, pitch in (("low", 300), ("high", 1500)):
        for i in range(10):
            write_sound(here / "tones" / name / f"{i}.wav", tone(pitch, i), rate=16_000)
    words = ("dataset=audio_folder", "dataset.path=tones", "model=speech_embedding", "batch_size=8")
    folder = run(*words, "model.pretrained=false", "model.path=null", *SHORT)
    page, table = explained(lepton, folder, "samples=2")
    assert len(re.findall("<audio ", page)) == 2
    assert set(table.groupby("id")["x"].max()) == {31}  # bands
    (off,) = re.findall("off by at most ([0-9.e+-]+) %", page)
    assert float(off) < 5


@pytest.mark.slow
def test_inputs_of_several_kinds_share_one_sum(here, run, lepton):
    write_photos(here / "photos")
    frame = pd.read_csv("photos.csv")
    words = [f"a {'good' if i % 2 else 'bad'} picture number {i}" for i in range(len(frame))]
    frame = frame.assign(note=words, price=np.arange(len(frame)) / 7, late=frame["grade"] > 1)
    frame.drop(columns="grade").to_csv("both.csv", index=False)
    data = ("dataset=multimodal", "dataset.path=both.csv", "dataset.root=photos")
    more = ("dataset.target=late", "dataset.inputs.image.size=8", "model=multimodal", *SHORT)
    page, table = explained(lepton, run(*data, *more), "samples=3", "steps=400")
    assert set(table["inputs"]) == {"image", "text", "table"}
    beyond = re.findall(r"<td[^>]*>([+-][0-9.]+)</td>", page)
    sums = table.groupby("id", sort=False)["attribution"].sum()
    np.testing.assert_allclose(sums, [float(text) for text in beyond[:3]], atol=0.02)


CLIPS = (
    *("dataset=video_folder", "dataset.path=clips", "dataset.frames=4", "dataset.size=null"),
    *("model=frame_network", "model.backbone.channels=[8]", "model.layer=null", "trainer=cpu"),
    *("model.pooling=mean", "trainer.max_epochs=12", "study=explained", "optimizer.lr=0.03"),
    "batch_size=16",
)


@pytest.mark.slow
def test_a_clip_whose_class_one_frame_decides_lights_that_frame(here, run, lepton):
    from tests.video_files import write_clip

    draw = np.random.default_rng(0)
    for number in range(60):
        frames = draw.integers(0, 60, (4, 16, 16, 3), dtype=np.uint8)
        if number % 2:
            frames[2, CORNER, CORNER] = 250
        write_clip(here / "clips" / ("dark", "light")[number % 2] / f"{number}.mp4", frames)
    folder = run(*CLIPS)
    page, table = explained(lepton, folder, "samples=6", "towards=actual", "steps=32")
    assert len(re.findall("data:image/png;base64", page)) == 3 * 6
    model = load_model(folder)
    truth = pd.read_parquet(folder / "predictions" / "test.parquet").set_index("id")["target"]
    assert {*table["part"]} == {f"frame {number}" for number in range(1, 5)}
    assert truth.loc[table["id"].unique()].any()
    for row, pixels in table.groupby("id"):
        assert (pixels["x"].max(), pixels["y"].max(), len(pixels)) == (15, 15, 4 * 16 * 16)
        if not truth[row]:
            continue
        by_frame = pixels.groupby("part")["attribution"].sum()
        assert by_frame.idxmax() == "frame 3"
        assert by_frame["frame 3"] > 0.6 * by_frame.abs().sum()
        third = pixels[pixels["part"] == "frame 3"]
        cam = third.pivot(index="y", columns="x", values="grad_cam").to_numpy()
        assert cam[:4, :4].mean() > 3 * cam[8:, 8:].mean()
    assert "frame 3" in page
    assert model.spec.kinds == ("video",)


@pytest.mark.slow
def test_each_side_of_a_pair_is_told_by_what_makes_it_like_its_partner(here, run, lepton):
    """The note names the corner that is bright, among words that say nothing."""
    draw, rows = np.random.default_rng(0), []
    (here / "photos").mkdir()
    corners = {"north": (slice(0, 4), slice(0, 4)), "south": (slice(8, 12), slice(8, 12))}
    for number in range(120):
        pixels = draw.integers(0, 60, (12, 12, 3), dtype=np.uint8)
        name = ("north", "south")[number % 2]
        hue = number % 2
        pixels[(*corners[name], hue)] = 250
        Image.fromarray(pixels).save(here / "photos" / f"{number}.png")
        rows.append((f"{number}.png", f"some {name} thing {draw.choice(['big', 'small'])}"))
    pd.DataFrame(rows, columns=["photo", "note"]).to_csv("pairs.csv", index=False)
    folder = run(
        *("dataset=multimodal", "dataset.path=pairs.csv", "dataset.root=photos", "batch_size=32"),
        *("dataset.target=null", "dataset.use=[image,text]", "dataset.absent=drop"),
        *("dataset.columns.note=text", "dataset.inputs.image.size=12", "model=two_towers"),
        *("task=contrastive", "task.dimensions=8", "model.encoders.image.channels=[8]"),
        *("model.encoders.text.width=8", "model.encoders.text.tokenizer.vocabulary=60"),
        *("trainer=cpu", "trainer.max_epochs=20", "optimizer.lr=0.02", "study=explained"),
    )
    page, table = explained(lepton, folder, "samples=6", "steps=200")
    assert "similarity of" in page
    assert "place of its text" in page
    model = load_model(folder)
    frame = pd.DataFrame(rows, columns=["photo", "note"])
    task, network = model.learner.task, model.learner.model.eval()

    def similarity(batch):
        with torch.no_grad():
            first, second = task.forward(network, batch)[0]
        return float(first @ second)

    for row, parts in table.groupby("id"):
        rows_of = model.encode(frame.iloc[[row]].assign(photo=f"photos/{row}.png"))
        cutter = BatchCutter(rows_of, [type(kind) for kind in model.inputs])
        batch = cutter.padded(rows_of, torch.tensor([0]))
        for kind in model.inputs:  # the other side is held as it is
            beyond = similarity(batch) - similarity({**batch, **kind.neutral(batch, model.spec)})
            total = parts.loc[parts["inputs"] == kind.name, "attribution"].sum()
            assert total == pytest.approx(beyond, abs=0.03 * abs(beyond) + 0.02)
        words = parts[parts["inputs"] == "text"].set_index("part")["attribution"]
        assert words.max() > 0
        assert words.idxmax().strip("#") in "northsouth"
    assert "has learned pairs" in lines_of(lepton, folder, "towards=actual", pages=1)


def lines_of(lepton, *words, pages=0):
    code, _, said = lepton("explain", *map(str, words))
    assert (code, said.count("\n")) == (2, 1), said
    assert len([*Path("reports").glob("*.html")]) == pages
    return said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give the folder of one run"),
        (("{run}", "{run}"), "give the folder of one run"),
        (("nowhere",), "nowhere: holds no finished run"),
        (("{run}", "steps=0"), "steps: 0 is not from 1 to 10000"),
        (("{run}", "step=3"), "did you mean 'steps'?"),
        (("{run}", "towards=best"), "towards: 'best' is not"),
        (("{run}", "ids=[1000000]"), "row 1000000 is not in the test split"),
        (("{run}", "ids=[]"), "ids: 0 rows are not from 1 to 200"),
        (("{run}", "model=mlp"), "model: lepton explain has no such key"),
        (("{run}", "--out", "loans.csv"), "is there, and no page of lepton's"),
        (("{run}", "-m"), "for `lepton train` alone"),
    ],
)
def test_a_mistake_in_the_words_is_told_in_one_line(words, message, loans_run, lepton):
    folder = loans_run("model=linear")
    assert message in lines_of(lepton, *(word.format(run=folder) for word in words))


@pytest.mark.slow
def test_what_cannot_be_explained_says_so_in_one_line(loans_run, here, lepton, monkeypatch):
    boosted = loans_run("model=gradient_boosting", "model.max_iter=3")
    assert "model=gradient_boosting is no network of lepton's" in lines_of(lepton, boosted)
    folder = loans_run("model=linear")
    with monkeypatch.context() as patch:
        patch.setattr(TableInputs, "neutral", InputKind.neutral)
        said = lines_of(lepton, folder)
    assert "cannot be explained (TableInputs has no neutral input to explain from)" in said
    pd.read_csv("loans.csv").assign(age=1).to_csv("loans.csv", index=False)
    assert "its data or its options are no longer what they were" in lines_of(lepton, folder)
    (here / "loans.csv").unlink()
    assert "no such file 'loans.csv'" in lines_of(lepton, folder)


def test_without_captum_the_command_says_what_to_install(loans_run, lepton, monkeypatch):
    folder = loans_run("model=linear")
    monkeypatch.setitem(sys.modules, "captum", None)
    said = lines_of(lepton, folder)
    assert said.startswith("lepton: lepton explain: needs captum; pip install")
    assert "lepton-experiments[explain]" in said
