"""Looks at Parquet files before they are read: how many cells, how much text they unfold to."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lepton.errors import Damaged
from lepton.storage.limits import check_limit, read_limit

MEGABYTE = 1_000_000
TEXT_TYPES = ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")


def check_table(source: Any) -> None:
    """Holds a Parquet file against the limits; a file-like object is rewound.

    Raises: Damaged; pyarrow's errors for what is no such file.
    """
    with pq.ParquetFile(source) as file:
        size = file.metadata.serialized_size
        chunks = [
            file.metadata.row_group(group).column(column)
            for group in range(file.metadata.num_row_groups)
            for column in range(file.metadata.num_columns)
        ]
        size += sum(chunk.total_compressed_size for chunk in chunks)
        cells = sum(max(chunk.num_values, 0) for chunk in chunks)
        rows = file.metadata.num_rows * max(len(file.schema_arrow), 1)
        check_limit("cells", max(cells, rows), at_least=size)
        texts = [c for c in chunks if c.physical_type in TEXT_TYPES]
        unpacked = sum(c.total_uncompressed_size for c in chunks) / MEGABYTE
        check_limit("unpacked_mb", unpacked, at_least=4 * size / MEGABYTE)
        largest = sum(c.num_values * c.total_uncompressed_size for c in texts) / MEGABYTE
        if largest > max(read_limit("unpacked_mb"), 4 * size / MEGABYTE):
            _check_texts(source, file.schema_arrow.names, texts, size)
    if hasattr(source, "seek"):
        source.seek(0)


def _check_texts(source: Any, columns: list[str], texts: list[Any], size: int) -> None:
    """Adds up how long the texts of a table are, read as a dictionary and numbers into it."""
    names = sorted({chunk.path_in_schema for chunk in texts})
    flat = [name for name in names if name in columns]
    if len(flat) < len(names):
        raise Damaged("lists of long texts, which lepton never writes")
    total = 0.0
    with pq.ParquetFile(source, read_dictionary=flat) as file:
        for name in flat:
            for chunk in file.read(columns=[name]).column(name).chunks:
                total += _unfolded(chunk)
                check_limit("unpacked_mb", total / MEGABYTE, at_least=4 * size / MEGABYTE)


def _unfolded(chunk: pa.Array) -> float:
    """The bytes of a column's texts, each counted as often as it stands in the column."""
    if not isinstance(chunk, pa.DictionaryArray):
        return pc.sum(pc.cast(pc.binary_length(chunk), pa.float64())).as_py() or 0.0
    lengths = pc.cast(pc.binary_length(chunk.dictionary), pa.float64())
    return pc.sum(lengths.take(chunk.indices)).as_py() or 0.0
