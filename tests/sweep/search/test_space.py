"""What a space means: the spaces of conf/search, log scales, and the values that are proposed."""

import math
import shutil
from functools import cache
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from scipy.stats import kstest

from lepton.config.compose import compose
from lepton.config.options import find_options
from lepton.storage.study_table import load
from lepton.sweep.multirun import multirun, plan_runs
from lepton.sweep.search.proposals import Proposals
from lepton.sweep.search.space import read_space
from tests.sound_files import write_tones

OPTIONS = find_options()
NAMES = sorted(set(OPTIONS["search"]) - {"none"})
RANDOM = {"_target_": "optuna.samplers.RandomSampler", "seed": 0}
SEVERAL = (
    "regularization",
    "augmentation",
    "adversarial",
)  # groups of which a run may have several options
SMALL = {  # sizes that cost less; the command line wins over the space
    "mlp": ["model.hidden=[8],[8,8]"],
    "resnet": ["model.width=range(8,17)", "model.blocks=1,2"],
    "ft_transformer": ["model.width=range(8,17,8)", "model.blocks=1"],
    "tabm": ["model.width=range(16,33,16)", "model.blocks=1,2", "model.k=4"],
    "gradient_boosting": ["model.max_iter=5"],
    "image_resnet": ["model.width=4", "model.depth=18"],
    "vit": ["model.blocks=1", "model.width=12", "model.patch_size=4"],
    "convnext": ["model.widths=[4,4,8,8]"],
    "mobilenet": ["model.width=0.1"],
    "text_cnn": ["model.filters=100,200", "model.width=8"],
    "audio_cnn": ["model.channels=[4,6]"],
}
TEXTS = ("dataset=vader", "dataset.source=tweets", "dataset.fraction=0.05")
TUNED = ("model=transformer_tiny", "init_from=start")  # spaces that leave the network open
TABLE = ("dataset=synthetic", "dataset.rows=120")
IMAGES = ("dataset=digits", "dataset.fraction=0.1")
SOUNDS = ("dataset=audio_folder", "dataset.path=tones")
OVERRIDES = {
    **dict.fromkeys(
        ("regularization", "augmentation_table", "adversarial"), (*TABLE, "model=mlp_small")
    ),
    "augmentation_text": (*TEXTS, "model=text_cnn"),
    "augmentation_image": (*IMAGES, "model=cnn_small"),
    "augmentation_audio": (*SOUNDS, "model=audio_cnn"),
    "audio_cnn": SOUNDS,
    **dict.fromkeys(("cnn_small", "image_resnet", "vit", "convnext", "mobilenet"), IMAGES),
    "finetune": (*TEXTS, *TUNED, "finetune=bitfit"),
    "transformer": (*TEXTS, *TUNED),
    "text_cnn": TEXTS,
    "tfidf_linear": TEXTS,
}


@cache
def params(name):
    node = yaml.safe_load(OPTIONS["search"][name].read_text())
    return node["hydra"]["sweeper"]["params"]


def random_points(*overrides, count=1000):
    """Points of a space drawn at random, as the overrides of their trials."""
    space = read_space(OverridesParser.create(), overrides)
    proposals = Proposals(space, sampler=RANDOM, directions=["maximize"])
    points = [space.overrides(p.params) for p in proposals.ask(count)]
    return [dict(override.split("=") for override in trial) for trial in points]


def test_every_model_of_tables_has_a_space():
    models = {"linear", "mlp", "resnet", "ft_transformer", "tabm", "gradient_boosting"}
    assert models <= set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_space_names_its_source_its_model_and_keys_that_there_are(name, here):
    Path("start.pt").touch()
    Path("tones").mkdir()
    head = OPTIONS["search"][name].read_text().splitlines()[1]
    assert "Source: https://" in head
    model = next((w[6:] for w in OVERRIDES.get(name, ()) if w.startswith("model=")), name)
    assert params(name).get("model", model) == model
    chosen = {key: params(name)[key] for key in ("optimizer", "finetune") if key in params(name)}
    overrides = [f"{key}={value}" for key, value in {"model": model, **chosen}.items()]
    overrides += ["init_from=start.pt"] if "finetune" in chosen else []
    methods = {key: params(name)[key] for key in SEVERAL if key in params(name)}
    overrides += [f"{key}=[{names.removeprefix('none,')}]" for key, names in methods.items()]
    cfg = compose(
        *(w for w in OVERRIDES.get(name, ()) if not w.startswith("init_from=")), *overrides
    )
    for key in set(params(name)) - {"model", *chosen, *methods}:
        group, _, leaf = key.rpartition(".")
        assert leaf in (OmegaConf.select(cfg, group) if group else cfg), key


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_a_space_lies_in_its_range(name, here):
    space = read_space(OverridesParser.create(), [f"{k}={v}" for k, v in params(name).items()])
    proposals = Proposals(space, sampler=RANDOM, directions=["maximize"])
    for proposal in proposals.ask(200):
        for key, value in proposal.params.items():
            dimension = space.dimensions[key]
            if dimension.numeric:
                assert dimension.low <= value <= dimension.high
            else:
                assert value in dimension.options


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_trial_of_every_space_trains(name, here, run):
    overrides_of_space = OVERRIDES.get(name, TABLE)
    if {*SOUNDS} <= {*overrides_of_space}:
        pytest.importorskip("soundfile")
        write_tones(Path("tones"))
    if "init_from=start" in overrides_of_space:
        shutil.copytree(run(*TEXTS, *TUNED[:1], "trainer=smoke", "study=before"), "start")
    overrides = [
        "hydra/sweeper=search",
        f"search={name}",
        "hydra.sweeper.n_trials=1",
        "trainer=smoke",
    ]
    multirun([*overrides, *overrides_of_space, *SMALL.get(name, [])])
    (row,) = load("runs/default").to_dict("records")
    models = (w[6:] for w in overrides_of_space if w.startswith("model="))
    model = next(models, name)
    assert (row["status"], row["model"]) == ("finished", model)
    assert "search" not in row


@pytest.mark.slow
def test_the_command_line_wins_over_a_space_key_by_key(here):
    overrides = ["hydra/sweeper=search", "search=mlp", "dataset=wine", "hydra.sweeper.batch=5"]
    plan = plan_runs([*overrides, "model.dropout=0.25", "optimizer.lr=1e-3,2e-3"], sweep=True)
    rates = {job.config["optimizer"]["lr"] for job in plan.jobs}
    assert rates <= {1e-3, 2e-3}
    assert {job.config["model"]["dropout"] for job in plan.jobs} == {0.25}
    assert len({job.config["optimizer"]["weight_decay"] for job in plan.jobs}) == 5


@pytest.mark.slow
def test_a_log_interval_is_uniform_in_the_logarithm():
    points = random_points("a=tag(log,interval(1e-4,1e-1))", "b=interval(1e-4,1e-1)")
    logs = [(math.log10(float(p["a"])) + 4) / 3 for p in points]
    assert kstest(logs, "uniform").pvalue > 0.01
    flat = [(float(p["b"]) - 1e-4) / (1e-1 - 1e-4) for p in points]
    assert kstest(flat, "uniform").pvalue > 0.01
    assert kstest([(math.log10(float(p["b"])) + 4) / 3 for p in points], "uniform").pvalue < 1e-6


@pytest.mark.slow
def test_whole_numbers_stay_whole_and_reach_both_ends():
    overrides = [
        "a=int(interval(1,4))",
        "b=range(1,4)",
        "c=tag(log,range(1,65))",
        "d=range(9,0,-4)",
    ]
    points = random_points(*overrides)
    assert {p["a"] for p in points} == {"1", "2", "3", "4"}
    assert {p["b"] for p in points} == {"1", "2", "3"}
    assert {p["d"] for p in points} == {"1", "5", "9"}
    numbers = [int(p["c"]) for p in points]
    assert (min(numbers), max(numbers)) == (1, 64)
    assert 0.4 < sum(c <= 8 for c in numbers) / len(numbers) < 0.65  # half of it in the logarithm


def test_choices_keep_lists_words_and_null():
    points = random_points("a=[64,64],[128]", "b=none,balanced,null", "c=true,false")
    assert {p["a"] for p in points} == {"[64,64]", "[128]"}
    assert {p["b"] for p in points} == {"none", "balanced", "null"}
    assert {p["c"] for p in points} == {"True", "False"}


def test_a_range_of_fractions_takes_the_values_of_a_grid():
    parser = OverridesParser.create()
    listed = [*parser.parse_override("a=range(0,0.5,0.1)").sweep_string_iterator()]
    assert {p["a"] for p in random_points("a=range(0,0.5,0.1)")} == {*listed}


@pytest.mark.slow
def test_a_search_and_a_grid_share_their_runs(search, training, capsys):
    space = ["model.dropout=0.1,0.2", "optimizer.lr=0.01,0.02"]
    multirun(["hydra/launcher=basic", "dataset=wine", "model=mlp_small", *space])
    assert search("hydra/sweeper/sampler=grid", space=space) == []
    assert len(training.configs) == 4
