"""Moving digits: any frame alone, and frames without their order, do not tell the direction."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lepton.dataset.moving_digits import STEPS, MovingDigits
from lepton.errors import DataError

ROWS = {
    **{"target": "direction", "task": None, "positive": None, "max_numeric_classes": 20},
    **{"split": "stratified", "split_column": None, "val_size": 0.16, "test_size": 0.2},
    **{"split_seed": 0, "folds": None, "fold": None, "shots": None, "fraction": 1.0},
    **{"batch_size": 8, "seed": 0, "limit_batches": None, "overfit_batches": 0},
}
CLIPS = {
    **{"frames": 8, "size": None, "channels": None, "fit": "crop", "max_pixels": 10_000},
    **{"max_frames": 100, "on_error": "refuse", "duplicates": "drop"},
}
OPTIONS = {
    **{"clips": 400, "length": 8, "side": 16, "step": 2, "directions": [*STEPS], "data_seed": 0},
}


def frame_of(**changed):
    return MovingDigits(**{**ROWS, **CLIPS, **OPTIONS, **changed}).read()[0]


def test_a_digit_moves_on_by_its_step_and_comes_in_at_the_other_side():
    for clip, direction in frame_of(clips=20)[["video", "direction"]].itertuples(index=False):
        assert clip.shape == (8, 16, 16)
        rows, columns = STEPS[direction]
        for before, after in pairwise(clip):
            assert np.array_equal(np.roll(before, (2 * rows, 2 * columns), (0, 1)), after)


def test_a_clip_in_reverse_is_one_of_the_opposite_way():
    left = frame_of(clips=2, directions=["left", "right"])["video"][0]
    drawing, start = left[-1], (0, 0)
    right = [np.roll(drawing, (0, 2 * i), (0, 1)) for i in range(8)]
    assert np.array_equal(left[::-1], right), start


@pytest.mark.slow
def test_a_single_frame_tells_nothing_but_two_in_order_do():
    frame = frame_of(clips=3000, directions=["left", "right"])
    clips, is_left = np.stack(frame["video"]), (frame["direction"] == "left").to_numpy()
    for place in (0, 3, 7):
        pixels = clips[:, place].reshape(len(clips), -1) / 255.0
        model = LogisticRegression(max_iter=300, C=0.01).fit(pixels[:2000], is_left[:2000])
        assert model.score(pixels[2000:], is_left[2000:]) == pytest.approx(0.5, abs=0.05)
    moved = [np.roll(clips[:, 0], shift, 2) for shift in (-2, 2)]
    errors = [np.abs(m.astype(int) - clips[:, 1]).sum((1, 2)) for m in moved]
    assert np.array_equal(errors[0] < errors[1], is_left)


def test_the_same_seed_gives_the_same_clips():
    first, again, other = (frame_of(clips=10, data_seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first["video"], again["video"], strict=True))
    assert not all(
        np.array_equal(a, b) for a, b in zip(first["video"], other["video"], strict=True)
    )


def test_impossible_clips_are_refused_in_a_line():
    for directions in (["left"], ["up", "up"]):
        with pytest.raises(DataError, match=r"dataset\.directions=.*two at least, each once"):
            frame_of(directions=directions)
    with pytest.raises(DataError, match=r"dataset\.side=5: digits are 8 pixels high"):
        frame_of(side=5)
