"""Configs that are made without OmegaConf, or of parts, are those that Hydra composes for each
job by itself."""

import json
import random

import pytest
from hydra.types import RunMode

from lepton.config.check import check
from lepton.config.compose import (
    explain_hydra_errors,
    finish_config,
    hydra_session,
    note_revisions,
    search_path_overrides,
)
from lepton.config.identity import run_folder
from lepton.config.overrides import parse_overrides
from lepton.errors import ConfigError
from lepton.sweep.composer import JobComposer

VALUES = {  # of keys, by the group that has them
    "": ["seed=3", "batch_size=7", "study=other", "runs=there", "init_from=null"],
    "optimizer": ["optimizer.lr=0.02", "optimizer.weight_decay=1e-3", "optimizer.lr=1"],
    "model": ["model.hidden=[8,4]", "model.dropout=0.5", "model._target_=nowhere.Model"],
    "trainer": ["trainer.max_epochs=2", "trainer.precision=64-true", "trainer.threads=0"],
    "dataset": ["dataset.split_seed=4", "dataset.target=7", "dataset.columns.age=numeric"],
    "suggested": [
        *("suggested.precision=bf16-mixed", "suggested.for=transformer"),
        *("suggested.max_epochs=7", "suggested.patience=null"),
    ],
    "task": ["task.class_weights=balanced", "task.monitor=ece"],
    "wrong": ["model.nope=1", "nope=2", "optimizer.lr=fast", "model.hidden={a:1}"],
    "interpolated": ["seed=${batch_size}"],
}
OPTIONS = {
    "model": ["mlp_small", "resnet", "linear", "gradient_boosting", "minilm", "text_cnn"],
    "dataset": ["wine", "diabetes", "vader", "breast_cancer"],
    "optimizer": ["adam", "sgd", "muon", "mine"],
    "scheduler": ["one_cycle", "cosine", "inverse_sqrt", "none"],
    "finetune": ["lora", "none"],
    "experiment": ["credit_baseline", "none"],
    "regularization": ["[ema,dropout]", "none", "l1"],
    "logger": ["mlflow", "none"],
    "trainer": ["smoke"],
}


def hydra_config(loader, master, overrides):
    """The checked config and the folder of a job, composed by Hydra alone, or its mistakes."""
    try:
        with explain_hydra_errors():
            cfg = loader.load_sweep_config(master, list(overrides))
            given = [text.lstrip("+") for text in overrides]
            cfg = finish_config(cfg, given, choices=cfg.hydra.runtime.choices)
            note_revisions(cfg)
            config = check(cfg)
            return json.dumps(config), run_folder(config)
    except ConfigError as e:
        return list(e.problems)


def sweep_config(composer, overrides):
    try:
        job = composer.compose_job(overrides)
        return json.dumps(job.config), job.folder
    except ConfigError as e:
        return list(e.problems)


def drawn_overrides(rng):
    choices = [f"{g}={rng.choice(names)}" for g, names in OPTIONS.items() if rng.random() < 0.4]
    groups = rng.sample(sorted(VALUES), rng.randint(0, 3))
    values = [f"++{rng.choice(VALUES[group])}" for group in groups]
    return rng.sample([*choices, *values], len(choices) + len(values))


@pytest.fixture
def session(here):
    (here / "conf" / "optimizer").mkdir(parents=True)
    (here / "conf" / "optimizer" / "mine.yaml").write_text(
        "# @package _global_\n"
        "optimizer:\n  _target_: torch.optim.SGD\n  lr: ${seed}\nbatch_size: 3\n"
    )
    words = [*search_path_overrides(), *parse_overrides(["trainer.max_epochs=3"], sweep=True)]
    with hydra_session() as hydra:
        loader = hydra.config_loader
        master = loader.load_configuration("train", words, RunMode.MULTIRUN)
        yield loader, master


def assert_same(session, jobs):
    composer = JobComposer(session[1], session[0])
    plain = 0
    for overrides in jobs:
        plain += composer._plain_config(overrides) is not None
        assert sweep_config(composer, overrides) == hydra_config(*session, overrides), overrides
    return plain


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_configs_and_mistakes_are_those_of_jobs_that_hydra_composes_alone(session, seed):
    rng = random.Random(seed)
    count = 150 if seed else 12
    jobs = [drawn_overrides(rng) for _ in range(count)]
    assert assert_same(session, jobs) > count / 3
