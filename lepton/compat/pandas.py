"""pandas: what versions before 3 call otherwise."""

import pandas as pd


def text_type() -> str:
    """The type of a column of texts some of which are missing.

    Before pandas 3 it is that of any objects: `str` would make "None" of a missing text, and the
    type of 3 is not there. Tried: pandas 2.2.0, 3.1.1.
    """
    return "str" if int(pd.__version__.partition(".")[0]) >= 3 else "object"
