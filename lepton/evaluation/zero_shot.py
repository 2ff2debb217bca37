"""ZeroShot: classes by their names alone, for a model that learned from pairs."""

from typing import Any

import pandas as pd
import torch
from torch import Tensor

from lepton.errors import LeptonError
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator
from lepton.task.base import Task


class ZeroShot(Evaluator):
    """Gives each row the class whose name, in a sentence, lies nearest to the row's other input.

    The model has seen no class in training: `prompt` makes a text of each name, as "a photo of a
    {}", and the kind `names` embeds it.
    Metrics: `accuracy`; `balanced_accuracy`, the mean over classes; `majority`, the share of the
    largest class; `chance`, of guessing.
    The table `classes` has a row for each class: class, prompt, n, recall.
    """

    def __init__(self, *, column: str | None, prompt: str, names: str) -> None:
        """Raises: ValueError for a prompt without a place for the name."""
        if prompt.count("{}") != 1:
            raise ValueError(f"prompt: {prompt!r} needs {{}} once, where the name of a class goes")
        self.column, self.prompt, self.names = column, prompt, names

    def check(self, task: Task) -> None:
        kinds = getattr(task, "kinds", ())
        if self.names not in kinds:
            held = f"pairs are of {' and '.join(kinds)}" if kinds else "there are no pairs"
            raise LeptonError(f"names: {self.names} cannot read class names; {held}")
        if self.column is None and task.spec.task not in ("binary", "multiclass"):
            raise LeptonError("column: null, and no target has classes; name a column")

    def columns(self) -> list[str]:
        return [] if self.column is None else [self.column]

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        labels = self._labels(model)
        classes = sorted(map(str, labels.dropna().unique()))
        prompts = [self.prompt.replace("{}", name) for name in classes]
        codes = torch.tensor(pd.Categorical(labels, categories=classes).codes, dtype=torch.int64)
        is_labelled = codes >= 0
        truth = codes[is_labelled]
        vectors = model.predictions.prediction.unflatten(1, (2, -1))
        kinds: Any = model.task
        side = 1 - [*map(str, kinds.kinds)].index(self.names)
        rows = vectors[is_labelled, side]
        predicted = (rows @ self._embedded(model, prompts).T.to(rows)).argmax(1)
        counts = torch.bincount(truth, minlength=len(classes))
        right = torch.bincount(truth[predicted == truth], minlength=len(classes))
        recall = (right / counts).numpy()
        table = pd.DataFrame(
            {"class": classes, "prompt": prompts, "n": counts.numpy(), "recall": recall}
        )
        return Evaluation(
            {
                "accuracy": float(right.sum() / counts.sum()),
                "balanced_accuracy": float(table["recall"].mean()),
                "majority": float(counts.max() / counts.sum()),
                "chance": 1 / len(classes),
            },
            {"classes": table},
        )

    def _labels(self, model: EvaluatedModel) -> pd.Series:
        """The class of each row, missing where it has none."""
        if self.column is None:
            return self._targets(model)
        labels = model.inputs.column(self.column).reset_index(drop=True)
        labels = labels.where(labels.isna(), labels.astype(str))
        if labels.nunique() < 2:
            raise LeptonError(f"{model.run}: column: {self.column!r} has less than two classes")
        return labels

    def _targets(self, model: EvaluatedModel) -> pd.Series:
        """The class of each row, by a target of classes."""
        classes = model.spec.classes
        return pd.Series([classes[int(i)] for i in model.predictions.target.tolist()])

    def _embedded(self, model: EvaluatedModel, prompts: list[str]) -> Tensor:
        """The vectors of the prompts. Shapes: -> (prompts, D)."""
        (kind,) = [kind for kind in model.kinds if kind.name == self.names]
        first, *others = kind.own_columns
        rows = kind.encode(pd.DataFrame({first: prompts, **dict.fromkeys(others, "")}))
        lengths = type(kind).lengths(rows)
        width = int(lengths.max()) if lengths is not None else 0
        learner: Any = model.learner
        network = learner.model.eval().cpu()
        with torch.no_grad():
            return network.embed(self.names, type(kind).cut(rows, slice(None), width))
