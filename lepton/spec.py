"""The specification of prepared data: all that a model or a task knows of them."""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from lepton.storage.run_files import read_run_json

PRESENCE = "presence"  # the kind of inputs that marks which of the others a row has
MISSING_INDICATOR = " is missing"  # ends the names of numbers that say where another was missing
MISSING_CODE, UNSEEN_CODE, FIRST_CATEGORY_CODE = 0, 1, 2  # codes of categorical columns
FAR_STDS = 256  # from 0, at which a mean costs 32-bit numbers the digits that their spread needs
QUANTILE_LEVELS = 129  # quantiles kept per number: 128 equal bins and their edges


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """Names, sizes and training-split statistics of a prepared data set; plain values only.

    Shapes: `quantiles` (len(num_features), QUANTILE_LEVELS), of the preprocessed training split;
        `class_counts` (len(classes),), for multilabel the number of positives per label.
    Units: `target_mean` and `target_std` in the target's own unit.
    """

    task: str  # binary, multiclass, multilabel or regression; none without a target, or own
    outputs: int  # logits per sample: one per class or label, else 1; a task of one's own says it
    classes: tuple[str, ...]  # class names; label names for multilabel; empty for regression
    class_counts: tuple[int, ...]
    target_names: tuple[str, ...]
    target_mean: float
    target_std: float
    num_features: tuple[str, ...]
    cat_features: tuple[str, ...]
    cat_cardinalities: tuple[int, ...]  # codes per categorical column, missing and unseen included
    quantiles: tuple[tuple[float, ...], ...]
    train_rows: int
    text_features: tuple[str, ...] = ()  # columns of texts: none, one, or the two of a pair
    vocabulary: int = 0  # one more than the largest token; 0 where the model reads texts itself
    pad: int = 0  # token behind a text's own
    max_length: int = 0  # tokens of the longest row that can come
    categories: tuple[tuple[str, ...], ...] = ()  # what each column's codes from 2 on mean
    marks: tuple[int, ...] = ()  # tokens around a text, which are no part of it
    mask_token: int | None = None  # that stands for a hidden one, where the tokenizer has such
    # what further kinds of inputs say of themselves, by their names; see `InputKind.fields_of`
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict, hash=False)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of the kinds of inputs that the data hold."""
        held = {"table": self.num_features or self.cat_features, "text": self.text_features}
        return (*(name for name, features in held.items() if features), *self.inputs)

    @property
    def is_target_far(self) -> bool:
        """True where 64 bits are needed to tell a regression's targets apart, as for times."""
        return self.task == "regression" and is_far(self.target_mean, self.target_std)

    def bin_edges(self, count: int) -> list[np.ndarray]:
        """Edges of `count` equally filled bins for each number, without repeats.

        Exact where `count` divides QUANTILE_LEVELS - 1, else interpolated between the quantiles.
        """
        levels, edges = np.linspace(0, 1, QUANTILE_LEVELS), np.linspace(0, 1, count + 1)
        return [np.unique(np.interp(edges, levels, values)) for values in self.quantiles]

    def save(self, path: Path) -> None:
        """Writes the spec as JSON."""
        values = {name: value for name, value in vars(self).items() if name != "inputs" or value}
        path.write_text(json.dumps(values))

    @classmethod
    def load(cls, path: Path) -> "DataSpec":
        """The spec that `save` wrote, perhaps in an earlier version with fewer fields."""
        values = read_run_json(path.parent, path.name)
        names = [field.name for field in fields(cls) if field.name in values]
        return cls(**{name: _as_tuples(values[name]) for name in names})


def is_far(mean: float, std: float) -> bool:
    """True for numbers of which 32 bits lose digits, since their spread is small beside them."""
    return bool(abs(mean) > FAR_STDS * std)


def _as_tuples(value: Any) -> Any:
    """A JSON value with tuples for its lists."""
    if isinstance(value, dict):
        return {key: _as_tuples(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    has_parts = not {list, dict}.isdisjoint(map(type, value))
    return tuple(map(_as_tuples, value)) if has_parts else tuple(value)
