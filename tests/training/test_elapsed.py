"""What is over of a training: counted batch by batch, alone and resumed, and in a stack."""

import math

import pytest
import torch

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.method import Method
from lepton.testing.method import SHORT_TRAINING, SMALL_TABLE
from lepton.testing.method_training import MethodTraining
from lepton.training.elapsed import Elapsed, is_new_best
from lepton.training.start_score import START


class Noting(Method):
    """Notes what it is told of the training."""

    def __init__(self):
        self.shares = []

    def on_batch(self, batch, progress):
        self.shares.append(float(progress))
        return batch


def started():
    config = check(compose(*SMALL_TABLE, *SHORT_TRAINING))
    return MethodTraining(Noting(), config, build.data(config))


@pytest.mark.slow
def test_it_grows_by_equal_steps_over_all_epochs_also_where_a_run_goes_on(tmp_path):
    whole, first, rest = started(), started(), started()
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole.fit(tmp_path / "whole")
    steps = len(whole.method.shares)
    assert steps > 3
    expected = torch.arange(steps) / steps
    torch.testing.assert_close(torch.tensor(whole.method.shares), expected)
    first.fit_until_stopped(tmp_path / "cut", 1)
    rest.fit(tmp_path / "cut")
    assert first.method.shares + rest.method.shares == whole.method.shares
    assert len(first.method.shares) == steps // 3 + 1


def test_members_of_a_stack_have_shares_of_their_own_lengths_in_one_tensor():
    elapsed = Elapsed([2, 5], torch.device("cpu"))
    before = elapsed.shares
    elapsed.set(1, 3, 12)
    assert elapsed.shares is before  # which a replayed step reads
    torch.testing.assert_close(before, torch.tensor([1.25 / 2, 1.25 / 5]))
    elapsed.keep(torch.tensor([1]))
    elapsed.set(4, 0, 12)
    torch.testing.assert_close(elapsed.shares, torch.tensor([4 / 5]))


class Growing(Method):
    """Is at its strength after half of the training."""

    grows_until = 0.5


class GrowingFromStart(Growing):
    start_may_stay = True


@pytest.mark.parametrize(
    ("methods", "start", "scores", "best"),
    [
        ([], 5.0, [1, 2, 3, 4], START),
        ([], 5.0, [6, 2, 3, 4], 0),
        ([Growing()], 5.0, [9, 8, 3, 4], 3),  # 5 and 9 are of an easier training
        ([Growing()], 5.0, [9, 8, 4, 3], 2),
        ([GrowingFromStart()], 5.0, [9, 8, 3, 4], START),
        ([GrowingFromStart()], 5.0, [9, 8, 3, 6], 3),
        ([GrowingFromStart()], None, [9, 8, 4, 3], 2),
        ([GrowingFromStart(), Growing()], 5.0, [9, 8, 4, 3], 2),
    ],
)
def test_the_best_is_an_epoch_at_full_strength_or_the_start_where_a_method_lets_it_stay(
    methods, start, scores, best
):
    best_score, best_epoch = (-math.inf, 0) if start is None else (start, START)
    for epoch, score in enumerate(scores):
        if is_new_best(methods, len(scores), epoch, score, (best_score, best_epoch)):
            best_score, best_epoch = score, epoch
    assert best_epoch == best
