"""Run folders of lepton 0.1.0 load, score, count as finished, go on and are verified.

What they must say was written by the code of their time: predictions, tables, names.
"""

import ast
import importlib
import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import sklearn
import torch
from omegaconf import OmegaConf
from packaging.version import Version
from safetensors.torch import load_file

from lepton import compose, load, load_model, train
from lepton.analysis.grouping import chosen_groups, varying_settings
from lepton.commands.verify import verify
from lepton.config import signature
from lepton.config.check import check
from lepton.config.identity import run_folder
from lepton.config.signature import Parameter
from lepton.ensemble import derivation
from lepton.groups import GROUPS, REVISIONS, YOUNGER_KEYS
from lepton.storage.environment import training_versions
from lepton.storage.results import read_result
from lepton.storage.run_folder import read_config
from lepton.sweep.multirun import multirun
from lepton.training.checkpoint import pack, unpack

EARLIER = Path(__file__).parent / "fixtures" / "runs_0_1"
FINISHED = sorted(p.parent.relative_to(EARLIER) for p in EARLIER.glob("runs/*/*/result.json"))
STOPPED = sorted(p.relative_to(EARLIER) for p in EARLIER.glob("runs/stopped/*.part"))
TABLES = json.loads((EARLIER / "tables.json").read_text())
LATER_GROUPS = {name for name, group in GROUPS.items() if group.earlier} - {"finetune"}
LATER_COLUMNS = {"derived", *LATER_GROUPS}  # that `load` has learned to give since
# their files are of scikit-learn 1.9, which an older one says that it might not read
pytestmark = pytest.mark.filterwarnings("ignore:Trying to unpickle")
installed_sklearn = Version(sklearn.__version__)


@pytest.fixture
def earlier(here):
    """A working directory as it was left by 0.1.0."""
    shutil.copytree(EARLIER, here, dirs_exist_ok=True)
    return here


def overrides_of(folder):
    """The words of a run, and those by which its head begins as it did then."""
    words = OmegaConf.to_object(OmegaConf.load(folder / "overrides.yaml"))
    is_probe = {"finetune=head", "finetune=lp_ft"} & {*words}
    return [*words, "finetune.start=null"] if is_probe else words


def study_and_run(folder):
    return "/".join(folder.parts[1:])


def test_nothing_that_was_written_then_is_left_out():
    assert (len(FINISHED), len(STOPPED), len(TABLES)) == (17, 3, 5)


@pytest.mark.slow
@pytest.mark.parametrize("folder", FINISHED, ids=study_and_run)
def test_its_model_predicts_what_it_predicted_then(folder, earlier):
    if re.search("boosting|tfidf|stacking", folder.name) and installed_sklearn < Version("1.9"):
        pytest.skip("an older scikit-learn reads no such model of 1.9")
    written = pd.read_parquet(folder / "predictions" / "test.parquet")
    path = read_config(folder / "config.yaml")["dataset"]["path"]
    predicted = load_model(folder).predict_raw(pd.read_csv(path).iloc[written["id"]])
    written.index = predicted.index
    pd.testing.assert_frame_equal(predicted, written[list(predicted)], rtol=1e-5, check_dtype=False)


@pytest.mark.parametrize("study", TABLES)
def test_its_study_is_the_table_that_it_was_then(study, earlier):
    frame = load(study).drop(columns=["folder"])
    records = json.loads(frame.to_json(orient="records", double_precision=15))
    by_run = [{row["run"]: row for row in rows} for rows in (records, TABLES[study])]
    assert set(by_run[0]) == set(by_run[1])
    for run, row in by_run[1].items():
        assert {k: v for k, v in by_run[0][run].items() if k not in LATER_COLUMNS} == row


def is_trained(folder):
    return "ensemble" not in read_config(folder / "config.yaml")


def starts_from_run(folder):
    """True for a run that started from another: later versions make more of that, and say so."""
    return read_config(folder / "config.yaml").get("init_from") is not None


TRAINED = [f for f in FINISHED if is_trained(EARLIER / f)]
STARTED = [f for f in TRAINED if starts_from_run(EARLIER / f)]


@pytest.mark.slow
@pytest.mark.parametrize("folder", STARTED, ids=study_and_run)
def test_a_run_that_started_from_another_has_another_id_by_now(folder, earlier):
    assert run_folder(check(compose(*overrides_of(folder)))) != folder
    stored = check(OmegaConf.create(read_config(folder / "config.yaml")))
    assert run_folder(stored).name[-10:] == folder.name[-10:]


@pytest.mark.slow
@pytest.mark.parametrize("folder", [f for f in TRAINED if f not in STARTED], ids=study_and_run)
def test_it_counts_as_finished(folder, earlier):
    before = (folder / "result.json").read_bytes()
    overrides = overrides_of(folder)
    assert run_folder(check(compose(*overrides))) == folder
    assert train(compose(*overrides)).run == folder.name
    assert (folder / "result.json").read_bytes() == before
    assert not list(folder.parent.glob("*.part"))


ENSEMBLES = [f for f in FINISHED if not is_trained(EARLIER / f)]


def all_near(value, other):
    """True when two values differ only in the last digits of numbers: solvers go by the CPU."""
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(all_near(value[k], other[k]) for k in value)
    if isinstance(value, list):
        return len(value) == len(other) and all(map(all_near, value, other))
    return value == pytest.approx(other, rel=1e-6) if isinstance(value, float) else value == other


@pytest.mark.slow
@pytest.mark.parametrize("folder", ENSEMBLES, ids=study_and_run)
def test_the_command_that_made_an_ensemble_means_it_still(folder, earlier, lepton):
    before = json.loads((folder / "result.json").read_text())
    arguments = ("ensemble", *overrides_of(folder))
    assert f"  finished  {folder}\n" in lepton("check", *arguments)[1]
    assert lepton(*arguments)[0] == 0
    assert json.loads((folder / "result.json").read_text()) == before
    assert lepton(*arguments, "rerun=true")[0] == 0
    after = json.loads((folder / "result.json").read_text())
    assert after["config"].pop("derived")["command"] == "ensemble"
    assert all_near(after["config"]["ensemble"], before["config"]["ensemble"])
    assert after["choices"] == before["choices"]
    assert after["metrics"] == pytest.approx(before["metrics"], rel=1e-5)


def epochs_before_resume(folder):
    """Lets its checkpoints go on with these packages; returns the history that they hold."""
    for checkpoint in folder.glob("checkpoint/*.ckpt"):
        content = unpack(checkpoint.read_bytes())
        about = json.loads(content["about"]) | {"versions": training_versions()}
        checkpoint.write_bytes(pack({**content, "about": json.dumps(about)}))
    return content["state"]["history"]


def is_continued(folder, epochs):
    """True when a history begins with exactly these epochs, their seconds included."""
    history = pd.read_parquet(folder / "history.parquet").head(len(epochs))
    return bool(epochs) and history.equals(pd.DataFrame(epochs)[list(history)])


def assert_same(finished, whole):
    """The same training to 32 bits: the first epochs were computed on another processor."""
    histories = [
        pd.read_parquet(folder / "history.parquet").drop(columns="seconds", errors="ignore")
        for folder in (finished, whole)
    ]
    pd.testing.assert_frame_equal(*histories, rtol=1e-5, atol=1e-6)
    weights = [load_file(folder / "model.safetensors") for folder in (finished, whole)]
    torch.testing.assert_close(*weights, rtol=1e-5, atol=1e-6)
    results = [read_result(folder) for folder in (finished, whole)]
    assert results[0].metrics == pytest.approx(results[1].metrics, rel=1e-5)
    assert results[0].best_epoch == results[1].best_epoch


@pytest.fixture
def on_cpu():
    """Skips where there is a GPU: a training goes on where it began, and these began on a CPU."""
    if torch.cuda.is_available():
        pytest.skip("began on a CPU, and this machine has a GPU")


@pytest.mark.parametrize("folder", STOPPED, ids=study_and_run)
def test_it_goes_on_where_it_was_stopped(folder, earlier, on_cpu, monkeypatch):
    if starts_from_run(folder):  # as if nothing had changed in it since
        for name in ("finetune", "preprocessing"):
            monkeypatch.delitem(REVISIONS, name)
    epochs, overrides, finished = (
        epochs_before_resume(folder),
        overrides_of(folder),
        folder.with_suffix(""),
    )
    train(compose(*overrides))
    assert is_continued(finished, epochs)
    uninterrupted = train(compose(*overrides, "study=whole"))
    assert_same(finished, Path("runs", "whole", uninterrupted.run))


@pytest.mark.slow
def test_a_stack_goes_on_where_it_was_stopped(earlier, on_cpu):
    study = Path("runs", "stopped_stack")
    epochs = {folder.stem: epochs_before_resume(folder) for folder in sorted(study.glob("*.part"))}
    first_overrides, second_overrides = (overrides_of(study / f"{name}.part") for name in epochs)
    common = [
        override
        for override in first_overrides
        if override in second_overrides and not override.startswith("study=")
    ]
    sweep = [*common, "seed=0,1", "hydra/launcher=vectorized", "hydra.launcher.size=2"]
    for name in ("stopped_stack", "whole"):
        multirun([*sweep, f"study={name}"])
    for name, before in epochs.items():
        assert is_continued(study / name, before)
        (whole,) = Path("runs", "whole").glob(f"*-{name[-10:]}")
        assert_same(study / name, whole)


@pytest.mark.slow
@pytest.mark.parametrize("folder", FINISHED, ids=study_and_run)
def test_it_is_verified_or_what_is_different_is_named(folder, earlier):
    lines, same = verify(folder)
    causes = [line for line in lines if re.match(r"  (version|machine|training): ", line)]
    assert same or causes, lines


def path_of(study, beginning):
    """The folder of the one finished run of a study whose name begins so."""
    (folder,) = [f for f in FINISHED if f.parent.name == study and f.name.startswith(beginning)]
    return folder


EMA = "lepton.regularization.ema.EMA"
GROWN = {
    "regularization.ema": EMA,
    "model": "lepton.model.mlp.MLP",
    "trainer": "lepton.trainer.default.Trainer",
    "optimizer": "torch.optim.adamw.AdamW",
    "preprocessing": "lepton.preprocessing.table.TablePreprocessing",
    "dataset": "lepton.dataset.data.Data",
}


@pytest.fixture(params=GROWN)
def grown(request, monkeypatch):
    """The path of an option whose class has learned the key `later`, which was 3 before."""
    with learned(GROWN[request.param], monkeypatch):
        yield request.param


@contextmanager
def learned(target, monkeypatch):
    """A class that has learned the key `later`, which was 3 before."""
    module, _, name = target.rpartition(".")
    cls = getattr(importlib.import_module(module), name)
    constructor, read = cls.__init__, signature._class_signature

    def __init__(self, *args, later, **kwargs):
        constructor(self, *args, **kwargs)

    def with_later(node, *place):
        found = read(node, *place)
        later = {"later": Parameter(True, ast.parse("int", mode="eval").body)}
        is_grown = node.name == name
        return replace(found, parameters={**found.parameters, **later}) if is_grown else found

    monkeypatch.setattr(cls, "__init__", __init__)
    monkeypatch.setattr(signature, "_class_signature", with_later)
    monkeypatch.setitem(YOUNGER_KEYS, f"{module}.{name}", {"later": 3})
    signature.read_signature.cache_clear()
    yield
    signature.read_signature.cache_clear()


@pytest.mark.slow
def test_a_key_younger_than_a_run_is_no_part_of_its_id_while_it_is_as_before(grown, earlier):
    folder = path_of("table", "csv-mlp")
    composed = {
        words: run_folder(check(compose(*overrides_of(folder), *words)))
        for words in [(), (f"{grown}.later=3",), (f"{grown}.later=4",)]
    }
    same, named, other = composed.values()
    assert same == named == folder
    assert other.parent == folder.parent
    assert other != folder


@pytest.mark.slow
def test_a_key_younger_than_a_run_is_added_when_the_run_is_loaded(grown, earlier):
    folder = path_of("table", "csv-mlp")
    node = check(OmegaConf.create(read_config(folder / "config.yaml")))
    for name in grown.split("."):
        node = node[name]
    assert node["later"] == 3
    test_its_model_predicts_what_it_predicted_then(folder, earlier)


def ensemble_folder(lepton, *overrides):
    """The folder of the ensemble that a command means."""
    code, out, err = lepton("check", "ensemble", *overrides)
    assert code == 0, err
    return re.search(r"runs/combined/\S+", out)[0]


@pytest.mark.slow
@pytest.mark.parametrize("of_command", [False, True], ids=["option", "command"])
def test_a_key_younger_than_an_ensemble_is_no_part_of_its_id_while_it_is_as_before(
    of_command, earlier, lepton, monkeypatch
):
    folder = ENSEMBLES[0]
    command = "lepton.ensemble.derivation.Ensemble"
    target = command if of_command else ensemble_method(folder)
    key = "later" if of_command else "method.later"
    monkeypatch.setattr(derivation, "NAMED_KEYS", (*derivation.NAMED_KEYS, "later"))
    with learned(target, monkeypatch):
        words = overrides_of(folder)
        same, named, other = (
            ensemble_folder(lepton, *words, *added) for added in [(), (f"{key}=3",), (f"{key}=4",)]
        )
        assert same == named == str(folder)
        assert other != same
        test_its_model_predicts_what_it_predicted_then(folder, earlier)
        assert not [line for line in verify(folder)[0] if "revision" in line]


@pytest.mark.slow
def test_a_revision_changes_the_ids_of_the_ensembles_that_use_it_alone(
    earlier, lepton, monkeypatch
):
    target = ensemble_method(ENSEMBLES[0])
    monkeypatch.setitem(REVISIONS, target, (CHANGE,))
    for folder in ENSEMBLES:
        is_moved = ensemble_folder(lepton, *overrides_of(folder)) != str(folder)
        assert is_moved == (ensemble_method(folder) == target)
    folder = ENSEMBLES[0]
    lines, _ = verify(folder)
    (line,) = [line for line in lines if "revision" in line]
    method = read_config(folder / "config.yaml")["choices"]["ensemble"]
    assert line.endswith(f"revision: method={method} had revision 0, now 1: {CHANGE}")
    code, _, err = lepton("ensemble", *overrides_of(folder), "keep=true")
    assert code == 0, err
    frame = load(folder.parent.name).set_index("run")
    assert sorted(frame["model.method.revision"].dropna()) == [0, 1]


def ensemble_method(folder):
    """The class of an ensemble's method."""
    return read_config(folder / "config.yaml")["ensemble"]["method"]["_target_"]


@pytest.mark.parametrize("grown", ["regularization.ema"], indirect=True)
def test_a_key_that_an_option_does_not_know_is_not_added(grown, earlier):
    config = check(OmegaConf.create(read_config(path_of("table", "csv-mlp") / "config.yaml")))
    assert "later" not in config["regularization"]["dropout"]
    assert "later" not in config["model"]


@pytest.mark.slow
@pytest.mark.parametrize("grown", ["regularization.ema"], indirect=True)
def test_runs_older_and_younger_than_a_key_are_repetitions_while_it_is_as_before(grown, earlier):
    folder = path_of("table", "csv-mlp")
    for words in ["regularization.ema.later=3", "seed=1"], ["regularization.ema.later=4", "seed=0"]:
        train(compose(*overrides_of(folder), *words))
    frame = load("table").query("model == 'mlp' and status == 'finished'")
    assert sorted(frame["regularization.ema.later"]) == [3, 3, 4]
    assert frame.set_index("run").loc[folder.name, "regularization.ema.later"] == 3
    assert varying_settings(frame, chosen_groups(frame)) == ["regularization.ema.later"]


CHANGE = "the average begins with the first weights"


@pytest.fixture
def revised(monkeypatch):
    """An option whose results have changed although its config has not."""
    monkeypatch.setitem(REVISIONS, EMA, (CHANGE,))


@pytest.mark.slow
def test_a_revision_changes_the_ids_of_the_runs_that_use_it_alone(revised, earlier):
    same = [f for f in TRAINED if f not in STARTED]
    moved = [f for f in same if run_folder(check(compose(*overrides_of(f)))) != f]
    assert moved == [path_of("table", "csv-mlp")]


@pytest.mark.slow
def test_runs_of_two_revisions_are_compared_as_two_options(revised, earlier):
    folder = path_of("table", "csv-mlp")
    later = train(compose(*overrides_of(folder)))
    assert later.run != folder.name
    assert read_config(folder.parent / later.run / "config.yaml")["revisions"] == {
        "regularization.ema": 1
    }
    frame = load("table").query("model == 'mlp' and status == 'finished'").set_index("run")
    column = "regularization.ema.revision"
    assert dict(frame[column]) == {folder.name: 0, later.run: 1}
    assert varying_settings(frame, chosen_groups(frame)) == [column]
    test_its_model_predicts_what_it_predicted_then(folder, earlier)


@pytest.mark.slow
def test_verify_names_the_revision_that_a_run_was_not_made_with(revised, earlier):
    lines, _ = verify(path_of("table", "csv-mlp"))
    (line,) = [line for line in lines if "revision" in line]
    assert line.endswith(f"revision: regularization=ema had revision 0, now 1: {CHANGE}")


@pytest.mark.slow
def test_a_run_of_a_later_lepton_is_told_to_be_one(earlier, monkeypatch):
    folder = path_of("table", "csv-mlp")
    with monkeypatch.context() as later_lepton:
        later_lepton.setitem(REVISIONS, EMA, (CHANGE,))
        run = train(compose(*overrides_of(folder), "study=later")).run
    lines, _ = verify(Path("runs", "later", run))
    assert any("had revision 1, now 0: this version of lepton is older" in line for line in lines)
