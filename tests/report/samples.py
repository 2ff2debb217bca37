"""Made-up predictions, runs and histories for the tests of figures."""

import numpy as np
import pandas as pd

from lepton.example import make_spec
from lepton.report.predictions import Predictions


def binary_predictions(n: int = 3000, seed: int = 0) -> Predictions:
    """Predictions whose probabilities are those that the targets were drawn with."""
    generator = np.random.default_rng(seed)
    p = generator.uniform(size=n).astype("float32")
    target = (generator.uniform(size=n) < p).astype("float32")
    return Predictions(np.arange(n), target, p, make_spec("binary"))


def multiclass_predictions(n: int = 300) -> Predictions:
    """Predictions of three classes that have nothing to do with the targets."""
    generator = np.random.default_rng(1)
    p = generator.dirichlet(np.ones(3), n)
    return Predictions(np.arange(n), generator.integers(3, size=n), p, make_spec("multiclass"))


def regression_predictions(n: int = 2000) -> Predictions:
    """Half of each target, with noise."""
    generator = np.random.default_rng(2)
    target = generator.normal(size=n)
    prediction = target / 2 + generator.normal(size=n)
    return Predictions(np.arange(n), target, prediction, make_spec("regression"))


def runs_frame(n: int) -> pd.DataFrame:
    """A study's table of n runs."""
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "seconds": generator.uniform(1, 99, n),
            "optimizer.lr": 10 ** generator.uniform(-5, -1, n),
            "model": generator.choice(["mlp", "linear", "resnet"], n),
            "score": generator.normal(size=n),
            "run": [f"run-{i}" for i in range(n)],
            "seed": range(n),
        }
    )


def history(epochs: int) -> pd.DataFrame:
    """The epochs of one run."""
    score = np.random.default_rng(epochs).normal(size=epochs)
    return pd.DataFrame({"epoch": range(epochs), "val/score": score, "train/loss": score})
