"""Batches of rows collected into one Arrow table: in memory, or mapped from a scratch file."""

from collections.abc import Iterable

import pyarrow as pa

from lepton.storage.scratch import scratch_file

FEW_ROWS = 1 << 16  # of a table whose columns are each in one piece, as many columns ask for


def collect(batches: Iterable[pa.RecordBatch], *, spill: bool) -> pa.Table | None:
    """The rows of all batches, in a scratch file if `spill`; None where there are none.

    Raises: LeptonError when the disk is full; what the batches raise.
    """
    batches = iter(batch for batch in batches if batch.num_rows)
    first = next(batches, None)
    if first is None:
        return None
    if not spill:
        table = pa.Table.from_batches([first, *batches])
        return table.combine_chunks() if len(table) < FEW_ROWS else table
    with scratch_file() as (file, path):
        with pa.ipc.new_file(pa.PythonFile(file, "w"), first.schema) as writer:
            writer.write_batch(first)
            del first
            for batch in batches:
                writer.write_batch(batch)
        file.flush()
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
