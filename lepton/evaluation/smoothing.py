"""Smoothing: how far an input may be changed before a model's likeliest class under noise can."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import torch
from scipy.special import ndtri
from torch import Tensor

from lepton.dataset.data import Rows
from lepton.errors import LeptonError
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator, batch_draw
from lepton.evaluation.shown_table import ShownTable
from lepton.seeds import derive
from lepton.stats.exact_share import exact_lower_limit
from lepton.stats.exchangeable import wilson_interval
from lepton.task.base import Task
from lepton.values.bounds import Above0, AtLeast1, Between0And1, NotBelow0

TASKS = ("binary", "multiclass")
# kinds whose inputs noise can be added to: their tensor, and what sigma 1 is in it
CONTINUOUS = {"table": ("num", 1.0), "image": ("image", 255.0), "video": ("video", 255.0)}
CERTIFIED, ROWS = "certified", "rows"  # the tables
COPIES = 20  # of a row at once, each with its own noise
MAX_NUMBERS = 2**24  # of noise in memory at a time


class Smoothing(Evaluator):
    """Randomized smoothing: the class that the model gives most noisy copies of an input, and the
    Euclidean distance within which no change of the input can make that another one.

    Metrics: `accuracy`, of rows that are certified and right; `abstained`, the share of those
    without a certificate; `radius`, the mean, 0 where abstained or wrong; `radius_R/accuracy`, the
    share that is right and certified to R. The table `certified` has a row a radius, `rows` a row
    a test row. Rows with weights count once each.
    Source: Cohen et al. 2019, https://arxiv.org/abs/1902.02918; the mean radius: Zhai et al. 2020,
        https://arxiv.org/abs/2001.02378
    """

    def __init__(
        self,
        *,
        sigma: Above0,
        draws: AtLeast1,
        select_draws: AtLeast1,
        alpha: Between0And1,
        rows: AtLeast1,
        radii: list[NotBelow0],
    ) -> None:
        self.sigma, self.draws, self.select_draws = sigma, draws, select_draws
        self.alpha, self.rows, self.radii = alpha, rows, radii

    def check(self, task: Task) -> None:
        if task.name not in TASKS:
            raise LeptonError(
                f"a task {task.name} has no class to certify; {' and '.join(TASKS)} have"
            )
        kinds = task.spec.kinds
        if len(kinds) != 1:
            raise LeptonError(
                f"sigma: inputs are of the kinds {', '.join(kinds)}, of which no distance is one"
            )
        [kind] = kinds
        if kind not in CONTINUOUS or (kind == "table" and not task.spec.num_features):
            what = "categories alone" if kind == "table" else f"of the kind {kind}"
            raise LeptonError(f"sigma: inputs are {what}, to which no noise can be added")

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        rows = self._rows(model, seed)
        ids, target = rows["id"].numpy(), rows["target"].long().numpy()
        place = np.arange(len(ids))
        guessed = self._votes(model, rows, self.select_draws, derive(seed, "select")).argmax(1)
        votes = self._votes(model, rows, self.draws, derive(seed, "certify"))[place, guessed]
        low = exact_lower_limit(votes, self.draws, self.alpha)
        is_certified = low > 0.5
        radius = np.where(is_certified, self.sigma * ndtri(np.maximum(low, 0.5)), 0.0)
        is_right = is_certified & (guessed == target)
        certified = pd.DataFrame(
            [self._at(r, is_right & (radius >= r)) for r in sorted({0.0, *map(float, self.radii)})]
        )
        metrics = {
            "accuracy": float(is_right.mean()),
            "abstained": float(1 - is_certified.mean()),
            "radius": float((radius * is_right).mean()),
        }
        accuracies = certified.set_index("radius")["accuracy"]
        metrics |= {f"radius_{r:g}/accuracy": float(accuracies[r]) for r in map(float, self.radii)}
        names = np.array(model.spec.classes, dtype=object)
        table = pd.DataFrame(
            {
                **{"id": ids, "target": names[target], "class": names[guessed]},
                **{"abstained": ~is_certified, "votes": votes, "p_low": low, "radius": radius},
            }
        )
        return Evaluation(metrics, {CERTIFIED: certified, ROWS: table})

    def shown(self, frames: Mapping[str, pd.DataFrame]) -> ShownTable:
        texts = [
            {
                "radius": f"{radius:g}",
                "right and certified [95 %]": f"{v:.3f} [{low:.3f}, {high:.3f}]",
            }
            for radius, v, low, high in frames[CERTIFIED].itertuples(index=False, name=None)
        ]
        furthest = self.sigma * ndtri(exact_lower_limit(self.draws, self.draws, self.alpha))
        line = f"{len(frames[ROWS])} rows; {self.draws} draws certify {furthest:.3g} at most"
        return ShownTable(pd.DataFrame(texts), [line])

    def _rows(self, model: EvaluatedModel, seed: int) -> Rows:
        """Some of the rows that count, in the order of their ids."""
        weight = model.rows.get("weight")
        counted = np.arange(len(model.rows["id"])) if weight is None else np.flatnonzero(weight)
        generator = np.random.default_rng(derive(seed, "rows"))
        some = generator.permutation(counted)[: self.rows]
        return {name: values[torch.from_numpy(some)] for name, values in model.rows.items()}

    def _at(self, radius: float, is_right: np.ndarray) -> dict[str, float]:
        low, high = wilson_interval(is_right.sum(), len(is_right))
        limits = {"low": max(float(low), 0.0), "high": min(float(high), 1.0)}
        return {"radius": radius, "accuracy": float(is_right.mean()), **limits}

    def _votes(self, model: EvaluatedModel, rows: Rows, draws: int, seed: int) -> np.ndarray:
        """How many noisy copies of each row are given each class. Shapes: -> (rows, classes)."""
        (kind,) = model.spec.kinds
        name, unit = CONTINUOUS[kind]
        at_once = max(1, MAX_NUMBERS // (COPIES * max(1, rows[name][:1].numel())))
        votes = []
        for start in range(0, len(rows["id"]), at_once):
            some = {key: values[start : start + at_once] for key, values in rows.items()}
            counts = torch.zeros(len(some["id"]), len(model.spec.classes), dtype=torch.int64)
            for noise in self._noises(some, name, draws, seed):
                noisy = _with_noise(some, name, noise * (self.sigma * unit))
                p = model.task.probabilities(model.learner.predict(noisy))
                assert p is not None
                given = p.argmax(1).reshape(len(counts), -1)
                counts += torch.nn.functional.one_hot(given, counts.shape[1]).sum(1)
            votes.append(counts)
        return torch.cat(votes).numpy()

    def _noises(self, rows: Rows, name: str, draws: int, seed: int) -> Iterator[Tensor]:
        """Yields the noise of some copies of each row, until there are so many. It follows from the
        row's id alone. Shapes: (rows, copies, ...)."""
        own = batch_draw(seed, 0).each(rows["id"])
        for done in range(0, draws, COPIES):
            noise = own.normal((COPIES, *rows[name].shape[1:]), dtype=torch.float32)
            yield noise[:, : draws - done]


def _with_noise(rows: Rows, name: str, noise: Tensor) -> Rows:
    """Copies of the rows, each with noise. Shapes: noise (rows, copies, ...)."""
    copies = noise.shape[1]
    repeated = {key: values.repeat_interleave(copies, 0) for key, values in rows.items()}
    return {**repeated, name: repeated[name].float() + noise.flatten(0, 1)}
