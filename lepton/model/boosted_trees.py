"""BoostedTrees: the base of models whose trees another library boosts."""

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import pandas as pd
from torch import Tensor

from lepton.compat.optional import import_optional
from lepton.config.upper_bounds import refuse_beyond_cores
from lepton.errors import ConfigError
from lepton.foreign_text import spreadsheet_safe
from lepton.model.iterative_model import IterativeModel, Rows, mean_losses
from lepton.model.sklearn_models import Sample, predict_task, samples
from lepton.model.tree_features import TreeFeatures
from lepton.spec import DataSpec
from lepton.storage.run_files import naming_damage, read_run_bytes, read_run_json
from lepton.storage.run_log import log_once
from lepton.values.bounds import AtLeast1

Choice = TypeVar("Choice")
STATE_FILE, IMPORTANCE_FILE = "model.json", "model.importance.csv"


@dataclass(frozen=True)
class Boosted:
    """A library's trees; `losses` has "train/loss" and "val/loss" after each iteration."""

    trees: Any
    losses: dict[str, list[float]]
    best: int  # the iteration that predictions are of, from 0


@dataclass
class FittedOutput:
    """The trees of one output, or None where training held a single class."""

    trees: Any
    classes_: np.ndarray


class BoostedTrees(IterativeModel):
    """Trees of a library that fits them, with categories and missing values as it treats them.

    There is one model, for multilabel one a label. A derived class says how trees are boosted,
    predict, are written and read, in the library's own format. `settings` are its parameters.
    """

    reads = ("table",)
    weighs_rows = True
    library: ClassVar[str]  # the package
    ending: ClassVar[str]  # of files of trees
    iterations: int

    def __init__(
        self, *, spec: DataSpec, patience: AtLeast1 | None, threads: AtLeast1 | None, seed: int
    ):
        if threads is not None:
            refuse_beyond_cores("model.threads", threads, "threads")
        self.spec, self.patience, self.threads, self.seed = spec, patience, threads, seed
        self.package = import_optional(self.library, needed_by="model")
        self.features = TreeFeatures(spec)
        self.settings: dict[str, Any] = {}
        self.outputs: list[FittedOutput] = []
        self.history: list[dict[str, float]] = []
        self.best_epoch = 0

    @abstractmethod
    def boost(self, train: Sample, val: Sample | None, classes: int) -> Boosted:
        """Trees for one output; y is 0 to classes - 1, or numbers where classes is 0."""

    @abstractmethod
    def predict_trees(self, trees: Any, x: np.ndarray) -> np.ndarray:
        """Probabilities of all classes, of two that of the second, or numbers."""

    @abstractmethod
    def gains(self, trees: Any) -> np.ndarray:
        """How much each feature gained, in any unit. Shapes: -> (F,)."""

    @abstractmethod
    def dump(self, trees: Any) -> bytes:
        """The content of a file of these trees."""

    @abstractmethod
    def parse(self, content: bytes) -> Any:
        """The trees of what `dump` returned."""

    def fit(self, train: Rows, val: Rows, weights: Tensor | None = None) -> None:
        """Boosts trees on `train`; where `patience` is given, `val` stops them.

        Shapes: weights (classes,); for multilabel (labels,), each on a label's positives.
        """
        self._fit(train, val, weights)

    @property
    def chooses(self) -> bool:
        return self.patience is not None

    def val_losses(self) -> list[float]:
        return [row["val/loss"] for row in self.history if "val/loss" in row]

    def settle(self, iterations: int, folds: Sequence[Self]) -> None:
        self.iterations = iterations

    def fit_without_stopping(self, train: Rows, weights: Tensor | None) -> None:
        self._fit(train, None, weights)

    def _fit(self, train: Rows, val: Rows | None, weights: Tensor | None) -> None:
        learned = samples(self.features.matrix(train), train, weights, self.spec.task)
        held_out: Sequence[Sample | None] = [None] * len(learned)
        if val is not None:
            held_out = samples(self.features.matrix(val), val, weights, self.spec.task)
        self.outputs, fits = [], []
        for classes, boosted in map(self._fit_output, learned, held_out):
            self.outputs.append(FittedOutput(boosted and boosted.trees, classes))
            fits += [boosted] if boosted else []
        self.history = mean_history([fit.losses for fit in fits], self._loss_unit())
        self.best_epoch = max((fit.best for fit in fits), default=0)

    def predict(self, inputs: dict[str, Tensor]) -> Tensor:
        """Probabilities, or for regression values in the target's own unit.

        Shapes: binary and regression (N,), multiclass (N, K), multilabel (N, labels).
        """
        x = self.features.matrix(inputs)
        return predict_task(
            self.spec,
            self.outputs,
            lambda output: self._numbers(self.predict_trees(output.trees, x)),
            lambda output: self._probabilities(output, x),
        )

    def save(self, folder: Path) -> None:
        """Writes the trees as the library does, their classes, and how much features gained."""
        classes = [output.classes_.tolist() for output in self.outputs]
        (folder / STATE_FILE).write_text(json.dumps({"classes": classes}))
        for i, output in enumerate(self.outputs):
            if output.trees is not None:
                (folder / self._tree_file(i)).write_bytes(self.dump(output.trees))
        spreadsheet_safe(self.importance()).to_csv(folder / IMPORTANCE_FILE, index=False)

    def load(self, folder: Path) -> None:
        """Reads what `save` wrote.

        Raises: Damaged when a file holds something else.
        """
        what = "the classes of boosted trees"
        state = read_run_json(folder, STATE_FILE, what)
        with naming_damage(folder / STATE_FILE, what):
            all_classes = [np.array(classes, dtype=float) for classes in state["classes"]]
        self.outputs = []
        for i, classes in enumerate(all_classes):
            trees = None
            if len(classes) != 1:
                content = read_run_bytes(folder, self._tree_file(i))
                with naming_damage(folder / self._tree_file(i), f"trees of {self.library}"):
                    trees = self.parse(content)
            self.outputs.append(FittedOutput(trees, classes))

    def importance(self) -> pd.DataFrame:
        """The share of each feature in what all features gained, the largest first."""
        shares = np.zeros(len(self.features.names))
        for output in self.outputs:
            if output.trees is not None:
                gains = self.gains(output.trees)
                shares += gains / (gains.sum() or 1.0)
        table = pd.DataFrame({"feature": self.features.names, "gain": shares})
        table["gain"] /= table["gain"].sum() or 1.0
        return table.sort_values("gain", ascending=False, kind="stable")

    def _tree_file(self, output: int) -> str:
        return f"model.{output}.{self.ending}"

    def _fit_output(self, train: Sample, val: Sample | None) -> tuple[np.ndarray, Boosted | None]:
        """The classes of an output, none for numbers, and its trees, None for a single class."""
        if self.spec.task == "regression":
            val = val and self._scorable(val, None)
            trees = self._boosted(self._standardized(train), val and self._standardized(val), 0)
            return np.array([]), trees
        classes = np.unique(train.y)
        if len(classes) == 1:
            return classes, None
        val = val and self._scorable(val, classes)
        val = val and _numbered(val, classes)
        return classes, self._boosted(_numbered(train, classes), val, len(classes))

    def _scorable(self, val: Sample, classes: np.ndarray | None) -> Sample | None:
        scorable = val.scorable(classes)
        if scorable is None and self.patience is not None:
            log_once("model.patience: validation rows that cannot be scored stop no training")
        return scorable

    def _boosted(self, train: Sample, val: Sample | None, classes: int) -> Boosted:
        """Raises: ConfigError for values that the library refuses."""
        try:
            return self.boost(train, val, classes)
        except self.refusals() as e:
            reason = " ".join(str(e).split("Stack trace")[0].split())[:300]
            raise ConfigError(f"model: {self.library} says: {reason}") from e

    def refusals(self) -> type[Exception]:
        """What the library raises for values that it does not take."""
        return ValueError

    def _standardized(self, rows: Sample) -> Sample:
        """Rows whose targets keep their digits where the library computes in 32 bits."""
        y = (rows.y.astype(np.float64) - self.spec.target_mean) / self._loss_unit()
        return replace(rows, y=y)

    def _numbers(self, predicted: np.ndarray) -> np.ndarray:
        return predicted.astype(np.float64) * self._loss_unit() + self.spec.target_mean

    def _loss_unit(self) -> float:
        return self.spec.target_std if self.spec.task == "regression" else 1.0

    def _probabilities(self, output: FittedOutput, x: np.ndarray) -> np.ndarray:
        """Shapes: -> (N, classes that training held)."""
        if output.trees is None:
            return np.ones((len(x), 1))
        predicted = self.predict_trees(output.trees, x).astype(np.float64)
        return predicted if predicted.ndim == 2 else np.stack([1 - predicted, predicted], 1)


def by_classes(classes: int, numbers: Choice, two: Choice, more: Choice) -> Choice:
    """What a library is told for numbers, for two classes or for more."""
    return more if classes > 2 else two if classes else numbers


def _numbered(sample: Sample, classes: np.ndarray) -> Sample:
    """Rows whose classes are numbered as training holds them."""
    return replace(sample, y=np.searchsorted(classes, sample.y))


def mean_history(losses: list[dict[str, list[float]]], unit: float) -> list[dict[str, float]]:
    """Rows of the mean losses over outputs; one that has stopped counts with its last.

    >>> mean_history([{"val/loss": [2.0, 1.0]}, {"val/loss": [4.0]}], 1.0)
    [{'epoch': 0, 'val/loss': 3.0}, {'epoch': 1, 'val/loss': 2.5}]
    """
    if not losses:
        return []
    names = [name for name in losses[0] if all(name in one for one in losses)]
    means = {name: unit * np.array(mean_losses([one[name] for one in losses])) for name in names}
    rows = pd.DataFrame(means).rename_axis("epoch").reset_index()
    return rows.to_dict("records")
