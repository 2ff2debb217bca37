"""The files that the rows of a data set come from: counts by file, and files that give nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.errors import DataError, RowError


@dataclass(frozen=True)
class FileParts:
    """The data file's rows, then those of a test file where there is one; no names: nothing known.

    `selected` are the numbers of the rows that are used, as they stand in the files; None: all.
    Units: `file_rows` counts the data file's rows that are used.
    Shapes: selected (rows,), ascending.
    """

    names: tuple[str, ...] = ()
    file_rows: int = 0
    selected: np.ndarray | None = None

    def numbers(self, rows: np.ndarray) -> np.ndarray:
        """The numbers in the files of some of the rows that are used."""
        return rows if self.selected is None else self.selected[rows]

    @contextmanager
    def naming_rows(self) -> Iterator[None]:
        """Has errors name rows by their number in the files."""
        try:
            yield
        except RowError as e:
            raise e.at(int(self.numbers(np.array(e.row)))) from None

    @property
    def slices(self) -> list[tuple[str, slice]]:
        """The files by name, each with its rows; none where there is one file or nothing known."""
        if len(self.names) < 2:
            return []
        parts = slice(None, self.file_rows), slice(self.file_rows, None)
        return list(zip(self.names, parts, strict=True))

    def notes(self, what: str, rows: np.ndarray, where: str) -> list[CleaningNote]:
        """A note on the marked rows for each file that has some; one file is not named.

        Shapes: rows (rows,) bool.
        """
        return [CleaningNote(what, count, place) for place, count in self.counts(rows, where)]

    def counts(self, rows: np.ndarray, where: str) -> list[tuple[str, int]]:
        """For each file with marked rows the place that a note names, and how many they are.

        Shapes: rows (rows,) bool.
        """
        parts = [(f"{name}, {where}", part) for name, part in self.slices] or [(where, slice(None))]
        counts = [(place, int(rows[part].sum())) for place, part in parts]
        return [(place, count) for place, count in counts if count]

    def refuse_unused(self, kept_rows: np.ndarray, lack: str) -> None:
        """Raises: DataError for a file of which no row is kept; `lack` is what each row lacks."""
        for name, part in self.slices:
            if not kept_rows[part].any():
                raise DataError(f"{name}: no row has a {lack}, so it cannot be {self._use(name)}")

    def refuse_placeholder(self, codes: np.ndarray, texts: list[str], column: str) -> None:
        """Refuses a target that says nothing in the test file, as the -1 of competitions.

        Shapes: codes (rows,), the number of each row's text, -1 where it is missing.
        Raises: DataError for one value in several rows of the test file, unknown to the data file.
        """
        if not self.slices:
            return
        (_, own), (name, part) = self.slices
        values = np.unique(codes[part][codes[part] >= 0])
        if len(values) == 1 and (codes[part] >= 0).sum() > 1 and values[0] not in codes[own]:
            raise DataError(
                f"{name}: target {column} is {texts[int(values[0])]!r} in every row and nowhere in "
                f"{self.names[0]}, so it cannot be scored on; leave it out, and predict its rows "
                "with a trained model"
            )

    def _use(self, name: str) -> str:
        return "scored on" if name == self.names[-1] else "trained on"


ONE_FILE = FileParts()
