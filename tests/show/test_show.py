"""`lepton show`: a data set as one page, before anything is trained."""

import base64
import io
import re
import wave
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lepton.config.show_root import compose_show
from lepton.dataset.inputs.sound import Sound, wav
from lepton.report.blocks import Report, Section, Table
from lepton.report.html import html_page
from lepton.show.shown_data import read_shown_data
from tests.picture_files import FILES, write_photos

ROWS = 400


@pytest.fixture
def loans(here):
    """A table with a column that gives the target, an identifier, a constant and a sparse one."""
    draw = np.random.default_rng(0)
    late = np.arange(ROWS) % 4 == 0
    frame = pd.DataFrame(
        {
            "income": draw.normal(size=ROWS).round(3),
            "paid back": np.where(late, 0, 100) + draw.integers(0, 9, ROWS),
            "account": [f"A{i:04}" for i in range(ROWS)],
            "currency": "EUR",
            "spouse": np.where(np.arange(ROWS) % 5, "", "yes"),
            "town": draw.choice(["<b>Bonn</b>", "Köln & Deutz"], ROWS),
            "late": np.where(late, "<script>alert(1)</script>", "no"),
        }
    )
    frame.to_csv("loans.csv", index=False)
    return frame


LOANS = ("dataset=csv", "dataset.path=loans.csv", "dataset.target=late")


class Tables(HTMLParser):
    """The texts of the cells of each table by its caption's first word, and all addresses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows, self.tables, self.addresses, self.cell = [], {}, [], None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.addresses += [v for k, v in attributes.items() if k in ("src", "href")]
        if tag == "table":
            self.rows = []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.cell = ""

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[-1].append(self.cell)
            self.cell = None
        if tag == "table":
            self.tables[tuple(self.rows[0][:2])] = self.rows[1:]


def show(lepton, *words):
    code, out, said = lepton("show", *words)
    assert (code, said) == (0, "")
    return Path(out.splitlines()[-1]).read_text(), out


def test_the_page_of_a_table_tells_splits_odd_columns_and_each_column(loans, lepton):
    page, out = show(lepton, *LOANS)
    tables = Tables(page).tables
    classes = {row[0]: list(map(int, row[2:5])) for row in tables["class", "colour"]}
    assert sum(classes["all rows"]) == ROWS
    assert sum(classes["no"]) == (loans["late"] == "no").sum()
    odd = dict(tables["column", "remark"])
    assert list(odd) == ["paid back", "account", "currency", "spouse"]
    assert "gives the target" in odd["paid back"]
    assert "identifier" in odd["account"]
    assert odd["currency"].startswith("always EUR")
    columns = {row[0]: row for row in tables["column", "kind"]}
    assert set(columns) == {*loans} - {"late"}
    assert columns["account"][1] == "ignored"
    assert float(columns["paid back"][4].split()[0]) > 95
    assert float(columns["income"][4].split()[0]) < 30
    assert float(columns["spouse"][5].split()[0]) == pytest.approx(80, abs=4)
    assert "1 column alone nearly give" in out


def test_texts_of_others_stay_texts_and_nothing_is_fetched(loans, lepton):
    page, _ = show(lepton, *LOANS)
    outside = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    assert "<script" not in outside
    assert "<b>" not in page
    assert "Köln &amp; Deutz" in page
    assert all(a.startswith(("data:", "#")) for a in Tables(page).addresses)
    assert "default-src 'none'" in page


@pytest.mark.slow
def test_the_same_data_give_the_same_page(loans, lepton, here):
    page, _ = show(lepton, *LOANS)
    (here / "reports" / "loans-data.html").unlink()
    assert show(lepton, *LOANS)[0] == page


@pytest.mark.slow
def test_a_page_is_bounded_in_columns_classes_and_rows(here, lepton):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(300, 40)), columns=[f"x{i}" for i in range(40)])
    frame.assign(y=[f"class {i % 30}" for i in range(300)]).to_parquet("wide.parquet")
    words = ("dataset=parquet", "dataset.path=wide.parquet", "dataset.target=y")
    page, _ = show(lepton, *words, "columns=5", "classes=4", "samples=3", "rows=10")
    tables = Tables(page).tables
    assert len(tables["column", "kind"]) == 5
    assert "35 further columns are not shown" in page
    assert len(tables["class", "row"]) == 4 * 3
    assert tables["class", "colour"][-1][0] == "26 others"
    config = compose_show([*words, "rows=10"])
    positions, rows = read_shown_data(config)._profiled(10)
    assert (rows.train, len(positions)) == (10, 14)


@pytest.mark.slow
def test_the_contact_sheet_holds_pictures_of_training_rows_alone(here, lepton):
    for name, level in (("dark", 20), ("light", 200)):
        for i in range(12):
            (here / "photos" / name).mkdir(parents=True, exist_ok=True)
            pixels = np.full((6, 5), level + i, dtype=np.uint8)
            Image.fromarray(pixels).save(here / "photos" / name / f"{i}.png")
    words = ("dataset=image_folder", "dataset.path=photos", "samples=3")
    page, _ = show(lepton, *words)
    tables = Tables(page).tables
    sheet = tables["class", "1"]
    assert {row[0] for row in sheet} == {"dark", "light"}
    pictures = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == 2 * 3
    levels = [_brightness(picture) for picture in pictures]
    by_class = {row[0]: levels[3 * i : 3 * i + 3] for i, row in enumerate(sheet)}
    assert max(by_class["dark"]) < 40 < 190 < min(by_class["light"])
    brightness = {row[0]: row for row in tables["column", "kind"]}["brightness of image"]
    assert brightness[1] == "number"
    data = read_shown_data(compose_show([*words]))
    train = set(data.data.splits["train"]["id"].tolist())
    assert {*data.samples(0, 3), *data.samples(1, 3)} <= train


def _brightness(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture)))).mean()


@pytest.mark.slow
def test_sizes_that_differ_are_told_on_the_page_and_end_a_training(here, lepton):
    write_photos(here / "photos")
    Image.new("RGB", (30, 40)).save(here / "photos" / "cat" / "0.png")
    words = ("dataset=image_folder", "dataset.path=photos", "dataset.size=null")
    page, out = show(lepton, *words)
    tables = Tables(page).tables
    assert {"height of image", "width of image"} <= {row[0] for row in tables["column", "kind"]}
    (all_rows,) = (row for row in tables["class", "colour"] if row[0] == "all rows")
    assert sum(map(int, all_rows[2:5])) == 2 * FILES
    assert "A training ends with: images differ in height x width" in out
    code, _, said = lepton("train", *words, "model=cnn_small")
    assert (code, "images differ in height x width" in said) == (2, True)


@pytest.mark.slow
def test_sounds_of_several_rates_are_told_on_the_page(here, lepton):
    pytest.importorskip("soxr")
    from tests.sound_files import tone, write_sound, write_tones

    write_tones(here / "tones")
    write_sound(here / "tones" / "low" / "0.wav", tone(300, 0), rate=16_000)
    page, out = show(lepton, "dataset=audio_folder", "dataset.path=tones")
    assert "A training ends with: sounds differ in their rate" in out
    assert "resampled to 8000" in page


def test_sounds_of_each_class_play(here, lepton):
    pytest.importorskip("soundfile")
    from tests.sound_files import write_tones

    write_tones(here / "tones")
    words = ("dataset=audio_folder", "dataset.path=tones", "samples=2")
    page, _ = show(lepton, *words)
    sheet = Tables(page).tables["class", "1"]
    assert {row[0] for row in sheet} == {"high", "low"}
    sounds = re.findall(r'<audio [^>]*src="data:audio/wav;base64,([^"]+)"', page)
    pitches = [_pitch(base64.b64decode(sound)) for sound in sounds]
    by_class = {row[0]: pitches[2 * i : 2 * i + 2] for i, row in enumerate(sheet)}
    assert by_class["high"] == pytest.approx([1500] * 2, rel=0.02)
    assert by_class["low"] == pytest.approx([300] * 2, rel=0.05)
    columns = {row[0]: row for row in Tables(page).tables["column", "kind"]}
    least, _, most = map(float, columns["seconds of audio"][3].split(" · "))
    assert 1200 / 8000 <= least < most <= 2080 / 8000  # as the files were written
    middle = float(columns["loudness of audio"][3].split(" · ")[1])
    assert middle == pytest.approx(0.4 / 2**0.5, rel=0.01)  # of a sine


def _pitch(content):
    """The loudest frequency of a WAV file, in Hz."""
    with wave.open(io.BytesIO(content)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return np.abs(np.fft.rfft(samples)).argmax() * file.getframerate() / len(samples)


def test_texts_are_shown_by_class_with_their_lengths(here, lepton):
    texts = [f"{'a dull one ' * 3 if i % 2 else 'fine'} number{i}" for i in range(80)]
    frame = pd.DataFrame({"review": texts, "stars": [i % 2 for i in range(80)]})
    frame.to_csv("reviews.csv", index=False)
    words = ("dataset=text_csv", "dataset.path=reviews.csv", "dataset.text=review")
    page, _ = show(lepton, *words, "dataset.target=stars")
    tables = Tables(page).tables
    (lengths,) = tables["column", "kind"]
    assert lengths[0] == "words of review"
    assert lengths[3].startswith("2 · ")
    assert lengths[4] == "100.0 %"  # the number of words gives the class
    assert {row[2].split()[0] for row in tables["class", "row"] if row[0] == "1"} == {"a"}


@pytest.mark.slow
def test_each_of_several_kinds_has_samples_of_the_same_rows(here, lepton):
    write_photos(here / "photos")
    frame = pd.read_csv("photos.csv")
    words = [f"a {'good' if i % 2 else 'bad'} picture number {i}" for i in range(len(frame))]
    frame.assign(note=words, price=np.arange(len(frame)) / 7).to_csv("both.csv", index=False)
    data = ("dataset=multimodal", "dataset.path=both.csv", "dataset.root=photos")
    page, _ = show(lepton, *data, "dataset.target=grade", "samples=2")
    tables = Tables(page).tables
    pictures = re.findall(r"<h2[^>]*>Samples: ([^<]+)</h2>", page)
    assert pictures == ["images", "texts", "a table"]
    assert re.search("data:image/png", page)
    assert {row[0] for row in tables["column", "kind"]} >= {"price", "words of note"}


def test_quarters_stand_for_the_classes_of_a_number(here, lepton):
    x = np.arange(200.0)
    pd.DataFrame({"x": x, "y": x**2}).to_csv("curve.csv", index=False)
    words = ("dataset=csv", "dataset.path=curve.csv", "dataset.target=y")
    page, _ = show(lepton, *words, "dataset.task=regression", "dataset.columns.x=numeric")
    tables = Tables(page).tables
    quarters = tables["target", "colour"][1:]
    assert [row[0].split(":")[0].split()[0] for row in quarters] == [
        *("lowest", "second", "third", "highest")
    ]
    train = [int(row[2]) for row in quarters]
    assert max(train) - min(train) <= 1
    ((name, remark),) = tables["column", "remark"]
    assert name == "x"
    assert "gives the target" in remark


def test_a_multilabel_row_counts_for_each_of_its_labels(here, lepton):
    frame = pd.DataFrame({"x": np.arange(60) / 7, "old": [1, 0] * 30, "dark": [1, 1, 0] * 20})
    frame.to_csv("marks.csv", index=False)
    words = ("dataset=csv", "dataset.path=marks.csv", "dataset.target=[old,dark]")
    tables = Tables(show(lepton, *words)[0]).tables
    counts = {row[0]: sum(map(int, row[2:5])) for row in tables["class", "colour"]}
    assert counts == {"all rows": 60, "dark": 40, "old": 30}


def test_a_sound_plays_beside_its_picture():
    tone = (8000 * np.sin(np.arange(400) / 9)).astype(np.int16)
    sound = Sound("<beep>", wav(tone, 8000), media_type="audio/wav")
    table = Table("sounds", "", ["class", "1"], [["a", sound]], 2)
    page = unescape(html_page(Report("t", [], {}, [Section("s", [table])], "c"), {}))
    (content,) = re.findall(r'<audio [^>]*src="data:audio/wav;base64,([^"]+)"', page)
    assert base64.b64decode(content)[:4] == b"RIFF"
    assert base64.b64decode(content)[44:] == tone.tobytes()
    assert "media-src data:" in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("wine",), "'wine' is no key=value; write dataset=wine; usage: "),
        (("runs/nowhere",), "runs/nowhere: holds no finished run"),
        (("dataset=wines",), "did you mean 'wine'?"),
        (("dataset=wine", "model=mlp"), "model: lepton show has no such key"),
        (("dataset=wine", "dataset.split=rnd"), "dataset.split"),
        (("dataset=wine", "samples=0"), "samples: 0 is not from 1 to 100"),
        (("dataset=wine", "rows=many"), "rows: 'many' is not int"),
        (("dataset=csv", "dataset.path=gone.csv", "dataset.target=y"), "no such file 'gone.csv'"),
        (("dataset=csv", "dataset.target=y"), "dataset.path: has no value yet"),
        ((*LOANS[:2], "dataset.target=lat"), "did you mean 'late'?"),
        (("dataset=wine", "--out", "loans.csv"), "loans.csv: is there, and no page of lepton's"),
        (("dataset=wine", "--out"), "--out: needs a value"),
        (("-m", "dataset=wine"), "-m: for `lepton train` alone"),
        (("dataset=image_folder", "dataset.path=loans.csv"), "dataset.root"),
        (("dataset=image_folder", "dataset.path=photos"), "dog/a.png: no picture"),
        (
            ("dataset=multimodal", *LOANS[1:], "dataset.use=[video]"),
            "dataset.use: 'video' is no kind of inputs here",
        ),
        (
            ("dataset=image_folder", "dataset.path=photos", "dataset.size=999999999"),
            "one file would become 3e+09 GB, and this machine has",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line_and_writes_nothing(loans, here, lepton, words, message):
    write_photos(here / "photos")
    (here / "photos" / "dog" / "a.png").write_text("no picture")
    before = (here / "loans.csv").read_bytes()
    code, _, said = lepton("show", *words)
    assert (code, said.count("\n")) == (2, 1), said
    assert message in said
    assert not (here / "reports").exists()
    assert (here / "loans.csv").read_bytes() == before
