"""Numbers with bounds, as annotations: what a class says of its keys, a config is held against.

To Python and to type checkers they are int and float; the check of a config reads the name.
"""

import math
from dataclasses import dataclass

AtLeast1 = int
AtLeast0 = int
Above0 = float
NotBelow0 = float
NotBelowMinus1 = float
Between0And1 = float
From0To1 = float
From0Below1 = float
Above0To1 = float
From0To100 = float


@dataclass(frozen=True)
class Bounds:
    """The numbers that one of these names takes, in `words`; an open end is none of them."""

    words: str
    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    whole: bool = False

    def holds(self, value: object) -> bool:
        """True for a number within the bounds, a whole one where it has to be."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            return False
        above = value > self.low if self.open_low else value >= self.low
        return above and (value < self.high if self.open_high else value <= self.high)


BOUNDS = {
    "AtLeast1": Bounds("int, 1 at least", 1, whole=True),
    "AtLeast0": Bounds("int, 0 at least", 0, whole=True),
    "Above0": Bounds("float, above 0", 0, open_low=True),
    "NotBelow0": Bounds("float, 0 at least", 0),
    "NotBelowMinus1": Bounds("float, -1 at least", -1),
    "Between0And1": Bounds("float, between 0 and 1", 0, 1, open_low=True, open_high=True),
    "From0To1": Bounds("float, from 0 to 1", 0, 1),
    "From0Below1": Bounds("float, from 0 to below 1", 0, 1, open_high=True),
    "Above0To1": Bounds("float, above 0, 1 at most", 0, 1, open_low=True),
    "From0To100": Bounds("float, from 0 to 100", 0, 100),
}
FLOATS = frozenset({"float", *(name for name, bounds in BOUNDS.items() if not bounds.whole)})
