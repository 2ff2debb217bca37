"""What the tests keep of Hydra's work is what Hydra does."""

import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf

from lepton.config.compose import hydra_session, search_path_overrides
from tests import composed_once

COMPOSED_BEFORE = ("model=mlp_small", "seed=3")  # composed before each, so that something is kept
OVERRIDES = [
    COMPOSED_BEFORE,
    ("model=mlp_small", "seed=4"),
    ("model=mlp_small", "model.dropout=0.5", "+model.more=1"),
    ("model=resnet", "~scheduler"),
    ("regularization=[ema,dropout]", "regularization.ema.decay=0.9"),
    ("experiment=credit_scoring", "optimizer=lion", "optimizer.lr=0.1"),
    ("search=mlp", "hydra/sweeper=search", "hydra/launcher=parallel"),
    ("model=mlp,resnet", "seed=range(5)"),
    ("dataset={_target_: a.B}",),
]
OWN_FILES = {
    "model/wide.yaml": "units: 3\n",
    "method/mine.yaml": "defaults: [base]\nrate: ${seed}\n",
    "method/base.yaml": "draws: 2\n",
    "experiment/own.yaml": "# @package _global_\ndefaults:\n  - override /model: wide\nseed: 7\n",
}
WRONG = [("model=nope",), ("+model=mlp",), ("~model=resnet",), ("model.nope=1",), ("++model=mlp",)]


def composed(overrides):
    with hydra_session() as hydra:
        try:
            cfg = hydra.config_loader.load_configuration("train", list(overrides), RunMode.MULTIRUN)
        except Exception as e:
            return type(e), str(e)
        return OmegaConf.to_yaml(cfg)


@pytest.fixture
def without_memory(monkeypatch):
    """What the overrides compose to by Hydra's own functions alone."""

    def without_memory(overrides):
        with monkeypatch.context() as patched:
            for owner, name, function in composed_once.REPLACED:
                patched.setattr(owner, name, function)
            return composed(overrides)

    return without_memory


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [*OVERRIDES, *WRONG], ids=" ".join)
def test_the_whole_config_and_every_error_are_those_of_hydra(overrides, without_memory):
    composed(COMPOSED_BEFORE)
    remembered = composed(overrides), composed(overrides)
    assert isinstance(remembered[1], str) == (overrides in OVERRIDES)
    assert remembered == (without_memory(overrides),) * 2


def test_a_config_with_a_users_folder_is_that_of_hydra(here, without_memory):
    for name in ("first", "second"):
        for file, text in OWN_FILES.items():
            (here / name / file).parent.mkdir(parents=True, exist_ok=True)
            (here / name / file).write_text(text)
        own = (f"hydra.searchpath=[file://{here / name}]", "experiment=own", "+method=mine")
        assert composed(own) == composed(own) == without_memory(own)
        assert "model: wide" in composed(own)


def test_a_copy_that_is_changed_changes_no_other():
    with hydra_session() as hydra:
        load = hydra.config_loader.load_configuration
        first = load("train", [], RunMode.RUN)
        first.model.width = 1
        assert load("train", [], RunMode.RUN).model.width != 1


def test_a_users_own_files_are_read_anew(here):
    option = here / "conf" / "model" / "wide.yaml"
    option.parent.mkdir(parents=True)
    for units in (3, 5):
        option.write_text(f"units: {units}\n")
        overrides = [*search_path_overrides(), "model=wide"]
        with hydra_session() as hydra:
            cfg = hydra.config_loader.load_configuration("train", overrides, RunMode.RUN)
        assert cfg.model.units == units
