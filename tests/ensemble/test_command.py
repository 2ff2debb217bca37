"""The words of `lepton ensemble`: mistakes cost a line and write nothing; the result is shown."""

import re
from pathlib import Path

import pytest

from lepton.config.command import COMMON_KEYS
from lepton.config.options import CONF_DIR, find_options
from lepton.config.signature import read_signature
from tests.ensemble.conftest import compose_ensemble as compose


@pytest.mark.parametrize("method", sorted(find_options()["ensemble"]))
def test_every_method_composes(method):
    config = compose("runs=x", f"method={method}")
    assert config["label"] == method
    assert config["method"]["_target_"].startswith(f"lepton.ensemble.{method}.")


@pytest.mark.parametrize("method", sorted(find_options()["ensemble"]))
def test_the_keys_of_a_method_are_its_arguments_and_no_argument_has_a_default(method):
    node = compose("runs=x", f"method={method}")["method"]
    signature = read_signature(node["_target_"])
    assert set(node) - {"_target_"} == set(signature.parameters) - {"task"}
    assert not signature.takes_any_key
    assert all(parameter.required for parameter in signature.parameters.values())


def test_the_root_has_a_comment_for_each_key_and_no_other_keys_than_are_checked():
    lines = (CONF_DIR / "ensemble.yaml").read_text().splitlines()
    values = [line for line in lines if re.match(r"\w+: \S", line)]
    taken = read_signature("lepton.ensemble.derivation.Ensemble").parameters
    keys = {line.partition(":")[0] for line in values} - {"_target_"}
    assert keys == {*COMMON_KEYS, *taken} - {"method"}
    assert all("  # " in line for line in values if "_target_" not in line)


def test_keys_of_a_method_are_set_and_runs_may_be_a_list():
    config = compose("runs=[a,runs/b*]", "method=greedy", "method.size=3", "max_members=4")
    assert (config["runs"], config["method"]["size"], config["max_members"]) == (
        ["a", "runs/b*"],
        3,
        4,
    )


@pytest.mark.parametrize(
    ("arguments", "start", "phrase"),
    [
        ([], "runs: has no value yet", "give runs=..."),
        (["runs=nothing"], "nothing: no such study", "studies in ./runs: binary"),
        (["runs=nothing/*"], "runs: nothing/*: no folder matches", ""),
        (["runs=[]"], "runs: ", "here is none"),
        (["runs=binary", "method=greddy"], "method=greddy: no such option", "mean 'greedy'?"),
        (["runs=binary", "method=[mean,vote]"], "method=[mean,vote]: method takes one", ""),
        (["runs=binary", "method=mean,vote"], "method=mean,vote: lepton ensemble takes one", ""),
        (["runs=a,b"], "runs=a,b: lepton ensemble takes one value", "runs=[A,B]"),
        (["runs=binary", "select=test"], "select: test: ", "no honest test score"),
        (["runs=binary", "select=vla"], "select: no such split 'vla'", ""),
        (["runs=binary", "metric=test/auroc"], "metric: test/auroc: ", "no honest test score"),
        (["runs=binary", "metric=aurok"], "metric: no metric 'aurok'", "mean 'auroc'?"),
        (["runs=binary", "metric=rmse"], "metric: binary has no metric 'rmse'", "log_loss"),
        (["runs=binary", "metric=val/auroc"], "metric: val/auroc: ", "metric=auroc"),
        (["runs=binary", "max_members=1"], "max_members: 1 is too small", "2 at least"),
        (["runs=binary", "folds=1"], "folds: 1 is too small", ""),
        (["runs=binary", "method.siz=3"], "method.siz: method=greedy has no such key", "'size'?"),
        (["runs=binary", "method.size=x"], "method.size: 'x' is not int", ""),
        (["runs=binary", "method.size=0"], "method.size: 0 is not int, 1 at least", ""),
        (
            ["runs=binary", "method=weighted", "method.penalty=-1"],
            "method.penalty: -1 is not float, 0 at least",
            "",
        ),
        (["runs=binary", "method=stacking", "method.c=0"], "method.c: 0 is not float, above 0", ""),
        (
            ["runs=binary", "method=stacking", "method.leaves=1"],
            "method.leaves: 1 is too small",
            "",
        ),
        (["runs=binary", "method.task=x"], "method.task: set by lepton, not by hand", ""),
        (["runs=binary", "keap=true"], "keap: lepton ensemble has no such key", "mean 'keep'?"),
        (["runs=binary", "study=../x"], "study: '../x' is not a plain name", ""),
        (["runs=binary", "-m"], "-m: for `lepton train` alone", ""),
        (["runs=runs/b[x"], "'runs=runs/b[x' cannot be read", "quotes"),
        (["runs=binary", "model=mlp"], "model: lepton ensemble has no such key", ""),
        (["runs=binary", "~method"], "'~method' cannot be read", ""),
        (["binary"], "'binary' cannot be read", "write runs=binary"),
    ],
)
def test_a_mistake_gets_one_line_and_writes_nothing(study, lepton, arguments, start, phrase):
    study("binary")
    before = sorted(Path().rglob("*"))
    code, out, stderr = lepton("ensemble", *arguments)
    (line,) = stderr.splitlines()
    assert (code, out) == (2, "")
    assert line.startswith(f"lepton: {start}")
    assert phrase in line
    assert sorted(Path().rglob("*")) == before


def test_one_run_is_no_ensemble(study, lepton):
    folder, *_ = study("binary")
    code, _, stderr = lepton("ensemble", f"runs={folder}")
    assert code == 2
    assert "needs two finished runs at least, and here is one" in stderr


def test_training_has_no_ensembles(lepton):
    code, _, stderr = lepton("train", "ensemble=mean")
    assert code == 2
    assert stderr.startswith("lepton: ensemble: lepton train has no such key")


@pytest.mark.slow
def test_members_scores_and_the_folder_are_shown_and_results_take_it(study, lepton):
    folders = study("binary")
    code, out, stderr = lepton("ensemble", "runs=runs/binary/*", "method=mean", "keep=true")
    assert (code, stderr) == (0, "")
    for folder in folders:
        assert folder.name in out
    for phrase in (
        "weight",
        "worse without it by",
        "log_loss",
        "ece",
        "disagree on",
        "best member",
    ):
        assert phrase in out
    assert out.splitlines()[-1].startswith("runs/binary/synthetic-ensemble_mean-s0-")
    code, out, _ = lepton("results", "binary")
    assert code == 0
    assert "ensemble_mean" in out


@pytest.mark.slow
def test_an_ensemble_of_the_users_own_is_taken_once_allowed(study, lepton, here):
    study("binary")
    (here / "conf" / "ensemble").mkdir(parents=True)
    option = "# The best member alone.\n_target_: ours.First\nshare: 1.0  # of the first member\n"
    (here / "conf" / "ensemble" / "mine.yaml").write_text(option)
    (here / "ours.py").write_text(
        "from lepton.ensemble.combiner import Combiner\n\n\nclass First(Combiner):\n"
        "    def __init__(self, *, task: str, share: float):\n        super().__init__(task=task)\n"
    )
    arguments = ("ensemble", "runs=binary", "method=mine", "keep=true")
    assert "--allow ours" in lepton(*arguments)[2]
    code, out, stderr = lepton(*arguments, "--allow", "ours")
    assert (code, stderr) == (0, "")
    assert "ensemble_mine" in out
