"""Data sets of the package datasets, as tables."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lepton.errors import DataError
from lepton.in_memory.arrow_tables import Rows


def of_hub_dataset(data: Any) -> Rows | None:
    """The rows of a `datasets.Dataset`: class labels by their names, pictures as files.

    Raises: DataError for a DatasetDict, of which one split is to be given.
    """
    if not type(data).__module__.startswith("datasets."):
        return None
    if isinstance(data, dict):
        splits = ", ".join(data)
        raise DataError(f"a data set of several splits ({splits}); give one, and test= another")
    pictures = [name for name, kind in data.features.items() if type(kind).__name__ == "Image"]
    for name in pictures:
        data = data.cast_column(name, type(data.features[name])(decode=False))
    table = data.with_format("arrow")[:]
    for name, feature in data.features.items():
        column = table[name]
        if hasattr(feature, "int2str"):
            column = _class_names(column, feature.names)
        elif name in pictures:
            column = pa.array([_content(cell) for cell in column.to_pylist()], pa.binary())
        table = table.set_column(table.schema.get_field_index(name), name, column)
    table = table.replace_schema_metadata()
    if len(pictures) == 1:
        return Rows(table, "image_folder", {"dataset.image": pictures[0]}, "pictures")
    return Rows(table, name="rows")


def _class_names(codes: pa.ChunkedArray, names: list[str]) -> pa.Array:
    """The names of codes; of -1, which is no label, none."""
    whole = pa.chunked_array(codes.cast(pa.int64())).combine_chunks()
    labelled = pc.if_else(pc.greater_equal(whole, 0), whole, pa.scalar(None, pa.int64()))
    return pc.take(pa.array(names, pa.string()), labelled)


def _content(cell: dict[str, Any] | None) -> bytes | None:
    """The bytes of a picture that the package keeps as bytes or as a path."""
    if cell is None:
        return None
    return Path(cell["path"]).read_bytes() if cell["bytes"] is None else cell["bytes"]
