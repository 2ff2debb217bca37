"""Options inside of an option, chosen by name: alone, in experiments, in sweeps and in searches."""

import re
from pathlib import Path

import pytest

from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.sweep.multirun import plan_runs

DATA = ("dataset=multimodal", "dataset.path=rows.csv", "dataset.target=y")
WORDS = (*DATA, "model=multimodal")
TEXT = "model.encoders.text"
EXPERIMENT = """# @package _global_
# An encoder by name.
defaults:
  - override /dataset: multimodal
  - override /model: multimodal
{override}
dataset:
  path: rows.csv
  target: y
"""
CHOICE = EXPERIMENT.format(override=f"  - override /model@{TEXT}: text_cnn")
OWN_SWEEP = (
    EXPERIMENT.format(override="")
    + f"""hydra:
  sweeper:
    params:
      model: mlp,multimodal
      {TEXT}: bag_of_embeddings,text_cnn
"""
)


@pytest.fixture(autouse=True)
def rows(here):
    lines = [f"{i % 7},a few words {i},{'yn'[i % 2]}" for i in range(40)]
    Path("rows.csv").write_text("\n".join(["x,note,y", *lines]))


def write_experiment(text):
    Path("conf/experiment").mkdir(parents=True)
    Path("conf/experiment/mine.yaml").write_text(text)


def planned(*overrides):
    """What a sweep plans: of each run the model, the encoder of texts and the seed, and lines."""
    plan = plan_runs([*overrides], sweep=True)
    configs = [job.config for job in plan.jobs]
    points = [(c["choices"]["model"], c["choices"].get(TEXT), c["seed"]) for c in configs]
    assert len({*points}) == len(points)
    return {*points}, str(plan)


@pytest.mark.slow
def test_a_config_names_the_options_inside_of_its_model():
    def choice(*overrides):
        return compose(*WORDS, *overrides).choices.get(TEXT)

    assert choice() == "bag_of_embeddings"
    assert choice(f"{TEXT}=text_cnn") == choice(f"+{TEXT}=text_cnn") == "text_cnn"
    assert choice(f"{TEXT}=null") == choice("model.encoders={text: null}") == "null"
    assert choice(f"~{TEXT}") is None
    assert not [name for name in compose(*DATA, "model=mlp").choices if "." in name]


@pytest.mark.slow
def test_an_experiment_chooses_one_and_the_command_line_wins():
    write_experiment(CHOICE)
    assert compose("experiment=mine").choices[TEXT] == "text_cnn"
    assert compose("experiment=mine", f"{TEXT}=null").choices[TEXT] == "null"
    line = f"experiment/mine: {TEXT}: the chosen option of model holds no others"
    with pytest.raises(ConfigError, match=re.escape(line)):
        compose("experiment=mine", "model=mlp")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["model=multimodal", "model.encoders.txt=text_cnn"],
            "model.encoders.txt: the chosen option of model has no such place; did you mean "
            "'model.encoders.text'?",
        ),
        (["model=mlp", f"{TEXT}=text_cnn"], f"{TEXT}: the chosen option of model holds no others"),
        (["model=multimodal", f"{TEXT}=3"], f"{TEXT}: 3 is no option; choose one of the group"),
        (
            ["model=multimodal", "dataset.inputs.text=text_cnn"],
            "dataset.inputs.text: 'text_cnn' is no option; give one with a `_target_`, or null",
        ),
    ],
)
def test_a_choice_that_cannot_stand_there_is_named(words, line):
    with pytest.raises(ConfigError, match=re.escape(line)):
        compose(*DATA, *words)


@pytest.mark.slow
def test_conditions_and_pairs_of_a_grid_call_them_as_they_are_typed():
    names = f"{TEXT}=null,bag_of_embeddings,text_cnn"
    every = {
        ("multimodal", name, seed)
        for name in ("null", "bag_of_embeddings", "text_cnn")
        for seed in range(3)
    }
    sweep = (*WORDS, names, "seed=0,1,2")
    excluded = f"hydra.sweeper.exclude=['{TEXT} == text_cnn and seed > 0']"
    assert planned(*sweep, excluded)[0] == {p for p in every if p[1] != "text_cnn" or p[2] == 0}
    paired, _ = planned(*sweep, f"hydra.sweeper.zip=[[seed,{TEXT}]]")
    assert paired == {
        ("multimodal", "null", 0),
        ("multimodal", "bag_of_embeddings", 1),
        ("multimodal", "text_cnn", 2),
    }


@pytest.mark.slow
def test_an_experiments_own_sweep_leaves_them_out_where_the_model_has_none():
    write_experiment(OWN_SWEEP)
    points, told = planned("experiment=mine")
    encoders = ("bag_of_embeddings", "text_cnn")
    assert points == {("mlp", None, 0), *(("multimodal", name, 0) for name in encoders)}
    assert f"\n{TEXT}=text_cnn does not apply to model=mlp, without such a key: 1 run" in told
    assert "@" not in told


@pytest.mark.slow
def test_a_search_calls_them_as_they_are_typed():
    search = ("hydra/sweeper=search", "hydra.sweeper.n_trials=2", f"{TEXT}=null,text_cnn")
    when = f"hydra.sweeper.when={{model.dropout: '{TEXT} == text_cnn'}}"
    plan = str(plan_runs([*WORDS, *search, "model.dropout=interval(0,0.5)", when], sweep=True))
    assert f"\n  {TEXT}: null, text_cnn\n" in plan
    assert "@" not in plan
