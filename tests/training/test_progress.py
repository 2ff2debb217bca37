"""What is seen of a run while it trains, and what its log keeps of each epoch."""

import io
import re
import sys

import pandas as pd
import pytest

from lepton.errors import Pruned
from lepton.training import progress, terminal_line

WINE = ("dataset=wine", "model=mlp_small", "trainer=cpu", "trainer.max_epochs=4")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def lines(run, monkeypatch):
    """Lines on standard error of a run in which each look at the clock is 6 s after the last."""

    def lines(*overrides, stderr=None):
        ticks = iter(range(0, 10**6, 6))
        monkeypatch.setattr(progress.time, "monotonic", lambda: next(ticks))
        stderr = stderr or io.StringIO()
        monkeypatch.setattr(sys, "stderr", stderr)
        run(*WINE, *overrides)
        return stderr.getvalue().splitlines()

    return lines


@pytest.mark.slow
def test_the_log_has_a_line_an_epoch_with_the_numbers_of_the_history(run_once):
    folder = run_once(*WINE)
    log = (folder / "log.txt").read_text().splitlines()
    history = pd.read_parquet(folder / "history.parquet")
    expected = [
        f"epoch {row['epoch'] + 1:.0f}/4  val log_loss {row['val/log_loss']:.4f}"
        f"  train loss {row['train/loss']:.4f}"
        for _, row in history.iterrows()
    ]
    assert [line.split(" ", 2)[2] for line in log if " epoch " in line] == expected


@pytest.mark.slow
def test_without_a_terminal_a_line_is_written_every_ten_seconds(lines):
    written = lines()
    # the clock is looked at after the one block of each epoch and before the next: 12 s are over
    # at every second look
    assert [re.match(r"epoch (\d)/4  val log_loss \d", line)[1] for line in written] == list("1234")


@pytest.mark.slow
def test_a_long_epoch_is_told_by_its_share(lines):
    written = lines("trainer.max_epochs=1", "batch_size=1", "callbacks=device_stats", "logger=csv")
    *within, end = written
    shares = [int(re.fullmatch(r"epoch 1/1, (\d+)% of it", line)[1]) for line in within]
    assert end.startswith("epoch 1/1  val log_loss ")
    assert len(shares) == 113 // 2
    assert shares == sorted(shares)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["unwanted", "terminal", "sweep"])
def test_no_line_is_written_where_it_is_unwanted_or_a_line_moves(lines, monkeypatch, place):
    if place == "sweep":
        monkeypatch.setattr(terminal_line, "of_sweep", lambda text: None)
    written = lines(
        *(["trainer.progress=false"] if place == "unwanted" else []),
        stderr=Terminal() if place == "terminal" else None,
    )
    assert not [line for line in written if re.match(r"epoch \d/4(,|  val)", line)]


def test_a_pruned_run_names_its_metric_and_an_old_record_the_score():
    assert str(Pruned(2, [-0.5], "val log_loss 0.5000")).endswith("3 (val log_loss 0.5000)")
    assert str(Pruned(2, [-0.5])).endswith("3 (val score -0.5000)")
