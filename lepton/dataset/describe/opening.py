"""What opens the output of a run: the target with its classes, and the kinds of its columns."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from lepton.dataset.clean.column_kinds import COLUMN_KINDS
from lepton.foreign_text import printable

if TYPE_CHECKING:
    from lepton.dataset.data import Data

MOST_NAMED = 5  # classes, or columns that are ignored
IGNORE = "ignore"
DIGITS, DOUBLE_DIGITS = 5, 15  # of a number, and of one in 64 bits


def opening_lines(data: "Data") -> Iterator[str]:
    """Yields a line on the rows, the target, the positive class, and the kinds of columns."""
    counts = {split: len(rows["id"]) for split, rows in data.splits.items()}
    inside = data.split_settings.is_validated_inside
    words = [f"{n} {split}" for split, n in counts.items() if not (inside and split == "val")]
    yield f"rows: {', '.join(words)}" + (", validation by folds of train" if inside else "")
    spec = data.spec
    name = ", ".join(spec.target_names)
    if spec.task in ("binary", "multiclass"):
        yield _line(f"target {name}: {spec.task}, {_balance(data)}")
    if spec.task == "binary":
        yield _line(f"positive class: {spec.classes[1]!r}; dataset.positive chooses it")
    if spec.task == "regression":
        yield _line(f"target {name}: a number {_range(data.splits['train']['target'].double())}")
    kinds: dict[str, str] = getattr(data, "kinds", {})
    if kinds:
        yield _line(f"columns: {_kinds(kinds)}")


def _range(values: torch.Tensor) -> str:
    """The smallest, largest and middle value, with digits enough to tell them apart."""
    low, high, middle = (float(value) for value in (values.min(), values.max(), values.median()))
    spread, largest = high - low, max(abs(low), abs(high))
    apart = math.ceil(math.log10(largest / spread)) if spread else 0
    digits = min(max(DIGITS, apart + 3), DOUBLE_DIGITS)
    return f"from {low:.{digits}g} to {high:.{digits}g}, median {middle:.{digits}g}"


def _balance(data: "Data") -> str:
    """The share of each class in train; of many, the most and the least frequent."""
    classes = data.spec.classes
    counts = torch.bincount(data.splits["train"]["target"].long(), minlength=len(classes))
    shares = [(count / max(1, int(counts.sum())), i) for i, count in enumerate(counts.tolist())]
    ordered = sorted(shares, key=lambda pair: (-pair[0], pair[1]))
    words = [f"{100 * share:.3g} % {classes[i]!r}" for share, i in ordered]
    if len(words) <= MOST_NAMED:
        return ", ".join(words)
    return f"{len(words)} classes, from {words[0]} to {words[-1]}"


def _kinds(kinds: dict[str, str]) -> str:
    counts = Counter(kinds.values())
    words = [f"{counts[kind]} {kind}" for kind in COLUMN_KINDS if counts[kind] and kind != IGNORE]
    ignored = [name for name, kind in kinds.items() if kind == IGNORE]
    if ignored:
        more = ", ..." if len(ignored) > MOST_NAMED else ""
        words.append(f"{len(ignored)} ignored ({', '.join(ignored[:MOST_NAMED])}{more})")
    return ", ".join(words)


def _line(text: str) -> str:
    return printable(text, one_line=True)
