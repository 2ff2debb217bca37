"""Remarks on what reading and cleaning did to the data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CleaningNote:
    """One thing that was done to the data, and how often.

    >>> print(CleaningNote("missing target, row dropped", 3, "target Risk"))
    target Risk: missing target, row dropped (3)
    """

    what: str
    count: int
    where: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} ({self.count})"
