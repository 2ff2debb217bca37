"""Counts of words and of runs of characters under a linear model: the reference for texts."""

from pathlib import Path

import numpy as np
import skops.io
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits
from torch import Tensor

from lepton.compat.sklearn import TEXT_TYPES
from lepton.errors import ConfigError, DataError, LeptonError
from lepton.model.gradient_boosting import columns_of
from lepton.spec import DataSpec

FILE = "model.skops"


class TfidfLinear:
    """Logistic regression, for numbers ridge regression, on tf-idf; one model a label.

    Of `strengths` the one with the lowest validation loss is kept, as networks keep their best
    epoch. The texts of a pair have vocabularies of their own.
    """

    kind = "text"

    def __init__(
        self,
        *,
        spec: DataSpec,
        words: list[int],
        characters: list[int],
        min_documents: int,
        max_features: int,
        strengths: list[float],
        max_iter: int,
        seed: int,
    ):
        if not strengths or min(strengths) <= 0:
            raise ConfigError(f"model.strengths: {strengths}; one or more numbers above 0")
        if not words and not characters:
            raise ConfigError("model.words, model.characters: one of them must be given")
        self.spec, self.strengths = spec, sorted(strengths)
        self.max_iter, self.seed = max_iter, seed
        self.kinds = {"word": words, "char_wb": characters}
        self.sizes = {"min_df": min_documents, "max_features": max_features}
        self.vectorizers: list[list[TfidfVectorizer]] = []
        self.models: list = []

    def fit(self, train: dict, val: dict, weights: Tensor | None = None) -> None:
        """Counts the words of `train`; learns from it with each strength.

        Shapes: weights (classes,); for multilabel (labels,), each on a label's positives.
        """
        x, x_val = self._learn_words(train["texts"]), self._count(val["texts"])
        columns = zip(columns_of(train["target"]), columns_of(val["target"]), strict=True)
        with threadpool_limits(1):
            self.models = [
                self._best(x, y, x_val, y_val, _weights(weights, self.spec.task, label))
                for label, (y, y_val) in enumerate(columns)
            ]

    def predict(self, inputs: dict) -> Tensor:
        """Probabilities, or for regression values in the target's own unit.

        Shapes: binary and regression (N,), multiclass (N, K), multilabel (N, labels).
        """
        x, task = self._count(inputs["texts"]), self.spec.task
        if task == "regression":
            predicted = self.models[0].predict(x)
        elif task == "multiclass":
            predicted = _probabilities(self.models[0], x, len(self.spec.classes))
        else:
            positive = [_probabilities(model, x, 2)[:, 1] for model in self.models]
            predicted = positive[0] if task == "binary" else np.stack(positive, 1)
        return torch.from_numpy(np.asarray(predicted)).float()

    def save(self, folder: Path) -> None:
        """Writes terms as text: skops takes a minute for a dictionary of as many."""
        counted = [
            [("\n".join(made.get_feature_names_out()), made.idf_) for made in column]
            for column in self.vectorizers
        ]
        skops.io.dump({"counted": counted, "models": self.models}, folder / FILE)

    def load(self, folder: Path) -> None:
        """Take the fitted models back from `save`'s file.

        Raises: LeptonError when the file holds what no fitted model does.
        """
        path = folder / FILE
        if foreign := set(skops.io.get_untrusted_types(file=path)) - TEXT_TYPES:
            raise LeptonError(
                f"{path}: holds {', '.join(sorted(foreign))}, which no tfidf_linear model does; "
                "load only files that lepton has written"
            )
        saved = skops.io.load(path, trusted=sorted(TEXT_TYPES))
        self.models = saved["models"]
        self.vectorizers = [self._new() for _ in saved["counted"]]
        for column, made in zip(saved["counted"], self.vectorizers, strict=True):
            for (terms, idf), vectorizer in zip(column, made, strict=True):
                vectorizer.vocabulary = {term: i for i, term in enumerate(terms.split("\n"))}
                vectorizer.idf_ = idf

    def _new(self) -> list[TfidfVectorizer]:
        """What counts one column of texts."""
        return [
            TfidfVectorizer(
                analyzer=kind, ngram_range=tuple(lengths), sublinear_tf=True, **self.sizes
            )
            for kind, lengths in self.kinds.items()
            if lengths
        ]

    def _learn_words(self, texts: np.ndarray):
        self.vectorizers = [self._new() for _ in texts.T]
        try:
            for column, made in zip(texts.T, self.vectorizers, strict=True):
                for vectorizer in made:
                    vectorizer.fit(column)
        except ValueError as e:
            raise DataError(f"model=tfidf_linear: {e}; model.min_documents=1 keeps more") from None
        return self._count(texts)

    def _count(self, texts: np.ndarray):
        parts = [
            vectorizer.transform(column)
            for column, made in zip(texts.T, self.vectorizers, strict=True)
            for vectorizer in made
        ]
        return sparse.hstack(parts, format="csr")

    def _best(self, x, y, x_val, y_val, weights):
        if self.spec.task == "regression":
            fitted = [Ridge(alpha=1 / c, solver="sparse_cg").fit(x, y) for c in self.strengths]
            losses = [np.square(model.predict(x_val) - y_val).mean() for model in fitted]
            return fitted[int(np.argmin(losses))]
        if len(np.unique(y)) == 1:
            raise DataError("model=tfidf_linear: a label is the same in every training row")
        fitted = [self._classifier(c, weights).fit(x, y) for c in self.strengths]
        known = np.isin(y_val, y)
        losses = [
            log_loss(y_val[known], model.predict_proba(x_val[known]), labels=model.classes_)
            for model in fitted
        ]
        return fitted[int(np.argmin(losses))]

    def _classifier(self, strength: float, weights) -> LogisticRegression:
        return LogisticRegression(
            C=strength, class_weight=weights, max_iter=self.max_iter, random_state=self.seed
        )


def _weights(weights: Tensor | None, task: str, label: int) -> dict[int, float] | None:
    if weights is None:
        return None
    if task == "multilabel":
        return {0: 1.0, 1: float(weights[label])}
    return dict(enumerate(weights.tolist()))


def _probabilities(model: LogisticRegression, x, classes: int) -> np.ndarray:
    """Shapes: (N, classes), zero for a class that training did not hold."""
    spread = np.zeros((x.shape[0], classes))
    spread[:, model.classes_.astype(int)] = model.predict_proba(x)
    return spread
