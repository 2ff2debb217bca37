"""The colors of paired changes."""

import numpy as np
import pytest

from lepton.report.figures.comparison import paired_change
from lepton.report.figures.style import INK, SERIES
from lepton.stats.pairs import PairedScores

pytestmark = pytest.mark.usefixtures("figure_style")


def test_better_and_worse_pairs_have_colours_of_their_own():
    pairs = PairedScores(np.array([2.0, 1.0]), np.array([1.0, 2.0]), "seed", 0.0, ())
    for larger in (True, False):
        figure = paired_change(pairs, ("a", "b"), "test/auroc", larger_is_better=larger)
        first, second, mean = (line.get_color() for line in figure.axes[0].lines)
        assert (first, second) == ((SERIES[2], SERIES[4]) if larger else (SERIES[4], SERIES[2]))
        assert mean == INK
