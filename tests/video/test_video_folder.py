"""Files of clips: which frames are taken, whole runs, and what cannot be read."""

import numpy as np
import pandas as pd
import pytest

from lepton import load_model, train
from lepton.config.compose import compose
from lepton.errors import DataError
from lepton.video.decoding import even_frames, even_places, look
from tests.video_files import RISE, grey_frames, write_clip, write_clips

av = pytest.importorskip("av")
LIMITS = {"max_pixels": 10_000, "max_frames": 100}
SMALL = (
    "model=frame_network",
    "model.pooling=mean",
    "model.backbone.channels=[4]",
    "model.layer=null",
)
FOLDER = ("dataset=video_folder", "dataset.path=clips", "dataset.size=8", "dataset.frames=3")
SHORT = ("trainer=cpu", "trainer.max_epochs=1", "batch_size=8", "optimizer.lr=1e-2", "study=clips")


def data_of(*overrides):
    from lepton import build
    from lepton.config.check import check

    return build.data(check(compose(*FOLDER, *SMALL, *overrides)))


@pytest.mark.parametrize(("frames", "count"), [(9, 3), (8, 8), (100, 1), (7, 5)])
def test_frames_are_taken_from_the_middle_of_equal_parts(frames, count):
    places = even_places(frames, count)
    edges = np.linspace(0, frames, count + 1)
    assert all(
        low - 1 < place < high + 1
        for low, place, high in zip(edges, places, edges[1:], strict=False)
    )
    assert len({*places}) == count
    symmetric = places + places[::-1]
    assert symmetric.min() >= frames - 2
    assert symmetric.max() <= frames


@pytest.mark.parametrize(("ending", "codec"), [("mp4", "mpeg4"), ("avi", "mpeg4"), ("gif", "gif")])
def test_the_frames_of_a_file_are_those_that_were_written(ending, codec, tmp_path):
    path, frames = tmp_path / f"clip.{ending}", grey_frames(12)
    write_clip(path, frames, codec)
    for source in (path, str(path), path.read_bytes(), {"bytes": None, "path": str(path)}):
        taken = even_frames(source, 4, **LIMITS)
        greys = [float(frame.mean()) for frame in taken]
        expected = [20.0 + RISE * place for place in even_places(12, 4)]
        assert greys == pytest.approx(expected, abs=20 if codec == "gif" else 4)
        assert greys == sorted(greys)
    assert look(path, max_pixels=10_000) == (32, 48, 3)
    assert all(frame.shape == (32, 48, 3) for frame in taken)


def test_arrays_of_frames_are_clips_too():
    frames = grey_frames(9)[..., 0]
    taken = even_frames(frames, 3, **LIMITS)
    assert [frame[0, 0, 0] for frame in taken] == [20 + RISE * place for place in (1, 4, 7)]
    for wrong in (frames.astype(float), frames[0], grey_frames(3)[..., :2]):
        with pytest.raises(DataError, match="is no clip; uint8 of"):
            even_frames(wrong, 1, **LIMITS)


def spoil(path, kind):
    """Makes a file that is no clip of nine frames."""
    if kind == "text":
        path.write_text("no film\n" * 100)
    elif kind == "playlist":
        path.write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{path.parent / '1.mp4'}\n#EXT-X-ENDLIST\n")
    elif kind == "short":
        write_clip(path, grey_frames(2))
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif kind == "sound":
        with av.open(str(path), "w", format="mp4") as container:
            stream = container.add_stream("aac", rate=8000)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate = 8000
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
    elif kind == "large":
        write_clip(path, grey_frames(9, size=(128, 96)))


WHY = {
    **dict.fromkeys(("text", "playlist", "empty", "cut"), "no clip that can be decoded"),
    "short": "it has 2 frames, fewer than dataset.frames=3",
    "sound": "it has no pictures, only other streams",
    "large": "128 x 96 pixels are more than dataset.max_pixels=10000",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", WHY)
def test_a_file_that_is_no_such_clip_is_named_or_skipped_and_counted(kind, here):
    write_clips(here / "clips")
    path = here / "clips" / "dark" / "3.mp4"
    spoil(path, kind)
    with pytest.raises(DataError) as refused:
        data_of("dataset.max_pixels=10000")
    assert str(refused.value).startswith(f"clips/dark/3.mp4: {WHY[kind]}")
    assert str(refused.value).endswith("dataset.on_error=skip leaves them out")
    data = data_of("dataset.max_pixels=10000", "dataset.on_error=skip")
    assert sum(len(rows["id"]) for rows in data.splits.values()) == 11
    [note] = [note for note in data.notes if "cannot be read" in note.what]
    assert note.count == 1
    assert "clips/dark/3.mp4" in note.what


def test_a_clip_longer_than_it_may_be_is_refused(tmp_path):
    write_clip(tmp_path / "long.mp4", grey_frames(12))
    with pytest.raises(DataError, match=r"more frames than dataset\.max_frames=10"):
        even_frames(tmp_path / "long.mp4", 3, max_pixels=10_000, max_frames=10)
    with pytest.raises(DataError, match="no such file"):
        even_frames(tmp_path / "none.mp4", 3, **LIMITS)


@pytest.mark.slow
def test_clips_of_several_sizes_need_one(here):
    write_clips(here / "clips")
    write_clip(here / "clips" / "dark" / "9.mp4", grey_frames(9, size=(64, 64)))
    with pytest.raises(DataError, match=r"differ in height x width: .*give dataset\.size"):
        data_of("dataset.size=null")
    data = data_of("dataset.size=[8,12]")
    fields = data.spec.inputs["video"]
    sizes = [fields[name] for name in ("frames", "channels", "height", "width")]
    assert sizes == [3, 3, 8, 12]


@pytest.mark.slow
def test_pixels_are_those_of_the_frames_and_the_training_rows_scale_them(here):
    write_clips(here / "clips")
    data = data_of()
    video = data.splits["train"]["video"]
    assert video.shape[1:] == (3, 3, 8, 8)
    assert data.spec.inputs["video"]["mean"] == pytest.approx(
        (video.double() / 255).mean((0, 1, 3, 4)).tolist()
    )
    again = data_of()  # of the cache
    assert all(again.splits[s]["video"].equal(rows["video"]) for s, rows in data.splits.items())


@pytest.mark.slow
def test_a_run_learns_from_files_and_predicts_from_paths_bytes_and_arrays(here):
    write_clips(here / "clips")
    rows = [(f"{name}/{i}.mp4", i % 3) for name in ("dark", "light") for i in range(6)]
    pd.DataFrame(rows, columns=["file", "grade"]).to_csv("clips.csv", index=False)
    table = ("dataset.path=clips.csv", "dataset.root=clips", "dataset.video=file")
    result = train(
        compose(*FOLDER, *SMALL, *SHORT, *table, "dataset.target=grade", "dataset.split=random")
    )
    model = load_model(here / "runs" / "clips" / result.run)
    path = here / "clips" / "dark" / "1.mp4"
    sources = [str(path), path.read_bytes(), grey_frames(9, 2)]
    predicted = model.predict_raw(sources).to_numpy()
    assert np.array_equal(predicted[0], predicted[1])
    assert np.allclose(predicted[0], predicted[2], atol=0.1)
    with pytest.raises(DataError, match=r"none\.mp4: no such file"):
        model.predict_raw(["none.mp4"])


def test_without_pyav_a_line_says_what_to_install(here, lepton, monkeypatch):
    write_clips(here / "clips", count=2)
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    code, _, said = lepton("train", *FOLDER, *SMALL)
    assert code == 2
    assert "a data set of clips: needs PyAV" in said
    assert "lepton-experiments[video]" in said
