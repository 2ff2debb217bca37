"""A user's own evaluator, added from a folder of theirs without a change in lepton."""

import sys

import pytest

NOISE = '''"""How a model does on numbers that are measured less exactly."""

from pathlib import Path

import pandas as pd

from lepton.evaluation.evaluator import Evaluation, Evaluator


class Noise(Evaluator):
    def __init__(self, *, scale: float, trap: str):
        self.scale, self.trap = scale, Path(trap)

    def change(self, batch, draw, model):
        if self.trap.exists():
            raise KeyboardInterrupt
        noise = draw.each(batch["id"]).normal(batch["num"].shape[1:])
        return {**batch, "num": batch["num"] + self.scale * noise}


class Certainty(Evaluator):
    def __init__(self, *, fails: bool):
        self.fails = fails

    def evaluate(self, model, seed):
        if self.fails:
            raise ZeroDivisionError("on request")
        surest = model.predictions.prediction.max(1).values
        table = pd.DataFrame({"id": model.predictions.ids, "certainty": surest})
        return Evaluation({"mean": float(surest.mean())}, {"rows": table})
'''
NOISE_YAML = """# Adds noise to the numbers.
noise:
  _target_: mine.Noise
  scale: 1.0    # standard deviations of the noise
  trap: trap    # a file whose being there kills the process
"""
CERTAINTY_YAML = """# How sure it is.
certainty:
  _target_: mine.Certainty
  fails: false  # whether it raises an error
"""


@pytest.fixture
def mine(here, monkeypatch):
    """The folder of a user with evaluation=noise and evaluation=certainty."""
    (here / "mine.py").write_text(NOISE)
    (here / "conf" / "evaluation").mkdir(parents=True)
    (here / "conf" / "evaluation" / "noise.yaml").write_text(NOISE_YAML)
    (here / "conf" / "evaluation" / "certainty.yaml").write_text(CERTAINTY_YAML)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    monkeypatch.setenv("LEPTON_ALLOW", "mine")
    return here
