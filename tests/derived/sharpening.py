"""A command that a test adds: one run's probabilities sharpened, so that it predicts through it."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from lepton import build
from lepton.derived.derivation import Derivation, MadeRun
from lepton.derived.inputs import unchanged_folder
from lepton.errors import ConfigError
from lepton.prediction.predictor import Predictor


class Power:
    """Odds raised to a power."""

    def __init__(self, *, largest: float):
        self.largest = largest

    def __call__(self, p, power):
        return p**power / (p**power + (1 - p) ** power)


class SharpPredictor(Predictor):
    def __init__(self, folder, model, curve, power):
        super().__init__(folder, spec=model.spec, task=model.task, inputs=model.inputs)
        self.model, self.curve, self.power = model, curve, power

    def predict_frame(self, frame):
        return self.curve(self.model.predict_frame(frame), self.power)


class Sharpen(Derivation):
    """Tries powers one by one, each after a line in its checkpoint; dies where `trap` says so."""

    unstored: ClassVar = {"trap": None}
    step = "sharpening"

    def __init__(self, *, curve: dict, tries: int, seed: int, trap: int | None):
        self.curve, self.tries, self.trap = build.instantiate(curve, "sharpen"), tries, trap

    def accept(self, search):
        (self.run, *others) = search.inputs
        if others or self.run.spec.task != "binary":
            raise ConfigError("runs: lepton sharpen takes one run of a binary target")

    def make(self, search, unfinished, folder):
        task = build.task(self.run.config, self.run.spec)
        val, scores = self.run.splits["val"], {}
        checkpoint = unfinished / "checkpoint" / "tried.ckpt"
        checkpoint.parent.mkdir(exist_ok=True)
        if checkpoint.exists():
            scores = json.loads(checkpoint.read_text())
        for number in range(len(scores), self.tries):
            if number == self.trap:
                os._exit(9)
            with Path("tries.txt").open("a") as tries:
                print(number, file=tries)
            power = 1 + number * (self.curve.largest - 1) / (self.tries - 1)
            prediction = self.curve(val.prediction, power)
            scores[str(power)] = task.as_score(task.monitored([(prediction, val.target)]))
            checkpoint.write_text(json.dumps(scores))
        power = float(max(scores, key=scores.get))
        predictions = {
            name: replace(split, prediction=self.curve(split.prediction, power))
            for name, split in self.run.splits.items()
        }
        result = self.run.result
        return MadeRun(
            inputs=[self.run],
            config=self.run.config,
            task=task,
            predictions=predictions,
            sizes={"parameters": result.parameters, "trainable": 0},
            notes={"power": power},
        )

    @classmethod
    def load(cls, folder, record, load_model):
        notes = json.loads((folder / "result.json").read_text())["config"]["sharpen"]
        curve = build.instantiate(record.settings["curve"], "sharpen")
        model = load_model(unchanged_folder(folder, record.inputs[0]))
        return SharpPredictor(folder, model, curve, notes["power"])
