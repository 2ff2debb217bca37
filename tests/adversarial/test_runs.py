"""Whole trainings with adversarial options: on every kind of data, resumed, and in stacks."""

import json
import math

import pandas as pd
import pytest

from lepton import compose
from lepton.config.check import check
from lepton.errors import ConfigError
from lepton.run import train
from lepton.testing import check_method
from lepton.vectorize.step_replay import Recording
from tests.adversarial.options import DATA, NAMES, made
from tests.quick import quick_rows
from tests.sound_files import write_tones
from tests.vectorize.conftest import EXACT, SMALL, gap, train_both  # noqa: F401
from tests.vectorize.test_checkpointing import assert_same_runs, train_killed  # noqa: F401
from tests.vectorize.test_job_group import train_stacked

OF_VECTORS = ("fgm", "freelb")  # which have no slope to follow but on embeddings and features
KINDS = [
    (name, kind)
    for name in NAMES
    for kind in DATA
    if (kind == "text") <= (name in (*OF_VECTORS, "vat")) and (name, kind) != ("mart", "audio")
]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(here):
    """Runs are written there."""


@pytest.mark.parametrize(("name", "kind"), quick_rows(KINDS, ("fgsm", "table")))
def test_a_training_keeps_the_contract_of_methods(name, kind, here):
    if kind == "audio":
        write_tones(here / "tones")
    embeds = name not in OF_VECTORS or kind in ("table", "text")
    values = {"at": "features"} if not embeds else {}
    if name in ("pgd", "trades", "mart"):
        values = {"steps": 2}
    check_method(made(name, **values), *DATA[kind])


SWEPT = {  # keys in which members of a stack differ
    "fgm": ("adversarial.fgm.epsilon=0.5,3",),
    "freelb": ("adversarial.freelb.epsilon=0.5,3", "adversarial.freelb.step=0.3,0.9"),
    "vat": ("adversarial.vat.epsilon=0.1,1", "adversarial.vat.alpha=0.5,2"),
    "fgsm": ("adversarial.fgsm.epsilon=0.05,0.3",),
    "pgd": ("adversarial.pgd.epsilon=0.05,0.3", "adversarial.pgd.steps=3"),
    "trades": ("adversarial.trades.beta=1,6", "adversarial.trades.steps=3"),
    "mart": ("adversarial.mart.beta=1,6", "adversarial.mart.steps=3", "dataset.classes=3"),
}
RAMPED = ("trainer.max_epochs=2,5",)  # so that members are not equally far in their trainings


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_members_of_a_stack_end_as_alone_by_replayed_steps(name, gap, monkeypatch):  # noqa: F811
    replays, replay = [], Recording.replay
    monkeypatch.setattr(
        Recording, "replay", lambda self, inputs: replays.append(1) or replay(self, inputs)
    )
    small = [word for word in SMALL if "max_epochs" not in word]
    words = (f"adversarial={name}", *SWEPT[name], *RAMPED)
    assert gap(*small, EXACT, *words) < 1e-9
    assert replays


NORMALIZED = ("model=mlp", "model.normalization=batch", "model.dropout=0.2", "model.hidden=[8]")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_so_they_do_with_batch_normalization_dropout_and_accumulation(name, gap):  # noqa: F811
    words = (f"adversarial={name}", *SWEPT[name], "optimizer.eps=1e-5", "seed=1,2")
    words += ("trainer.accumulate_grad_batches=2",)
    assert gap(*SMALL, EXACT, *NORMALIZED, *words) < 1e-7


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_killed_stack_goes_on_bit_for_bit_in_the_middle_of_an_epoch(name, train_killed):  # noqa: F811
    same = [word for word in SWEPT[name][1:] if "," not in word]
    words = (*SMALL, f"adversarial={name}", SWEPT[name][0], *same, "seed=1", "batch_size=32")
    train_stacked(*words, "study=whole")
    train_killed((1, 2), *words, "study=cut")
    assert train_stacked(*words, "study=cut")[1] == []
    assert_same_runs("whole", "cut", 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_in_16_bits_it_learns_about_what_it_does_in_32(name, here):
    words = [*SMALL, f"adversarial={name}", "dataset.classes=3"]
    losses = []
    for precision in ("32-true", "bf16-mixed"):
        run = train(compose(*words, f"trainer.precision={precision}", f"study={precision}")).run
        history = pd.read_parquet(here / "runs" / precision / run / "history.parquet")
        losses.append(history["train/loss"])
    assert losses[1].to_list() == pytest.approx(losses[0].to_list(), rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pgd", "vat"])
def test_two_processes_train_with_it(name, here):
    two = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.max_epochs=2")
    results = [
        train(compose(*SMALL, f"adversarial={name}", *two, f"study={study}"))
        for study in ("one", "other")
    ]
    assert results[0].metrics == results[1].metrics


@pytest.mark.slow
def test_several_at_once_and_an_augmentation_before_them(run):
    words = ("adversarial=[fgm,fgsm,vat]", "augmentation=gaussian_noise", "trainer.max_epochs=2")
    data = ("dataset=german_credit", "dataset.fraction=0.2", "model=mlp_small", "trainer=cpu")
    losses = pd.read_parquet(run(*data, *words) / "history.parquet")["train/loss"]
    assert all(map(math.isfinite, losses))


REFUSED = [
    (
        ["adversarial=pgd", "adversarial.pgd.epsilon=-0.1"],
        r"adversarial\.pgd\.epsilon: -0\.1 is not",
    ),
    (["adversarial=fgm", "adversarial.fgm.epsilon=-1"], r"adversarial\.fgm\.epsilon: -1 is not"),
    (["adversarial=pgd", "adversarial.pgd.ramp=1.5"], r"adversarial\.pgd\.ramp: 1\.5 is not"),
    (["adversarial=fgsm", "adversarial.fgsm.norm=l1"], r"adversarial\.fgsm\.norm: "),
    (
        ["adversarial=pgd", "dataset=vader", "model=text_cnn"],
        "^adversarial, dataset: adversarial=pgd changes .* and dataset=vader holds texts; "
        "adversarial=fgm, freelb, vat can act there$",
    ),
    (
        ["dataset=german_credit", "augmentation=affine"],
        "^augmentation, dataset: augmentation=affine changes images or clips, and "
        "dataset=german_credit holds a table; "
        "augmentation=feature_dropout, gaussian_noise, mixup, swap_noise can act there$",
    ),
    (
        ["adversarial=trades", "finetune=head", "init_from=nowhere"],
        "^adversarial, finetune: finetune=head learns from features .* adversarial=trades",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("words", "line"), REFUSED)
def test_what_cannot_be_is_refused_before_anything_is_read(words, line):
    with pytest.raises(ConfigError, match=line):
        check(compose("model=mlp_small", *words), files=False)


BUILT = [
    (
        ["dataset=synthetic", "dataset.numbers=0", "adversarial=pgd"],
        r"^adversarial\.pgd, dataset: the inputs .* have no gradient that an attack could follow",
    ),
    (
        ["dataset=wine", "adversarial=fgm"],
        r"^adversarial\.fgm\.at, model: MLP embeds neither tokens nor categories; "
        r"adversarial\.fgm\.at=features",
    ),
    (
        ["dataset=wine", "adversarial=fgsm", "adversarial.fgsm.immutable=[alcohl]"],
        r"^adversarial\.fgsm\.immutable: 'alcohl' is no column of dataset",
    ),
    (
        [
            *("dataset=wine", "adversarial=vat", "adversarial.vat.at=features"),
            "adversarial.vat.immutable=[alcohol]",
        ],
        r"^adversarial\.vat\.immutable: 'alcohol' is no input that moves",
    ),
]


@pytest.mark.parametrize(("words", "line"), BUILT)
def test_what_the_data_cannot_have_is_refused_in_a_line_and_leaves_no_run(words, line, here):
    with pytest.raises(ConfigError, match=line):
        train(compose("model=mlp_small", "trainer=smoke", *words))
    assert not list(here.glob("runs/*/*"))


GROWING = (
    *("dataset=synthetic", "dataset.rows=200", "dataset.classes=3", "model=mlp_small"),
    *("trainer=cpu", "trainer.patience=1", "optimizer.lr=0.03", "adversarial=pgd"),
    *("adversarial.pgd.epsilon=3", "adversarial.pgd.steps=2", "adversarial.pgd.ramp=0.6"),
)


@pytest.mark.slow
def test_no_epoch_before_epsilon_is_whole_is_kept_as_the_best_or_tries_patience(here):
    result = train(compose(*GROWING, "trainer.max_epochs=10", "study=alone"))
    assert result.best_epoch >= 6  # though clean rows score best before
    scores = pd.read_parquet(here / "runs" / "alone" / result.run / "history.parquet")["val/score"]
    assert scores.idxmax() < 6
    words = [*GROWING, "trainer.max_epochs=10", "seed=0,1"]
    train_stacked(*words, "study=stacked")
    folder = here / "runs" / "stacked" / result.run
    stacked = pd.read_parquet(folder / "history.parquet")["val/score"]
    assert stacked.to_list() == pytest.approx(scores.to_list(), abs=1e-4)
    assert json.loads((folder / "result.json").read_text())["best_epoch"] == result.best_epoch
