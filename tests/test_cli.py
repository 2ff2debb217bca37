import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import yaml

from lepton.cli import COMMANDS
from lepton.commands.help_text import command_help, head_line
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder
from lepton.config.options import CONF_DIR
from lepton.errors import LeptonError

ROOT = Path(__file__).parents[1]
SMALL = ("dataset=wine", "model=mlp_small", "trainer=smoke")


@pytest.fixture
def refused(lepton, here):
    """The lines of a refusal, each lepton's own; nothing else is said and nothing is written."""

    def refused(*arguments):
        before = sorted(here.rglob("*"))
        code, stdout, stderr = lepton(*arguments)
        lines = stderr.splitlines()
        assert (code, stdout) == (2, ""), stderr
        assert lines
        assert all(line.startswith("lepton: ") for line in lines), stderr
        assert "Traceback" not in stderr
        assert sorted(here.rglob("*")) == before
        return [line.removeprefix("lepton: ") for line in lines]

    return refused


@pytest.mark.parametrize(
    ("override", "start", "phrase"),
    [
        ("model=mpl", "model=mpl: no such option", "did you mean 'mlp'?"),
        ("model=MLP", "model=MLP: no such option", "options: audio_cnn"),
        ("hydra/launcher=joblib", "hydra/launcher=joblib: no such option", "options: auto, basic"),
        ("hydra/launcher=joblib", "hydra/launcher=joblib: ", "; write hydra/launcher=parallel"),
        ("hydra/sweeper=optuna", "hydra/sweeper=optuna: ", "; write hydra/sweeper=search"),
        ("+callbacks=x", "callbacks=x: no such option", "; several as callbacks=[A,B]"),
        ("hydra.sweeper.params.seed=1,2", "hydra.sweeper.params.seed: ", "write -m seed=1,2"),
        ("modle/x=mlp", "modle/x: no such group", "did you mean 'model'?"),
        ("optimizer.lrr=1", "optimizer.lrr: optimizer=adamw has no such key", "mean 'lr'?"),
        ("+optimizer.lrr=1", "optimizer.lrr: optimizer=adamw has no such key", "mean 'lr'?"),
        ("++optimizer.lrr=1", "optimizer.lrr: optimizer=adamw has no such key", "mean 'lr'?"),
        ("modle=mlp", "modle: lepton train has no such key", "did you mean 'model'?"),
        ("+sead=1", "sead: lepton train has no such key", "did you mean 'seed'?"),
        ("lr=0.1", "lr: lepton train has no such key", "write optimizer.lr"),
        ("epochs=3", "epochs: lepton train has no such key", "; write trainer.max_epochs"),
        ("patience=3", "patience: lepton train has no such key", "; write trainer.patience"),
        ("mixup=0.2", "mixup: lepton train has no such key", "; write augmentation=mixup"),
        ("hidden=[8]", "hidden: lepton train has no such key", "; write model.hidden"),
        ("target=risk", "target: lepton train has no such key", "write dataset.target"),
        ("task.monitr=auroc", "task.monitr: task=supervised has no", "did you mean 'monitor'?"),
        ("seed=abc", "seed: 'abc' is not int", ""),
        ("seed=1.0", "seed: 1.0 is not int", ""),
        ("seed=true", "seed: True is not int", ""),
        ("seed=null", "seed: None is not int", ""),
        ("seed=1e400", "seed: inf is not int", ""),
        ("rerun=yes", "rerun: 'yes' is not bool", ""),
        ("study=3", "study: 3 is not str", ""),
        ("task=x", "task=x: no such option", "options: anomaly, contrastive, supervised"),
        ("task=null", "task=null: chooses nothing", "write task=NAME"),
        ("optimizer.lr='1'", "optimizer.lr: '1' is not float", ""),
        ("optimizer.betas=[0.9]", "optimizer.betas: [0.9] is not [float", ""),
        ("model.k=[a]", "model.k: ['a'] is not int, 1 at least", ""),
        ("model.arch=tabn", "model.arch: 'tabn' is not one of tabm, tabm-mini", ""),
        ("dataset.columns=[a]", "dataset.columns: ", ""),
        ("seed=???", "seed: has no value yet", "give seed=..."),
        ("~seed", "seed: missing; lepton train needs it", ""),
        ("~dataset.target", "dataset.target: missing; dataset=german_credit needs it", ""),
        ("~nosuch", "Could not delete", "'nosuch'"),
        ("seed=${nosuch.key}", "seed: ", "'nosuch.key' not found"),
        ("seed=${oc.env:NOPE}", "seed: ", "'NOPE' not found"),
        ("seed=1,2", "seed=1,2: several values need a sweep", "add -m"),
        ("model=mlp,resnet", "model=mlp,resnet: several values need a sweep", "add -m"),
        ("seed=range(3)", "seed=range(3): several values need a sweep", "add -m"),
        ("model=[mlp,resnet]", "model=[mlp,resnet]: model takes one option", "model=A,B with -m"),
        ("model=[mlp]", "model=[mlp]: model takes one option", ""),
        ("~model", "~model: chooses nothing", "write model=NAME"),
        ("model=", "model=: chooses nothing", "options: audio_cnn"),
        ("model=null", "model=null: chooses nothing", "write model=NAME"),
        ("regularization=[]", "regularization=[]: chooses nothing", "regularization=none"),
        ("", "'' cannot be read", "key=value"),
        ("a", "'a' cannot be read", "group=option"),
        ("=", "'=' cannot be read", "key=value"),
        ("=3", "'=3' cannot be read", "key=value"),
        ("seed=1=2", "'seed=1=2' cannot be read", "quotes"),
        ("hydra=3", "'hydra=3' cannot be read", ""),
        ("größe=3", "'größe=3' cannot be read", ""),
        (
            "dataset.target=größe",
            "'dataset.target=größe' cannot be read",
            "'dataset.target=\"größe\"'",
        ),
        ("runs=~/here", "'runs=~/here' cannot be read", "'runs=\"~/here\"'"),
        ("seed=${batch_size", "'seed=${batch_size' cannot be read", ""),
        ("batch_size=0", "batch_size: 0 is too small", "1 at least"),
        ("batch_size=-3", "batch_size: -3 is too small", ""),
        ("trainer.max_epochs=0", "trainer.max_epochs: 0 is not int, 1 at least", ""),
        ("trainer.max_epochs=-1", "trainer.max_epochs: -1 is not int, 1 at least", ""),
        ("trainer.limit_batches=0", "trainer.limit_batches: 0 is not int, 1 at least", ""),
        ("trainer.accumulate_grad_batches=0", "trainer.accumulate_grad_batches: 0 is not int", ""),
        ("trainer.threads=0", "trainer.threads: 0 is not int, 1 at least", ""),
        ("study=../x", "study: '../x' is not a plain name", "runs=FOLDER"),
        ("study=/tmp/x", "study: '/tmp/x' is not a plain name", ""),
        ("study=..", "study: '..' is not a plain name", ""),
        ("study=", "study: '' is not a plain name", ""),
        ("study='a b'", "study: 'a b' is not a plain name", ""),
        ("choices.model=../../x", "choices.model: set by lepton, not by hand", ""),
        ("overrides=[a]", "overrides: set by lepton, not by hand", ""),
        ("model.spec=3", "model.spec: set by lepton, not by hand", ""),
        ("_target_=os.system", "_target_: lepton train has no such key", ""),
        ("hydra.nosuch=3", "hydra.nosuch: ", ""),
        (
            "dataset.path=x.csv",
            "dataset.path: dataset=german_credit has no such key",
            "; a key of dataset=audio_folder, csv, ",
        ),
        (
            "optimizer.nesterov=true",
            "optimizer.nesterov: optimizer=",
            "; a key of optimizer=muon, sgd",
        ),
        (
            "regularization.early_stopping.patience=3",
            "regularization.early_stopping.patience: regularization=early_stopping is not chosen",
            "several as regularization=[A,B]",
        ),
        (
            "augmentation.mixpu.alpha=0.3",
            "augmentation.mixpu.alpha: there is no augmentation=mixpu",
            "mean 'mixup'?",
        ),
        ("augmentation.mixup=0.2", "augmentation.mixup: 0.2 is not an option", "mixup.KEY=VALUE"),
        (
            "augmentation.alpha=0.2",
            "augmentation.alpha: 0.2 is not an option",
            "; write augmentation.NAME.alpha, where NAME is that of cutmix, embedding_mixup, mixup",
        ),
        (
            "adversarial.epsilon=0.1",
            "adversarial.epsilon: 0.1 is not an option",
            "; write adversarial.NAME.epsilon, where NAME is that of fgm, fgsm, freelb, mart, ",
        ),
        (
            "augmentation.generated.generator=null",
            "augmentation.generated.generator=null: chooses nothing",
            "; write augmentation.generated.generator=NAME (options: bootstrap, copula, ",
        ),
        ("augmentation.x=0.2", "augmentation.x: 0.2 is not an option", "no augmentation=x"),
        ("model", "'model' cannot be read", "; write model=OPTION, `lepton list model` shows them"),
        ("mlp_small", "'mlp_small' cannot be read", "; write model=mlp_small"),
        ("none", "'none' cannot be read", "; write key=value or group=option"),
        ("x.csv", "'x.csv' cannot be read", "; write dataset=csv dataset.path=x.csv"),
        ("dataset=x.csv", "dataset=x.csv: no such", "; write dataset=csv dataset.path=x.csv (op"),
        ("seed=1 study=a", "'seed=1 study=a' cannot be read", "; write 2 words: seed=1 study=a"),
    ],
)
def test_a_mistake_gets_one_line_and_writes_nothing(refused, override, start, phrase):
    (line,) = refused("train", override)
    assert line.startswith(start)
    assert phrase in line


def test_a_number_where_a_list_belongs_is_told_how_it_is_written(refused):
    (line,) = refused("train", "model=mlp", "model.hidden=64")
    assert line.startswith("model.hidden: 64 is not list")
    assert "write model.hidden=[64]" in line


@pytest.mark.parametrize(
    "override", ["model=mpl", "+sead=1", "seed=abc", "~seed", "seed=${no}", "a"]
)
def test_check_says_of_a_mistake_what_train_says(refused, override):
    assert refused("check", override) == refused("train", override)


@pytest.mark.parametrize("flags", [(), ("-m",)])
def test_a_key_whose_value_cannot_be_read_is_not_said_to_lack_one(refused, here, flags):
    (here / "x.csv").write_text("a,b c\n1,2\n")
    words = ("dataset=csv", "dataset.path=x.csv", "dataset.target=b (c")
    (line,) = refused("train", *flags, *words)
    assert line.startswith("'dataset.target=b (c' cannot be read")


@pytest.mark.parametrize("override", ["study=" + "a" * 5000, "+" + "k" * 3000 + "=1"])
def test_a_very_long_word_is_refused_as_any_other(refused, override):
    assert len(refused("check", override)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("optimizer=schedule_free_adamw", "scheduler=cosine"), "optimizer, scheduler: "),
        (("optimizer=schedule_free_adamw", "regularization=ema"), "optimizer, regularization: "),
        (("model.dropout=0.3", "model=resnet"), "model.dropout: model=resnet has no such key"),
        (("dataset=csv", "dataset.path=no.csv", "dataset.target=y"), "dataset.path: no such file"),
        (("dataset=csv", "dataset.path=.", "dataset.target=y"), "dataset.path: '.' is a folder"),
    ],
)
def test_options_that_are_wrong_together_are_told_in_a_line(refused, arguments, message):
    (line,) = refused("train", *arguments)
    assert line.startswith(message)


def test_all_mistakes_of_a_config_are_told_at_once(refused):
    arguments = (
        "model.widht=3",
        "optimizer.lrr=1",
        "sead=1",
        "seed=abc",
        "model._target_=os.system",
    )
    assert [line.partition(":")[0] for line in refused("train", *arguments)] == [
        "seed",
        "sead",
        "model._target_",
        "optimizer.lrr",
    ]
    assert {line.partition(":")[0] for line in refused("train", "dataset=csv")} == {
        "dataset.path",
        "dataset.target",
    }


def test_all_words_that_cannot_be_understood_are_told_at_once(refused):
    lines = refused("train", "model=mpl", "modl/x=3", "seed=1,2", "a")
    assert [line.split(": ")[0] for line in lines][:3] == ["model=mpl", "modl/x", "seed=1,2"]
    assert len(lines) == 4


def test_a_sweep_with_a_mistake_in_one_job_starts_none(refused):
    lines = refused("train", "-m", *SMALL, "seed=1,a,b")
    assert lines == ["seed: 'a' is not int", "seed: 'b' is not int"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=range(0)", "holds no value"),
        ("optimizer.lr=interval(0,1)", "an interval has no list of values"),
        ("model=glob(q*)", "chooses nothing"),
        ("model=mlp,mpl", "did you mean 'mlp'?"),
        ("model=[mlp,resnet],tabm", "takes one option"),
        ("study=../x,y", "not a plain name"),
        ("choices.model=../x,y", "set by lepton"),
        ("model=mlp,", "cannot be read"),
        ("seed=${nosuch},2", "'nosuch' not found"),
        (
            "hydra.launcher.n_jobs=4",
            "hydra.launcher.n_jobs: no such key; write hydra.launcher.work",
        ),
        ("hydra.sweeper.n_jobs=4", "hydra.sweeper.n_jobs: no such key; write hydra.launcher.work"),
        ("hydra.launcher.wokers=4", "did you mean 'workers'? (keys: threads, size, workers"),
    ],
)
def test_a_mistake_in_a_sweep_gets_one_line(refused, override, message):
    (line,) = refused("check", "-m", override)
    assert message in line


@pytest.mark.parametrize("command", [("train",), ("train", "-m")])
@pytest.mark.parametrize("broken", ["a.txt", "a.txt/b"])
def test_runs_that_cannot_be_written_are_told_in_a_line(lepton, here, command, broken):
    (here / "a.txt").write_text("a file")
    code, out, message = lepton(*command, *SMALL, f"runs={broken}")
    assert (code, out) == (2, "")
    line = message.splitlines()[-1].removeprefix("lepton: ")
    assert "Traceback" not in message
    assert [p.name for p in here.iterdir()] == ["a.txt"]
    assert line.startswith(f"runs: cannot write to {broken}/default")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trian",), "trian: no such command; did you mean 'train'?"),
        (("-m",), "-m: no such command"),
        (("train", "--foo"), "--foo: no such flag; keys have no dashes, as optimizer.lr=0.1"),
        (("train", "-"), "-: no such flag"),
        (
            ("train", "--model", "mlp"),
            "--model: no such flag; groups and keys have no dashes: writ",
        ),
        (
            ("train", "--seed=3"),
            "--seed=3: no such flag; groups and keys have no dashes: write seed",
        ),
        (("results",), "results: give STUDY; usage: lepton results STUDY"),
        (("report",), "report: give STUDY; usage: lepton report STUDY"),
        (("verify",), "verify: usage: lepton verify RUN"),
        (("sweep",), "sweep: usage: lepton sweep status STUDY"),
        (("train", "--config-path", "/tmp"), "--config-path: write --config-dir FOLDER"),
        (("train", "-cp", "/tmp"), "-cp: write --config-dir FOLDER"),
        (("train", "-cd", "/tmp"), "-cd: write --config-dir FOLDER"),
        (("train", "--config-name", "mine"), "--config-name: write experiment=NAME"),
        (("check", "-cn=mine"), "-cn=mine: write experiment=NAME"),
        (("train", "--run"), "--run: leave it out"),
        (("train", "--multirun=3"), "--multirun=3: takes no value; write -m"),
        (("train", "--cfg=job"), "--cfg=job: write --cfg job"),
        (("train", "--experimental-rerun", "x.pickle"), "--experimental-rerun: give the run's own"),
        (("train", "--config-dir"), "--config-dir: needs a value"),
        (("train", "--config-dir", "nope"), "--config-dir nope: no such folder"),
        (("train", "--config-dir=nope"), "--config-dir nope: no such folder"),
        (("train", "--allow"), "--allow: needs a value"),
        (("train", "--allow", "-m"), "--allow: needs a value"),
        (("train", "--allow="), "--allow: needs a value"),
        (("train", "--cfg"), "--cfg: needs a value: job, hydra, all"),
        (("train", "--cfg", "jbo"), "--cfg jbo: no such thing to show"),
        (("train", "--info", "nope"), "--info nope: no such thing to show"),
        (("train", "--resolve"), "--resolve: goes with --cfg"),
        (("train", "--cfg", "job", "model=mpl"), "model=mpl: no such option"),
        (("check", "--cfg", "job"), "--cfg: for `lepton train` alone"),
        (("list", "modle"), "modle: no such group; did you mean 'model'?"),
        (("list", "model/mpl"), "model=mpl: no such option; did you mean 'mlp'?"),
        (("results", "nope"), "nope: no such study"),
        (("-sc",), "-sc: needs install=SHELL"),
        (("-sc", "query=bash"), "-sc query: for the shell alone"),
    ],
)
def test_a_wrong_command_or_flag_gets_one_line(refused, arguments, message):
    (line,) = refused(*arguments)
    assert line.startswith(message)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",)])
def test_help_has_a_line_for_every_command(lepton, arguments):
    code, out, _ = lepton(*arguments)
    assert code == 0
    for module in COMMANDS.values():
        usage, summary = head_line(command_help(module))
        assert f"  {usage}" in out
        assert summary in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_module_whose_docstring_is_its_help(lepton, name):
    module = importlib.import_module(COMMANDS[name])
    assert callable(module.main)
    usage, summary = head_line(module.__doc__)
    assert usage.startswith(f"lepton {name} ")
    assert summary
    words, heading, examples = re.split("(\n\nexamples?:\n)", module.__doc__)
    assert examples.startswith(f"  lepton {name}")
    for flag in ("--help", "-h"):
        code, out, errors = lepton(name, "anything", flag)
        assert (code, errors) == (0, "")
        assert out.startswith(words)
        assert out.endswith(heading + examples.rstrip() + "\n")
        shared = out.removeprefix(words).partition(heading)[0].split()
        assert [word for word in shared if word.startswith("-")] == ["--config-dir", "--allow"]


def test_version_is_that_of_the_distribution(lepton, monkeypatch):
    monkeypatch.setattr(
        "importlib.metadata.version", lambda name: {"lepton-experiments": "7"}[name]
    )
    assert lepton("--version") == (0, "lepton 7\n", "")


def test_sources_that_are_not_installed_are_told_to_have_no_version(lepton, monkeypatch):
    def not_installed(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", not_installed)
    message = "lepton: lepton runs from its sources and is not installed; pip install .\n"
    assert lepton("--version") == (2, "", message)


def test_check_names_the_run_and_its_folder_and_writes_nothing(lepton, here):
    code, out, _ = lepton("check", *SMALL, "seed=4", "runs=elsewhere")
    assert code == 0
    assert "1 to train" in out
    assert f"elsewhere{os.sep}default{os.sep}wine-mlp_small-s4-" in out
    assert not list(here.iterdir())


def test_check_of_a_sweep_names_every_run_once(lepton, here):
    code, out, _ = lepton("check", "-m", "model=mlp,resnet", "seed=1,1,2")
    assert code == 0
    first, *jobs = out.splitlines()
    assert first.startswith("4 runs (6 combinations, 2 mean the same run)")
    assert [line.split()[-2:] for line in jobs] == [
        [f"model={model}", f"seed={seed}"] for model in ("mlp", "resnet") for seed in (1, 2)
    ]
    assert not list(here.iterdir())


def test_a_glob_names_the_options_that_list_shows(lepton):
    _, out, _ = lepton("check", "-m", "dataset=glob(d*,exclude=digits)")
    assert [line.split()[-1] for line in out.splitlines()[1:]] == [
        "dataset=diabetes",
        "dataset=digits_flat",
    ]


@pytest.mark.parametrize(
    ("overrides", "same_overrides"),
    [
        (("seed=1", "seed=2"), ("seed=2",)),
        (("model=mlp", "model=resnet"), ("model=resnet",)),
        (("seed=5", "batch_size=${seed}"), ("seed=5", "batch_size=5")),
        (("seed=${nosuch}", "seed=3"), ("seed=3",)),
        (("model.blocks=3", "model=resnet"), ("model=resnet", "model.blocks=3")),
        (("regularization=ema",), ("regularization=[ema]",)),
        (("regularization=[ema,ema]",), ("regularization=ema",)),
        (("regularization=[none]",), ()),
        (("regularization=[l1,ema]",), ("regularization=[ema,l1]",)),
        (("experiment=none",), ()),
        (("optimizer.lr=1e-3",), ("optimizer.lr=0.001",)),
    ],
)
def test_two_ways_to_say_the_same_name_the_same_run(here, overrides, same_overrides):
    spellings = (overrides, same_overrides)
    folders = [run_folder(check(compose(*spelling))) for spelling in spellings]
    assert folders[0] == folders[1]


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("hydra.run.dir=x", "runs=FOLDER"),
        ("hydra.sweep.dir=x", "study=NAME"),
        ("hydra.sweep.subdir=x", "study=NAME"),
        ("hydra.output_subdir=x", "study=NAME"),
        ("hydra.job.chdir=true", "in the working directory"),
        ("hydra.mode=MULTIRUN", "-m makes a sweep"),
        ("++hydra.verbose=true", "hydra.launcher, hydra.sweeper"),
        ("hydra/job_logging=default", "hydra.launcher, hydra.sweeper"),
    ],
)
@pytest.mark.parametrize("command", [("check",), ("train",), ("train", "-m")])
def test_what_lepton_does_not_heed_of_hydras_own_is_refused(lepton, here, command, override, hint):
    code, _, err = lepton(*command, *SMALL, override)
    assert code == 2
    [line] = err.splitlines()
    assert override.lstrip("+").partition("=")[0] in line
    assert hint in line
    assert not list(here.iterdir())


def test_what_check_calls_a_run_is_where_train_puts_it(lepton, here):
    arguments = (*SMALL, "batch_size=${dataset.split_seed}", "dataset.split_seed=32")
    folder = re.search(r"to train  (\S+)", lepton("check", *arguments)[1])[1]
    assert lepton("train", *arguments)[0] == 0
    assert (here / folder / "result.json").is_file()
    assert "1 finished" in lepton("check", *arguments)[1]
    assert sorted(p.name for p in here.iterdir()) == ["runs"]


def test_cfg_job_shows_the_composed_config_and_runs_nothing(lepton, here):
    code, out, _ = lepton("train", "--cfg", "job", "seed=7", "model=linear")
    assert code == 0
    assert "\nseed: 7\n" in f"\n{out}"
    assert "_target_: lepton.model.linear.Linear" in out
    assert not list(here.iterdir())


def test_info_shows_leptons_plugins(lepton):
    assert "Grid" in lepton("train", "--info", "plugins")[1]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("lepton train model=ml", ["model=mlp", "model=mlp_small"]),
        ("lepton check optimizer=adamw scheduler=war", ["scheduler=warmup_"]),
        ("lepton train optimizer.weight", ["optimizer.weight_decay="]),
        ("lepton train --al", ["--allow"]),
        ("lepton ensemble me", ["method=", "metric="]),
        ("lepton ensemble method=g", ["method=greedy", "method=geometric_mean"]),
        ("lepton ensemble method=greedy method.si", ["method.size="]),
        ("lepton check ensemble ke", ["keep="]),
        ("lepton check en", ["ensemble"]),
        ("lepton ensemble runs=th", ["runs=this_study"]),
        ("lepton results th", ["this_study"]),
        ("lepton results this_study --co", ["--compare"]),
        ("lepton report this_study th", ["this_study"]),
        ("lepton verify runs/th", ["runs/this_study/run"]),
        ("lepton sweep st", ["status"]),
        ("lepton list model/ml", ["model/mlp", "model/mlp_small"]),
        ("lepton v", ["verify"]),
        ("lepton show dataset=w", ["dataset=wine"]),
        ("lepton show sam", ["samples="]),
    ],
)
def test_the_shell_is_offered_options_keys_and_places(lepton, here, monkeypatch, line, offered):
    for name in ("run", "run2.part"):
        (here / "runs" / "this_study" / name).mkdir(parents=True)
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    code, out, _ = lepton("-sc", "query=bash")
    assert code == 0
    completions = out.split()
    assert all(completion.startswith(line.split()[-1]) for completion in completions)
    assert all(any(completion.startswith(o) for completion in completions) for o in offered)


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.parametrize(
    "words", ["", "bogus x", "ensemble method=nope x", "train model=nope x=", "results nope z", "-"]
)
def test_a_line_with_mistakes_is_offered_nothing_and_told_nothing(
    lepton, monkeypatch, shell, words
):
    monkeypatch.setenv("COMP_LINE", f"lepton {words}")
    code, out, stderr = lepton("-sc", f"query={shell}")
    assert (code, stderr) == (0, "")
    assert "Traceback" not in out
    assert len(out.split()) == (len(COMMANDS) + 1 if words == "" else 0)


def test_the_completion_script_is_for_lepton(lepton):
    code, out, _ = lepton("-sc", "install=bash")
    assert code == 0
    assert out.rstrip().endswith("lepton")


def test_ctrl_c_is_told_in_a_line(lepton, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lepton.config.listing.describe_options", interrupted)
    code, _, message = lepton("list")
    assert code == 130
    assert message.startswith("lepton: interrupted")


def test_every_line_of_an_error_is_marked_as_leptons(lepton, monkeypatch):
    def fails(*_):
        raise LeptonError("one\ntwo")

    monkeypatch.setattr("lepton.config.listing.describe_options", fails)
    assert lepton("list") == (2, "", "lepton: one\nlepton: two\n")


IMPORTS_NOTHING_HEAVY = """
import sys
from lepton.cli import main
for arguments in (["--help"], ["results", "--help"], ["verify", "-h"], ["list"],
              ["list", "model/mlp"], ["train", "model.widht=3"], ["train", "model=mpl"],
              ["check", "seed=x"], ["nope"]):
    sys.argv = ["lepton", *arguments]
    main()
    heavy = {"torch", "pandas", "sklearn", "pytorch_lightning", "numpy"} & set(sys.modules)
    assert not heavy, (arguments, heavy)
sys.argv = ["lepton", "list"]
"""


def test_help_list_and_mistakes_of_words_import_nothing_heavy(here):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.run(
        [sys.executable, "-c", IMPORTS_NOTHING_HEAVY],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr


def test_help_and_list_import_no_hydra_and_python_m_lepton_is_the_command(here):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for arguments in (["--help"], ["list"]):
        process = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "lepton", *arguments],
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0
        assert not {"hydra", "omegaconf", "torch"} & {
            line.rpartition("|")[2].strip() for line in process.stderr.splitlines()
        }
    assert all(group.name in process.stdout for group in CONF_DIR.iterdir() if group.is_dir())


def test_markup_in_a_folder_or_an_error_is_shown_as_it_is(lepton, here):
    overrides = ("dataset=wine", "model=linear", "trainer.max_epochs=1", 'runs="[/x]/r"')
    code, out, _ = lepton("train", *overrides, "study=s")
    assert code == 0
    assert "[/x]/r/s/wine-linear-s0" in out.splitlines()[-1]
    failed = here / "[/x]" / "r" / "s" / "a-b-s0-0000000000.failed"
    failed.mkdir()
    failure = {"status": "failed", "error": "E: [/done] \x1b[2J\nx", "traceback": "", "run": "a"}
    (failed / "failure.json").write_text(json.dumps(failure))
    code, out, _ = lepton("results", "[/x]/r/s")
    assert code == 0
    assert r"E: [/done] \x1b[2J\nx" in out
    assert "1 finished" in out


def test_the_citation_has_the_version_and_the_licence_of_the_distribution():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
