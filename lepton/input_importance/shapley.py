"""Shapley values of a finished run's inputs: what each adds to the prediction for a row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import t
from torch import Tensor

from lepton.compat.optional import import_optional
from lepton.input_importance.permuting import ROWS_AT_ONCE
from lepton.input_importance.predicted_rows import SPLIT_NAMES, PredictedRows
from lepton.stats.estimate import Estimate
from lepton.stats.permutation import CONFIDENCE

NEEDED_BY = "lepton importance method=shap"


@dataclass(frozen=True)
class ShapleyValues:
    """The values of rows, in the unit of what is predicted; those of a row sum to `outputs - base`.

    `base` is the mean prediction for the background rows, `of` the outputs that are explained.
    Shapes: values (rows, inputs), outputs, base and of (rows,), weight (rows,) or None.
    """

    split: str
    values: np.ndarray
    outputs: np.ndarray
    base: np.ndarray
    of: list[str]
    ids: np.ndarray
    inputs: list[str]
    background: int
    permutations: int
    weight: np.ndarray | None = None

    @property
    def label(self) -> str:
        return "mean |SHAP|"

    @property
    def estimates(self) -> dict[str, Estimate]:
        """The mean size of each input's values with its interval over rows, largest first."""
        sizes, rows = np.abs(self.values), len(self.values)
        means: Any = np.average(sizes, axis=0, weights=self.weight)
        if self.weight is not None:  # what each row moves the weighted means by
            sizes = (sizes - means) * (self.weight / self.weight.mean())[:, None]
        errors = sizes.std(0, ddof=1) / np.sqrt(rows)
        halves = float(t.ppf((1 + CONFIDENCE) / 2, rows - 1)) * errors
        return {
            self.inputs[i]: Estimate(means[i], means[i] - halves[i], means[i] + halves[i])
            for i in np.argsort(-means, kind="stable")
        }

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each input: the mean size, low, high, and the mean with its sign."""
        means = np.average(self.values, axis=0, weights=self.weight)
        signed = dict(zip(self.inputs, means, strict=True))
        rows = [
            {"input": name, "metric": self.label, "importance": e.value}
            | {"low": e.low, "high": e.high, "mean": signed[name]}
            for name, e in self.estimates.items()
        ]
        return pd.DataFrame(rows)

    def values_frame(self) -> pd.DataFrame:
        """A row for each row and input: id, output, prediction, base, input, shap."""
        count = len(self.inputs)
        return pd.DataFrame(
            {
                "id": np.repeat(self.ids, count),
                "output": np.repeat(np.array(self.of, dtype=object), count),
                "prediction": np.repeat(self.outputs, count),
                "base": np.repeat(self.base, count),
                "input": self.inputs * len(self.ids),
                "shap": self.values.ravel(),
            }
        )

    @property
    def summary(self) -> str:
        first, estimate = next(iter(self.estimates.items()))
        return f"{first} moves predictions most, by {estimate.value:.4f} on average."

    @property
    def lines(self) -> list[str]:
        return [
            f"{len(self.ids)} {SPLIT_NAMES[self.split]} rows, {self.background} as background, "
            f"{self.permutations} orders of the inputs; predicted is "
            f"{', '.join(dict.fromkeys(self.of))}.",
            "The values of a row sum to its prediction minus the mean of those for the background.",
            "[ ]: 95 % interval over rows; what is used has a size, even where it tells nothing.",
        ]


def shapley_values(
    rows: PredictedRows, *, samples: int, background: int, permutations: int, seed: int
) -> ShapleyValues:
    """The values of some of the rows; the cells of others stand in for an input that is left out.

    Raises: LeptonError where captum is not installed.
    Source: Štrumbelj & Kononenko 2010, https://jmlr.org/papers/v11/strumbelj10a.html
    """
    captum = import_optional("captum.attr", needed_by=NEEDED_BY)
    order = np.random.default_rng(seed).permutation(len(rows.frame))
    explained, others = np.sort(order[:samples]), np.sort(order[::-1][:background])
    game = _Game(rows, explained, others)
    inputs = torch.ones(len(explained), len(rows.inputs))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        values = captum.ShapleyValueSampling(game.outputs).attribute(
            inputs,
            torch.zeros_like(inputs),
            additional_forward_args=(torch.arange(len(explained)),),
            n_samples=permutations,
            perturbations_per_eval=max(1, ROWS_AT_ONCE // (len(explained) * len(others))),
        )
    places = torch.arange(len(explained))
    return ShapleyValues(
        split=rows.split,
        values=values.double().numpy(),
        outputs=game.outputs(inputs, places).numpy(),
        base=game.outputs(torch.zeros_like(inputs), places).numpy(),
        of=game.names,
        ids=rows.ids[explained],
        inputs=[*rows.inputs],
        background=len(others),
        permutations=permutations,
        weight=None if rows.weight is None else rows.weight.numpy()[explained],
    )


class _Game:
    """What is predicted for a row of which only some inputs are told."""

    def __init__(self, rows: PredictedRows, explained: np.ndarray, others: np.ndarray) -> None:
        self.rows, self.explained, self.others = rows, explained, others
        self.weight = None if rows.weight is None else rows.weight.numpy()[others]
        predictions, spec = rows.predictions[explained], rows.predictor.spec
        self.output = None if predictions.ndim == 1 else predictions.argmax(1)
        if self.output is not None:
            self.names = [spec.classes[i] for i in self.output]
        else:
            of_all = spec.classes[1] if spec.task == "binary" else ", ".join(spec.target_names)
            self.names = [of_all or "prediction"] * len(explained)

    def outputs(self, told: Tensor, places: Tensor) -> Tensor:
        """The mean prediction with what is not told as in each row of the background.

        Shapes: told (n, inputs) of 0 and 1, places (n,) among the explained rows -> (n,).
        """
        count = len(self.others)
        own = np.repeat(self.explained[places.numpy()], count)
        others = np.tile(self.others, len(places))
        is_told = np.repeat(told.numpy() > 0, count, axis=0)
        frame, cells = self.rows.frame, {}
        for i, columns in enumerate(self.rows.inputs.values()):
            taken = np.where(is_told[:, i], own, others)
            cells |= {name: frame[name].take(taken).array for name in columns}
        predictions = self.rows.predict(pd.DataFrame(cells)[[*frame]])
        if self.output is not None:
            of_rows = np.repeat(self.output[places.numpy()], count)
            predictions = predictions[np.arange(len(predictions)), of_rows]
        of_background = predictions.reshape(-1, count).astype(float)
        return torch.from_numpy(np.average(of_background, axis=1, weights=self.weight))
