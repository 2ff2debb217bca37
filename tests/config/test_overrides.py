import pytest

from lepton.commands.flags import parse_arguments
from lepton.config.compose import compose
from lepton.config.overrides import parse_overrides
from lepton.errors import ConfigError, MisreadOverrides


@pytest.mark.parametrize(
    ("overrides", "sweep", "lines"),
    [
        (["model=mpl"], False, 1),
        (["model=mpl", "seed", "seed=1,2", "nope/x=1", "choices=3"], False, 5),
        (["model=mpl,mlq,mlp"], True, 2),
        (["finetune=lorra", "init_from=conf", "forgetting=true"], False, 1),
        (["finetune=lora,head", "init_from=conf"], False, 1),
    ],
)
def test_every_override_that_is_wrong_is_told(overrides, sweep, lines):
    with pytest.raises(MisreadOverrides) as error:
        parse_overrides(overrides, sweep=sweep)
    assert len(error.value.problems) == lines


def test_a_key_given_with_one_or_two_plusses_is_the_same_key():
    parsed = [
        parse_overrides([f"{plus}seed=1", f"{plus}model=mlp"], sweep=False)
        for plus in ("", "+", "++")
    ]
    assert parsed == [["++seed=1", "model=mlp"]] * 3


def test_a_glob_becomes_the_options_it_matches():
    assert parse_overrides(["model=glob(mlp*)"], sweep=True) == ["model=mlp,mlp_small"]


def test_an_option_that_a_later_one_replaces_is_told():
    words = ["optimizer=adam", "seed=1", "optimizer=sgd", "seed=2", "model=mlp", "model=mlp"]
    parsed = parse_arguments(words)
    assert parsed.overrides == words
    assert parsed.notes == ["optimizer=sgd takes the place of optimizer=adam"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# Notes.\n# @package _global_\nseed: 1\n", "counts as the first line alone"),
        ("seed: 1\n", "an experiment begins with the line '# @package _global_'"),
        ("\n# @package _global_\n# Notes.\nseed: 1\n", None),
    ],
)
def test_an_experiment_says_first_where_its_keys_go(here, text, line):
    (here / "conf" / "experiment").mkdir(parents=True)
    (here / "conf" / "experiment" / "mine.yaml").write_text(text)
    if line is None:
        parse_overrides(["experiment=mine"], sweep=False)
        return
    with pytest.raises(MisreadOverrides, match=line):
        parse_overrides(["experiment=mine"], sweep=False)


@pytest.mark.parametrize(
    ("override", "sweep"),
    [("+hydra.sweeper.params.seed=1,2", True), ("hydra.sweeper.params.seed='1,2'", False)],
)
def test_a_sweep_in_the_place_of_an_experiments_own_is_told_how_it_is_written(override, sweep):
    with pytest.raises(MisreadOverrides, match="write -m seed=1,2"):
        parse_overrides([override], sweep=sweep)
    assert parse_overrides(["hydra.sweeper.params.seed='1,2'"], sweep=True) == [
        "++hydra.sweeper.params.seed='1,2'"
    ]


def test_an_option_of_a_group_of_several_without_its_name_is_one_line(here):
    (here / "conf" / "regularization").mkdir(parents=True)
    node = "_target_: lepton.regularization.l1.L1\nrate: 0.1\n"
    (here / "conf" / "regularization" / "mine.yaml").write_text(node)
    with pytest.raises(ConfigError, match="_target_ stands one level too high") as error:
        compose("regularization=mine")
    assert len(error.value.problems) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- 1\n", "holds a list; an option is a mapping"),
        ("defaults: 3\n", "defaults must be a list"),
        ("linear_probe: &x [*x]\n", "does a YAML file hold itself"),
    ],
)
def test_a_file_that_is_no_mapping_is_one_line(here, text, line):
    (here / "conf" / "experiment").mkdir(parents=True)
    (here / "conf" / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{text}")
    with pytest.raises(ConfigError, match=line) as error:
        compose("experiment=mine")
    assert len(error.value.problems) == 1
