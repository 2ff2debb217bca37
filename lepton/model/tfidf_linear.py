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
    Sample,
    predict_task,
    read_skops,
    samples,
    weights_by_class,
)
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, AtLeast1

TERMS = {"word": "word", "char_wb": "run of characters"}  # by scikit-learn's name of an analyzer


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
        task = self.spec.task
        learned = samples(self._fit_vectorizers(train["texts"]), train, None, task)
        held_out = samples(self._count_terms(val["texts"]), val, None, task)
        self.models, self.chosen = [], []
        with threadpool_limits(1):
            for label, (rows, val_rows) in enumerate(zip(learned, held_out, strict=True)):
                by_class = None if weights is None else weights_by_class(weights, task, label)
                self.models.append(self._fit_best(rows, val_rows, by_class))

    def fit_whole(
        self, train: dict[str, Any], weights: Tensor | None, folds: Sequence["TfidfLinear"]
    ) -> None:
        """Learns with one strength, the nearest to the mean of those that `folds` chose."""
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
        for column, vectorizers in zip(texts.T, self.vectorizers, strict=True):
            without = [v for v in vectorizers if not _finds_terms(v, column)]
            if without:
                raise DataError(self._no_terms(vectorizers, without, len(texts)))
        return self._count_terms(texts)

    @property
    def _middle(self) -> float:
        return self.strengths[len(self.strengths) // 2]

    def _no_terms(
        self, vectorizers: list[TfidfVectorizer], without: list[TfidfVectorizer], texts: int
    ) -> str:
        """What is said of the vectorizers `without` a term that stands in as many texts as it
        must."""
        least = self.limits["min_df"]
        if least > texts:
            return (
                f"model.min_documents={least} is more than the {texts} texts that are learned from"
            )
        ways = [] if least == 1 else ["model.min_documents=1 keeps more"]
        if len(without) < len(vectorizers):  # a word is a run of characters too
            ways.append("model.words=[] counts characters alone")
        terms = " or ".join(TERMS[vectorizer.analyzer] for vectorizer in without)
        of = "any" if least == 1 else f"{least}"
        line = f"model=tfidf_linear: no {terms} stands in {of} of the {texts} texts"
        return "; ".join([f"{line} that are learned from", *ways])

    def _count_terms(self, texts: np.ndarray) -> sparse.csr_matrix:
        """Shapes: texts (N, columns) -> (N, terms), tf-idf."""
        blocks = [
            vectorizer.transform(column)
            for column, vectorizers in zip(texts.T, self.vectorizers, strict=True)
            for vectorizer in vectorizers
        ]
        return sparse.hstack(blocks, format="csr")

    def _fit_best(
        self, rows: Sample, val: Sample, class_weights: np.ndarray | None
    ) -> LogisticRegression | Ridge | DummyClassifier:
        """The model of the strength with the lowest validation loss."""
        classes = None if self.spec.task == "regression" else np.unique(rows.y)
        if classes is not None and len(classes) == 1:
            return DummyClassifier(strategy="prior").fit(rows.x, rows.y)
        fitted = [
            self._linear(strength, class_weights).fit(rows.x, rows.y, rows.weight)
            for strength in self.strengths
        ]
        scorable = val.scorable(classes)
        if scorable is None:
            return fitted[self.strengths.index(self._middle)]
        losses = [_loss(model, scorable) for model in fitted]
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


def _finds_terms(vectorizer: TfidfVectorizer, texts: np.ndarray) -> bool:
    """Fits a vectorizer; False where it finds no term to count."""
    try:
        vectorizer.fit(texts)
    except ValueError:  # of scikit-learn, for a vocabulary without a term
        return False
    return True


def _strength(model: LogisticRegression | Ridge) -> float:
    """The inverse penalty that a model was fitted with."""
    return 1 / model.alpha if isinstance(model, Ridge) else model.C


def _loss(model: LogisticRegression | Ridge, rows: Sample) -> float:
    """The mean loss of rows, all of whose classes the model knows."""
    if isinstance(model, Ridge):
        return float(np.average(np.square(model.predict(rows.x) - rows.y), weights=rows.weight))
    probabilities = model.predict_proba(rows.x)
    return log_loss(rows.y, probabilities, labels=model.classes_, sample_weight=rows.weight)
