"""Words of `dataset.missing` that would be a class, a group or a split: asked about."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cell_texts import distinct_texts, matches
from lepton.dataset.read.raw_table import RawTable
from lepton.errors import DataError

WordCounts = Mapping[str, Counter[str]]  # by column


def refuse_missing_classes(
    table: RawTable, columns: Sequence[str], task: str | None, missing: Sequence[str]
) -> None:
    """Raises: DataError for a word among the classes of a target that was read as missing.

    A word beside numbers is none.
    """
    for name in columns if len(columns) == 1 and task != "regression" else ():
        words = _words(table, name)
        if not any(any(map(str.isalpha, word)) for word in words) or name not in table:
            continue
        texts = distinct_texts(table[name])[1]
        if len(texts) and matches(texts, cell_parsing.NUMBER_PATTERN).all():
            continue
        raise DataError(
            f"target {name}: {_counted(words)} read as missing, which would drop a class: "
            f"{_without(missing, words)} makes it one, dataset.missing_target=drop drops its rows"
        )


def refuse_missing_groups(table: RawTable, column: str | None, missing: Sequence[str]) -> None:
    """Raises: DataError for words of the split column that were read as missing."""
    words = _words(table, column or "")
    if words:
        raise DataError(
            f"dataset.split_column {column}: {_counted(words)} read as missing: "
            f"{_without(missing, words)} makes it a value; or fill these cells, or drop their rows"
        )


def _words(table: RawTable, name: str) -> Counter[str]:
    counts: WordCounts = getattr(table, "missing_words", {})
    return counts.get(name, Counter())


def _counted(words: Counter[str]) -> str:
    return ", ".join(f"{word!r} ({count} rows)" for word, count in words.items())


def _without(missing: Sequence[str], words: Counter[str]) -> str:
    """The override by which these words are no longer missing, as it is typed in a shell."""
    kept = ",".join(f"'{word}'" for word in missing if word not in words)
    return f'"dataset.missing=[{kept}]"'
