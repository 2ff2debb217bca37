"""Whole runs on sounds: rebuilt from their folders, alone, in a stack, stopped, and tuned."""

from pathlib import Path

import pandas as pd
import pytest

from lepton import load_model
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.inputs.audio import AudioInputs
from lepton.errors import DataError
from tests.sound_files import write_tones

soundfile = pytest.importorskip("soundfile")
TARGETS = {  # columns of the table of tones, and a folder of classes
    "binary": [],
    "multiclass": ["dataset.target=grade", "dataset.task=multiclass"],
    "regression": ["dataset.target=grade", "dataset.task=regression"],
}
SMALL = (
    *("dataset=audio_folder", "model=audio_cnn", "model.channels=[4,6]"),
    *("trainer=cpu", "trainer.max_epochs=2", "batch_size=8", "study=sounds"),
)


@pytest.fixture
def tones(here):
    write_tones(here / "tones")
    return pd.read_csv("tones.csv")


def overrides_of(task):
    if task == "binary":
        return [*SMALL, "dataset.path=tones"]
    table = ["dataset.path=tones.csv", "dataset.root=tones", "dataset.audio=file"]
    return [*SMALL, *table, *TARGETS[task]]


@pytest.mark.slow
@pytest.mark.parametrize("task", TARGETS)
def test_a_run_predicts_files_and_arrays_as_it_did_its_test_split(task, tones, run):
    folder = run(*overrides_of(task))
    written = pd.read_parquet(folder / "predictions" / "test.parquet")
    paths = [str(Path("tones", tones["file"][row])) for row in written["id"]]
    if task == "binary":  # whose rows are those of the sorted folders
        files = sorted(Path("tones").glob("*/*.wav"))
        paths = [str(files[row]) for row in written["id"]]
    arrays = [soundfile.read(path, dtype="int16")[0] for path in paths]
    model = load_model(folder)
    columns = list(model.predict_raw(paths))
    contents = [{"bytes": Path(path).read_bytes()} for path in paths]
    for inputs in (paths, contents, arrays):
        predicted = model.predict_raw(inputs)
        assert predicted.to_numpy() == pytest.approx(written[columns].to_numpy(), abs=1e-5)
    with pytest.raises(DataError, match=r"nowhere\.wav: no such file"):
        model.predict_raw([paths[0], "nowhere.wav"])
    assert len(model.predict_raw([])) == 0


@pytest.mark.slow
def test_spectra_by_batch_give_the_run_that_kept_ones_give(tones, run):
    kept, by_batch = (
        run(*overrides_of("binary"), f"model.spectrum.keep={keep}", f"study=keep_{keep}")
        for keep in ("true", "false")
    )
    for name in ("val", "test"):
        frames = [
            pd.read_parquet(run / "predictions" / f"{name}.parquet") for run in (kept, by_batch)
        ]
        pd.testing.assert_frame_equal(*frames, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("keep", ["true", "false"])
def test_stacked_runs_are_those_trained_alone(keep, tones, lepton):
    sweep = ("train", "-m", *overrides_of("binary"), "seed=0,1,2", "trainer.precision=64-true")
    for launcher in ("basic", "vectorized"):
        words = (f"study={launcher}", f"hydra/launcher={launcher}", f"model.spectrum.keep={keep}")
        assert lepton(*sweep, *words)[0] == 0
    alone, stacked = (
        {path.name: pd.read_parquet(path / "predictions" / "test.parquet") for path in runs}
        for runs in (Path("runs/basic").glob("*-s*"), Path("runs/vectorized").glob("*-s*"))
    )
    assert len(alone) == 3
    for name, table in alone.items():
        pd.testing.assert_frame_equal(table, stacked[name], rtol=1e-9)


@pytest.mark.slow
def test_a_head_is_tuned_on_kept_features_and_the_report_shows_sounds(tones, lepton, run):
    source = run(*overrides_of("binary"))
    code, *_ = lepton(
        *("train", *overrides_of("binary"), "finetune=head", f"init_from={source}", "study=tuned")
    )
    assert code == 0
    assert lepton("report", "sounds")[0] == 0
    assert "data:audio/wav;base64" in Path("reports/sounds/report.html").read_text()


@pytest.mark.slow
def test_runs_are_verified_and_make_an_ensemble(tones, lepton):
    assert lepton("train", "-m", *overrides_of("binary"), "seed=0,1")[0] == 0
    folders = sorted(Path("runs/sounds").glob("*-s[01]-*"))
    assert lepton("verify", str(folders[0]))[0] == 0
    assert lepton("ensemble", "method=mean", "runs=sounds", "keep=true")[0] == 0
    (joint,) = set(Path("runs/sounds").glob("*-*-*")) - {*folders}
    paths = [str(path) for path in sorted(Path("tones").glob("*/*.wav"))]
    each = [load_model(folder).predict_raw(paths)["prediction"] for folder in folders]
    expected = (each[0] + each[1]) / 2
    assert load_model(joint).predict_raw(paths)["prediction"].tolist() == pytest.approx(
        expected.tolist(), abs=1e-6
    )


def test_waveforms_are_kept_for_methods_that_may_change_them(tones):
    words = overrides_of("binary")
    config = check(compose(*words))
    assert AudioInputs.parts(config)["spectrum"]["keep"] is True
    config["augmentation"] = {"mine": {"_target_": "lepton.augmentation.mine.Mine"}}
    assert AudioInputs.parts(config)["spectrum"]["keep"] is False
    config = check(compose(*words, "regularization=label_smoothing"))
    assert AudioInputs.parts(config)["spectrum"]["keep"] is True
    config["model"]["spectrum"]["keep"] = False
    assert AudioInputs.parts(config)["spectrum"]["keep"] is False


def test_a_mistake_in_the_files_ends_the_command_in_a_line(tones, lepton):
    Path("tones/high/7.wav").write_text("no sound")
    code, _, said = lepton("train", *overrides_of("binary"))
    assert code == 2
    assert said.count("\n") == 1
    assert "tones/high/7.wav: no sound that can be read" in said
