"""Lines of fields of which the last, a text, takes the rest of the line, read as tables."""

import numpy as np
import pandas as pd

from lepton.dataset.read.text_file import read_text
from lepton.errors import DataError


def read_labelled_lines(
    path: str, *, separator: str | None, encoding: str, header: bool, names: list[str] | None
) -> pd.DataFrame:
    """Reads each line as so many fields as `names` has; the last one holds the rest of the line.

    Raises: DataError naming file and line where a field is missing.
    """
    if not separator or not names or len(names) < 2:
        raise DataError(
            "dataset.rest=true needs dataset.separator and dataset.names, as ' ' and [label, text]"
        )
    rows = []
    for number, line in enumerate(read_text(path, encoding).split("\n"), 1):
        if (number == 1 and header) or not line.strip():
            continue
        fields = line.split(separator, len(names) - 1)
        if len(fields) < len(names):
            raise DataError(f"{path}, line {number}: nothing for column {names[len(fields)]!r}")
        rows.append([field.strip() or np.nan for field in fields])
    if not rows:
        raise DataError(f"{path}: a header and no rows")
    return pd.DataFrame(rows, columns=names, dtype=object)
