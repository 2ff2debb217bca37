"""Counts of words and of runs of characters under a linear model: the reference for texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits
from torch import Tensor

from lepton.compat import skops
from lepton.compat.sklearn import TEXT_TYPES
from lepton.errors import ConfigError, DataError
from lepton.model.sklearn_models import (
    MODEL_FILE,
    predict_task,
    read_skops,
    target_columns,
    weights_by_class,
    weights_of_rows,
)
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, AtLeast1


class TfidfLinear:
    """Logistic regression, for numbers ridge regression, on tf-idf; one model a label.

    Of `strengths` the one with the lowest validation loss is kept, as networks keep their best
    epoch; the middle one where no validation row can be scored, as where training held none of
    their classes. A label that all rows have, or none, is predicted as such. The texts of a pair
    have vocabularies of their own.
    """

    reads = ("text",)
    weighs_rows = True

    def __init__(
        self,
        *,
        spec: DataSpec,
        words: list[AtLeast1],
        characters: list[AtLeast1],
        min_documents: AtLeast1,
        max_features: AtLeast1,
        strengths: list[Above0],
        max_iter: AtLeast1,
        seed: int,
    ):
        if not strengths or min(strengths) <= 0:
            raise ConfigError(f"model.strengths: {strengths}; one or more numbers above 0")
        if not words and not characters:
            raise ConfigError("model.words, model.characters: one of them must be given")
        self.spec, self.strengths = spec, sorted(strengths)
        self.max_iter, self.seed = max_iter, seed
        for key, sizes in (("words", words), ("characters", characters)):
            if sizes and (len(sizes) != 2 or sizes[0] > sizes[1]):
                raise ConfigError(
                    f"model.{key}: {sizes}; the smallest and the largest size, as [1,2]"
                )
        self.ngram_ranges = {"word": words, "char_wb": characters}
        self.limits = {"min_df": min_documents, "max_features": max_features}
        self.vectorizers: list[list[TfidfVectorizer]] = []  # for each column of texts
        self.models: list[LogisticRegression | Ridge | DummyClassifier] = []
        self.chosen: list[LogisticRegression | Ridge] = []  # those that validation rows chose

    def fit(
        self, train: dict[str, Any], val: dict[str, Any], weights: Tensor | None = None
    ) -> None:
        """Counts the terms of `train`; learns from it with each strength.

        Shapes: weights (classes,); for multilabel (labels,), each on a label's positives.
        """
        x, x_val = self._fit_vectorizers(train["texts"]), self._count_terms(val["texts"])
        targets = zip(target_columns(train["target"]), target_columns(val["target"]), strict=True)
        self.models, self.chosen = [], []
        weight, weight_val = (weights_of_rows(rows, None, rows["target"]) for rows in (train, val))
        with threadpool_limits(1):
            for label, (y, y_val) in enumerate(targets):
                by_class = None
                if weights is not None:
                    by_class = weights_by_class(weights, self.spec.task, label)
                self.models.append(self._fit_best(x, y, x_val, y_val, by_class, weight, weight_val))

    def fit_whole(
        self, train: dict[str, Any], weights: Tensor | None, folds: Sequence["TfidfLinear"]
    ) -> None:
        """Learns from all rows with one strength, the nearest to the mean that `folds` chose."""
        chosen = [_strength(model) for fold in folds for model in fold.chosen]
        of_folds = np.log(chosen or [self._middle])
        distances = np.abs(np.log(self.strengths) - np.mean(of_folds))
        self.strengths = [self.strengths[int(distances.argmin())]]
        self.fit(train, train, weights)

    def predict(self, inputs: dict[str, Any]) -> Tensor:
        """Probabilities, or for regression values in the target's own unit.

        Shapes: binary and regression (N,), multiclass (N, K), multilabel (N, labels).
        """
        x = self._count_terms(inputs["texts"])
        return predict_task(
            self.spec,
            self.models,
            lambda model: model.predict(x),
            lambda model: model.predict_proba(x),
        )

    def save(self, folder: Path) -> None:
        """Writes terms as text: skops takes a minute for a dictionary of as many."""
        counted = [
            [("\n".join(v.get_feature_names_out()), v.idf_) for v in vectorizers]
            for vectorizers in self.vectorizers
        ]
        skops.dump({"counted": counted, "models": self.models}, folder / MODEL_FILE)

    def load(self, folder: Path) -> None:
        """Reads the fitted models from `save`'s file.

        Raises: LeptonError when the file holds what no fitted model does.
        """
        saved = read_skops(folder / MODEL_FILE, TEXT_TYPES, kind="tfidf_linear model")
        self.models = saved["models"]
        self.vectorizers = [self._new_vectorizers() for _ in saved["counted"]]
        for column, vectorizers in zip(saved["counted"], self.vectorizers, strict=True):
            for (terms, idf), vectorizer in zip(column, vectorizers, strict=True):
                vectorizer.vocabulary = {term: i for i, term in enumerate(terms.split("\n"))}
                vectorizer.idf_ = idf

    def _new_vectorizers(self) -> list[TfidfVectorizer]:
        """The vectorizers of one column of texts, not fitted: of words, of characters or both."""
        return [
            TfidfVectorizer(
                analyzer=analyzer, ngram_range=tuple(lengths), sublinear_tf=True, **self.limits
            )
            for analyzer, lengths in self.ngram_ranges.items()
            if lengths
        ]

    def _fit_vectorizers(self, texts: np.ndarray) -> sparse.csr_matrix:
        self.vectorizers = [self._new_vectorizers() for _ in texts.T]
        try:
            for column, vectorizers in zip(texts.T, self.vectorizers, strict=True):
                for vectorizer in vectorizers:
                    vectorizer.fit(column)
        except ValueError:  # of scikit-learn, for a vocabulary without a term
            raise DataError(self._no_terms(len(texts))) from None
        return self._count_terms(texts)

    @property
    def _middle(self) -> float:
        return self.strengths[len(self.strengths) // 2]

    def _no_terms(self, texts: int) -> str:
        none = "model=tfidf_linear: no word, or run of characters, stands in"
        if (least := self.limits["min_df"]) == 1:
            return f"{none} any of the {texts} texts that are learned from"
        return (
            f"{none} {least} of the {texts} texts that are learned from (model.min_documents); "
            "model.min_documents=1 keeps more"
        )

    def _count_terms(self, texts: np.ndarray) -> sparse.csr_matrix:
        """Shapes: texts (N, columns) -> (N, terms), tf-idf."""
        blocks = [
            vectorizer.transform(column)
            for column, vectorizers in zip(texts.T, self.vectorizers, strict=True)
            for vectorizer in vectorizers
        ]
        return sparse.hstack(blocks, format="csr")

    def _fit_best(
        self,
        x: sparse.csr_matrix,
        y: np.ndarray,
        x_val: sparse.csr_matrix,
        y_val: np.ndarray,
        class_weights: np.ndarray | None,
        weight: np.ndarray | None,
        weight_val: np.ndarray | None,
    ) -> LogisticRegression | Ridge | DummyClassifier:
        """The model of the strength with the lowest validation loss."""
        is_number = self.spec.task == "regression"
        if not is_number and len(np.unique(y)) == 1:
            return DummyClassifier(strategy="prior").fit(x, y)
        fitted = [self._linear(c, class_weights).fit(x, y, weight) for c in self.strengths]
        scorable = np.full(len(y_val), True) if is_number else np.isin(y_val, y)
        held = None if weight_val is None else weight_val[scorable]
        if not (scorable if held is None else held).any():
            return fitted[self.strengths.index(self._middle)]
        losses = [_loss(model, x_val[scorable], y_val[scorable], held) for model in fitted]
        best = fitted[int(np.argmin(losses))]
        self.chosen.append(best)
        return best

    def _linear(self, strength: float, weights: np.ndarray | None) -> LogisticRegression | Ridge:
        if self.spec.task == "regression":
            return Ridge(alpha=1 / strength, solver="sparse_cg")
        return LogisticRegression(
            C=strength,
            class_weight=None if weights is None else dict(enumerate(weights.tolist())),
            max_iter=self.max_iter,
            random_state=self.seed,
        )


def _strength(model: LogisticRegression | Ridge) -> float:
    """The inverse penalty that a model was fitted with."""
    return 1 / model.alpha if isinstance(model, Ridge) else model.C


def _loss(
    model: LogisticRegression | Ridge,
    x: sparse.csr_matrix,
    y: np.ndarray,
    weight: np.ndarray | None,
) -> float:
    """The mean loss of rows, all of whose classes the model knows."""
    if isinstance(model, Ridge):
        return float(np.average(np.square(model.predict(x) - y), weights=weight))
    probabilities = model.predict_proba(x)
    return log_loss(y, probabilities, labels=model.classes_, sample_weight=weight)
