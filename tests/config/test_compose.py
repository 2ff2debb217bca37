import logging
import os

import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.options import CONF_DIR, config_dirs, find_options
from lepton.errors import ConfigError, did_you_mean
from lepton.sweep.multirun import plan_runs


@pytest.fixture
def write(here):
    """Writes an option into the user's conf folder."""

    def write(name, text, folder="conf"):
        path = here / folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def refused():
    def refused(function, *args, **kwargs):
        with pytest.raises(ConfigError) as e:
            function(*args, **kwargs)
        return list(e.value.problems)

    return refused


def test_composing_says_what_was_chosen_and_asked_for(here):
    cfg = compose("model=resnet", "+seed=3", "regularization=[l1,ema]")
    assert cfg.choices.model == "resnet"
    assert cfg.choices.optimizer == "adamw"
    assert sorted(cfg.choices.regularization.split("+")) == ["ema", "l1"]
    assert cfg.overrides == ["model=resnet", "seed=3", "regularization=[l1,ema]"]
    assert "hydra" not in cfg


def test_composing_leaves_nothing_behind(here):
    handlers = list(logging.getLogger().handlers)
    compose()
    assert logging.getLogger().handlers == handlers
    assert not GlobalHydra.instance().is_initialized()
    assert not list(here.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("seed=5", "batch_size=${seed}"),
        ("model=tabm", "regularization=[ema,l1]", "optimizer.lr=0.5"),
        ("experiment=credit_baseline", "model.dropout=0.3"),
        ("dataset.target='a b, c=d'", "dataset.columns={x y: numeric}"),
        ('dataset.target="it\'s"',),
    ],
)
def test_a_job_of_a_sweep_is_composed_as_it_is_alone(here, overrides):
    (job,) = plan_runs(overrides, sweep=True).jobs
    alone = check(compose(*overrides))
    for config in (alone, job.config):
        config.pop("overrides")
    assert job.config == alone


def test_what_was_asked_for_is_kept_as_it_was_written(here):
    cfg = compose("seed=5", "batch_size=${seed}")
    assert OmegaConf.to_container(cfg, resolve=True)["overrides"] == [
        "seed=5",
        "batch_size=${seed}",
    ]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("'a b'", "a b"),
        ('"a,b"', "a,b"),
        ("'a=b'", "a=b"),
        ('"it\'s"', "it's"),
        ('"größe"', "größe"),
        ('"~/x y.csv"', "~/x y.csv"),
        ("a b", "a b"),
        ("''", ""),
    ],
)
def test_quoted_values_mean_what_is_between_the_quotes(here, value, meant):
    assert compose(f"dataset.target={value}").dataset.target == meant


@pytest.mark.parametrize("value", ["größe", "~/x.csv", "a#b", "data (1).csv", "a&b", "50%>"])
def test_the_quotes_that_a_refusal_suggests_are_right(here, refused, value):
    (line,) = refused(compose, f"dataset.target={value}")
    suggested = line.rpartition("value: '")[2].removesuffix("'")
    assert compose(suggested).dataset.target == value


def test_near_words_are_offered_and_far_ones_are_not():
    assert did_you_mean("widht", ["width", "depth"]) == "; did you mean 'width'?"
    assert did_you_mean("zzz", ["width", "depth"]) == ""


def test_conf_here_is_found_only_when_it_holds_groups_of_leptons(here, write):
    assert config_dirs() == [CONF_DIR]
    (here / "conf").mkdir()
    (here / "conf" / "nginx.yaml").write_text("a: 1\n")
    write("sites/a", "a: 1\n")
    assert config_dirs() == [CONF_DIR]
    write("model/mine", "a: 1\n")
    assert config_dirs() == [CONF_DIR, here / "conf"]


def test_a_named_folder_takes_the_place_of_conf_here(here, write, monkeypatch):
    write("model/mine", "a: 1\n")
    write("model/yours", "a: 1\n", folder="other")
    monkeypatch.setenv("LEPTON_CONFIG_DIR", str(here / "other"))
    assert "yours" in find_options()["model"]
    assert "mine" not in find_options()["model"]


@pytest.mark.slow
def test_config_dir_is_found_from_the_command_line(lepton, here, write):
    write("model/narrow", "# Narrow.\ndefaults: [mlp]\nhidden: [3]\n", folder="other")
    assert lepton("check", "model=narrow")[0] == 2
    for flag in (("--config-dir", "other"), ("--config-dir=other",)):
        code, out, message = lepton("check", *flag, "model=narrow")
        assert (code, message) == (0, "")
        assert "german_credit-narrow-s0-" in out
        os.environ.pop("LEPTON_CONFIG_DIR")


@pytest.mark.parametrize(
    "arguments", [("check",), ("list",), ("train", "model=mlp"), ("check", "-m")]
)
def test_a_users_option_that_shadows_one_of_leptons_is_refused(lepton, write, arguments):
    path = write("model/mlp", "_target_: lepton.model.linear.Linear\n")
    code, out, message = lepton(*arguments)
    assert (code, out) == (2, "")
    assert message == f"lepton: {path}: model=mlp exists in lepton; rename it\n"


@pytest.mark.parametrize("command", [("check",), ("check", "-m"), ("train",)])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# x\n_target_: a\n  b: : c\n", ":3: YAML: mapping values are not allowed "),
        ("# x\n_target_: a\n\tb: c\n", ":3: YAML: found "),
        ("a: [1\n", ":2: YAML: "),
        ("a: 1\nb: 2\na: 3\n", ":3: YAML: found duplicate key a"),
        ("a: !!python/object/apply:os.system [touch x]\n", ":1: YAML: could not determine"),
        (b"a: \xff\n", ": not UTF-8 text (invalid start byte at byte 3)"),
    ],
)
def test_a_file_that_is_no_yaml_is_told_with_its_line(lepton, here, write, command, text, message):
    path = write("model/bad", text)
    code, out, stderr = lepton(*command, "model=bad")
    assert (code, out) == (2, "")
    assert stderr.startswith(f"lepton: {path}{message}")
    assert stderr.count("\n") == 1
    assert sorted(p.name for p in here.iterdir()) == ["conf"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "model: needed to train"),
        ("{}\n", "model: needed to train"),
        ("abc\n", "model.abc: model=odd takes no keys"),
        ("- a\n", ""),
        ("width: 3\n", "model.width: model=odd takes no keys"),
        ("defaults: [nosuch]\n", "In 'model/odd': Could not load 'model/nosuch'"),
        ("_target_: lepton.model.linear.Linear\nx: ${nope}\n", "model.x: Interpolation key 'nope'"),
        ("_target_: lepton.model.linear.Linear\nx: ???\n", "model.x: has no value yet"),
        ("_target_: lepton.model.linear.Linear\nx: 1\n", "model.x: model=odd has no such key"),
        ("_target_: 3\n", "model._target_: '3' is not in a trusted package"),
        ("_target_: null\n", "model._target_: 'None' is not in a trusted package"),
        ("_target_: [a]\n", "model._target_: "),
        ("_target_: {a: b}\n", "model._target_: "),
        ("1: 2\n", "model.1: model=odd takes no keys"),
        ("null: 2\n", ""),
        ("a: ${\n", ""),
        ("a: .nan\n? [x]\n: y\n", ""),
    ],
)
def test_a_users_option_of_another_shape_is_told(lepton, write, text, message):
    write("model/odd", text)
    code, _, stderr = lepton("check", "model=odd")
    assert code == 2
    assert stderr.startswith(f"lepton: {message}")
    assert "Traceback" not in stderr


@pytest.mark.slow
def test_an_experiments_own_sweep_is_checked_like_the_command_line(lepton, write):
    text = "# @package _global_\nhydra:\n  sweeper:\n    params:\n"
    write("experiment/good", text + "      seed: 1,2\n      model: mlp\n")
    write("experiment/bad", text + "      sead: 1,2\n      model: mlp,mpl\n")
    assert lepton("check", "-m", "experiment=good")[1].startswith("2 runs")
    code, _, message = lepton("check", "-m", "experiment=bad")
    assert code == 2
    assert "model=mpl: no such option" in message


@pytest.mark.slow
def test_an_experiment_cannot_choose_where_a_run_is_put(lepton, write):
    write("experiment/out", "# @package _global_\nchoices: {model: ../../x, dataset: ..}\n")
    code, out, _ = lepton("check", "experiment=out")
    assert code == 0
    assert "runs/default/german_credit-tabm_small-s0-" in out
