"""AttackedTexts: labelled rows of texts, and the search for typos that mislead a finished model."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.attack.goal import cross_entropies, margin, mistaken
from lepton.attack.typos import LETTERS, typos
from lepton.attack.word_search import Look, Trace, greedy_search, search_together
from lepton.attack.written_words import Place, WrittenWords
from lepton.dataset.clean.text_rows import parse_texts
from lepton.dataset.inputs.text import TextInputs
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.seeds import derive
from lepton.task.base import Task

ROWS_AT_ONCE = 512  # that are encoded and predicted together
LEAST_PROBABILITY = 1e-30  # where a logarithm is taken
ROUNDING = 1e-9  # of a share of whole words


@dataclass(frozen=True)
class AttackedTexts:
    """The rows at some positions of the evaluated ones; inputs of other kinds stay as they are.

    A model of any kind is asked for its predictions alone. `as_held` makes texts what a file will
    hold of them, where one is written.
    """

    model: EvaluatedModel
    positions: np.ndarray
    as_held: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame

    def traces(self, *, epsilon: float, queries: int, seed: int) -> list[Trace]:
        """What the search comes to for each row: typos in this share of the words at most.

        A row's typos follow from the seed and its id.
        """
        searches = []
        for words, row in zip(self.words, self.ids, strict=True):
            generator = np.random.default_rng(derive(seed, "typos", row))
            changes = self._typos(words, generator, queries // 2)
            most = allowed_words(words, epsilon)
            searches.append(greedy_search(words, changes, most=most, queries=queries))
        return search_together(searches, self._looks)

    @cached_property
    def kind(self) -> TextInputs:
        """The fitted inputs of texts."""
        return next(kind for kind in self.model.kinds if isinstance(kind, TextInputs))

    @cached_property
    def words(self) -> list[WrittenWords]:
        """The words of each row."""
        raw = self.model.raw_rows(self.positions)
        return [WrittenWords.of(texts) for texts in parse_texts(raw, [*self.kind.own_columns])]

    @cached_property
    def ids(self) -> list[int]:
        """The ids of the rows."""
        return self.model.rows["id"][torch.from_numpy(self.positions)].tolist()

    def frame(self, words: list[WrittenWords]) -> pd.DataFrame:
        """The columns of texts, as a file holds them."""
        texts = [row.texts for row in words]
        return self.as_held(pd.DataFrame(texts, columns=[*self.kind.own_columns], dtype=object))

    @cached_property
    def _real_words(self) -> frozenset[str]:
        """The words of all evaluated rows, which are no typos."""
        texts = parse_texts(self.model.inputs.inputs, [*self.kind.own_columns])
        return frozenset(word for text in texts.ravel() for word in LETTERS.findall(text.lower()))

    def _typos(
        self, words: WrittenWords, generator: np.random.Generator, most: int
    ) -> dict[Place, list[str]]:
        """What becomes of the words that can be misspelt; of more than so many some by chance."""
        possible: dict[Place, list[str]] = {}
        for place in words.places:
            written = typos(words.word(place), generator)
            if unreal := [word for word in written if not self._is_real(word)]:
                possible[place] = unreal
        drawn = generator.permutation(len(possible))[:most]
        places = [*possible]
        return {places[i]: possible[places[i]] for i in np.sort(drawn)}

    def _is_real(self, word: str) -> bool:
        return {*LETTERS.findall(word.lower())} <= self._real_words

    def _looks(self, numbers: list[int], words: list[WrittenWords]) -> list[Look]:
        """What the model makes of texts in the place of those of rows by their numbers."""
        looks = []
        for start in range(0, len(numbers), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            positions = torch.from_numpy(self.positions[numbers[some]])
            others = {
                name: values[positions]
                for name, values in self.model.rows.items()
                if name not in self.kind.tensors
            }
            rows = {**others, **self.kind.encode(self.frame(words[some]))}
            looks += judged(self.model.task, self.model.learner.predict(rows), rows["target"])
        return looks


def allowed_words(words: WrittenWords, epsilon: float) -> int:
    """How many words may change, of a share of them."""
    return int(epsilon * len(words.places) + ROUNDING)


def judged(task: Task, prediction: Tensor, target: Tensor) -> list[Look]:
    """A look at each row by its prediction: by how much it is mistaken, whether, and its loss.

    Shapes: as of `Task.predict` and of a batch. Units: a quantity's loss is the square of its
    error, in deviations of the target; others' are cross-entropies.
    """
    prediction = prediction.double()
    if task.name == "regression":
        logits, target = task.encode(prediction)[:, None], task.encode(target.double())
    elif task.name == "multiclass":
        logits = prediction.clamp(min=LEAST_PROBABILITY).log()
    else:
        logits = prediction.logit(eps=1e-15).reshape(len(prediction), -1)
    batch: dict[str, Any] = {"target": target}
    parts = (part(task, logits, batch) for part in (margin, mistaken, cross_entropies))
    return [Look(*values) for values in zip(*(part.tolist() for part in parts), strict=True)]
