"""Arrow's columns in the few types that files have, whatever library they come from."""

import pyarrow as pa
from pyarrow import types

TEXT_VIEW, BINARY_VIEW = "string_view", "binary_view"


def plain_table(table: pa.Table) -> pa.Table:
    """The table without metadata, and its columns as `plain_column` makes them."""
    columns = {name: plain_column(table.column(i)) for i, name in enumerate(table.column_names)}
    return pa.table(columns)


def plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same cells: texts of one type, categories as texts of it, decimals as 64-bit numbers."""
    kind = column.type
    if types.is_dictionary(kind):
        chunks = [_plain_categories(chunk) for chunk in column.chunks]
        return pa.chunked_array(chunks, _CATEGORIES).unify_dictionaries()
    plain = _plain_type(kind)
    return column if plain == kind else column.cast(plain)


_CATEGORIES = pa.dictionary(pa.int32(), pa.string())


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if types.is_large_string(kind) or str(kind) == TEXT_VIEW:
        return pa.string()
    is_fixed = types.is_fixed_size_binary(kind)  # as polars gives addresses of Python's objects
    if types.is_large_binary(kind) or str(kind) == BINARY_VIEW or is_fixed:
        return pa.binary()
    return pa.float64() if types.is_decimal(kind) else kind


def _plain_categories(chunk: pa.DictionaryArray) -> pa.DictionaryArray:
    categories = chunk.dictionary.cast(pa.string())
    return pa.DictionaryArray.from_arrays(chunk.indices.cast(pa.int32()), categories)
