"""DecisionRule: how predictions of a run become probabilities and decisions, as a table to keep."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lepton.decision.calibration import ColumnMap, Isotonic, Logistic, Softmax, normalized
from lepton.decision.thresholds import DEFAULT


@dataclass(frozen=True)
class DecisionRule:
    """A calibration, and thresholds or costs; of each what there is.

    `maps` has a function for each column of probabilities, `thresholds` a number for each of these.
    Shapes: costs (classes, classes), of the true class and the decided one.
    """

    maps: tuple[ColumnMap, ...] = ()
    softmax: Softmax | None = None
    thresholds: tuple[float, ...] = ()
    costs: np.ndarray | None = None

    def probabilities(self, p: np.ndarray) -> np.ndarray:
        """Calibrated probabilities; those of several classes sum to 1 as they did.

        Shapes: (rows,) of two classes, else (rows, classes or labels) -> the same.
        """
        if self.softmax is not None:
            return self.softmax(p)
        if not self.maps:
            return p
        if p.ndim == 1:
            return self.maps[0](p)
        columns = np.stack([f(values) for f, values in zip(self.maps, p.T, strict=True)], 1)
        return columns if self.thresholds else normalized(columns)

    def decide(self, p: np.ndarray) -> np.ndarray:
        """The number of each row's class; of labels whether the row has them.

        Shapes: p calibrated -> (rows,), of labels (rows, labels).
        """
        if self.thresholds:
            above = p > np.array(self.thresholds)
            return above.astype(int) if p.ndim == 1 else above
        return p.argmax(1) if self.costs is None else (p @ self.costs).argmin(1)

    def table(self) -> pd.DataFrame:
        """The rule as rows of parameter, column, position and value."""
        rows = [("threshold", i, 0, value) for i, value in enumerate(self.thresholds)]
        if self.softmax is not None:
            rows.append(("temperature", 0, 0, self.softmax.temperature))
        for column, f in enumerate(self.maps):
            for name, values in vars(f).items():
                values = values if isinstance(values, tuple) else (values,)
                rows += [(name, column, i, value) for i, value in enumerate(values)]
        if self.costs is not None:
            rows += [("cost", j, i, value) for (i, j), value in np.ndenumerate(self.costs)]
        frame = pd.DataFrame(rows, columns=["parameter", "column", "position", "value"])
        return frame.astype({"column": int, "position": int, "value": float})

    @classmethod
    def of_table(cls, frame: pd.DataFrame) -> "DecisionRule":
        """The rule that `table` made. Raises: KeyError, ValueError for another table."""
        values: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for row in frame.sort_values(["column", "position"]).itertuples():
            values[str(row.parameter)][int(row.column)].append(float(row.value))
        slopes, points = values["slope"], values["x"]
        lines = [Logistic(slopes[i][0], values["intercept"][i][0]) for i in sorted(slopes)]
        steps = [Isotonic(tuple(points[i]), tuple(values["y"][i])) for i in sorted(points)]
        temperature, costs = values["temperature"], values["cost"]
        return cls(
            maps=(*lines, *steps),
            softmax=Softmax(temperature[0][0]) if temperature else None,
            thresholds=tuple(numbers[0] for _, numbers in sorted(values["threshold"].items())),
            costs=np.array([numbers for _, numbers in sorted(costs.items())]).T if costs else None,
        )

    def describe(self) -> str:
        """What it does in a few words, as "platt, threshold 0.31"; empty where it does nothing."""
        words = []
        if self.maps or self.softmax:
            words.append("calibrated")
        if shown := [f"{t:.3g}" for t in self.thresholds if t != DEFAULT]:
            words.append(f"threshold {', '.join(shown[:4])}{', ...' if len(shown) > 4 else ''}")
        if self.costs is not None:
            words.append("least expected cost")
        return ", ".join(words)
