"""train in Python: words and configs give the runs of the command, mistakes a line."""

import signal
from pathlib import Path

import pytest

from lepton import compose, load_model, train
from lepton.errors import LeptonError
from lepton.notebook.python_calls import python_call
from lepton.training.signals import Interrupted

WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2")


@pytest.mark.slow
def test_words_a_config_and_the_command_are_one_run_bit_for_bit(lepton, here, fingerprint):
    result = train(*WINE)
    assert train(compose(*WINE)) == result
    assert lepton("train", *WINE, "study=command")[0] == 0
    command_folder = here / "runs" / "command" / result.run
    assert fingerprint(command_folder) == fingerprint(result.folder)


def test_a_run_under_another_name_and_in_another_folder_is_read_where_it_lies(here):
    folder = train(*WINE).folder
    moved = here / "runs" / "moved"
    folder.parent.rename(moved)
    (moved / folder.name).rename(moved / f"better-{folder.name}")
    result = train(*WINE, "study=moved")
    assert result.folder == Path("runs/moved") / f"better-{folder.name}"
    assert len([path for path in moved.iterdir() if path.is_dir()]) == 1


@pytest.mark.slow
def test_a_result_stands_where_its_folder_does(here):
    result = train("dataset=wine", "model=linear", "trainer.max_epochs=1")
    assert load_model(result).folder == result.folder == Path(result)


@pytest.mark.slow
def test_one_run_brings_the_tables_of_a_sweep_up_to_date_as_the_command_does(lepton, here):
    lepton("train", "-m", *WINE, "seed=0,1")
    train(*WINE, "seed=2")
    assert len((here / "runs" / "default" / "results.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "named", "message"),
    [
        ((5,), {}, "train: 5 is no word; each is a string, as in train('seed=1')"),
        ((["seed=1"],), {}, r"train: ['seed=1'] is no word; each is a string, as in train(*words)"),
        ((), {"model": "mlp"}, "train: model is no keyword of it; as a word: train('model=mlp')"),
        (("-m", "seed=1,2"), {}, "train: -m: lepton.multirun(...) sweeps"),
        (("--allow=mine",), {}, "train: --allow=mine: lepton.allow('PACKAGE') does that"),
        (("--cfg", "job"), {}, "train: --cfg: in Python there are no flags, only key=value"),
        (
            ("model",),
            {},
            "'model' cannot be read; write model=OPTION, `lepton list model` shows them",
        ),
        (
            ("seed=1,2",),
            {},
            "seed=1,2: several values need a sweep; take lepton.multirun, or quote the comma",
        ),
    ],
)
def test_a_wrong_call_is_a_line_with_what_would_be_right(here, words, named, message):
    with pytest.raises(LeptonError) as error:
        train(*words, **named)
    assert str(error.value) == message
    assert not [*here.iterdir()]


def test_a_config_with_further_words_is_refused(here):
    with pytest.raises(LeptonError, match="words or one config; give the words to compose"):
        train(compose(*WINE), "seed=1")


def test_an_error_is_shown_in_a_notebook_as_its_lines_alone():
    error = LeptonError("first\nsecond \x1b[2J")
    assert error._render_traceback_() == ["LeptonError: first", r"second \x1b[2J"]


def test_ctrl_c_is_python_s_own_and_sigterm_ends_the_process():
    with pytest.raises(KeyboardInterrupt, match=r"after epoch 3; .* the same call goes on"):
        _stopped_by(signal.SIGINT)
    with pytest.raises(SystemExit) as ended:
        _stopped_by(signal.SIGTERM)
    assert ended.value.code == 143


def _stopped_by(number):
    with python_call():
        raise Interrupted(number, "epoch 3")
