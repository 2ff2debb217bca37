"""Measures the memory and the time of whole runs on tables of 10^4 to 10^7 rows x 60 columns.

    python scripts/bench_memory.py [--rows 10000,400000] [--format parquet,csv,texts] [OVERRIDE ...]

Makes each table (normal numbers, a class by their sum), trains one epoch of a small network on it
in a fresh process, and prints the peak of anonymous memory (RssAnon) beyond that of a run on 1000
rows, which has imported and built all the same; as a multiple of the float32 data, and per row.
`texts` are as many rows of `--columns` words, whose data are their letters.
Overrides are those of `lepton train`, as `dataset.memory_gb=0.5`.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

COLUMNS, GROUP_ROWS = 60, 100_000
SETTING = ("dataset.target=target", "trainer.max_epochs=1", "batch_size=256")
OF_TEXTS = ("dataset=text_csv", "dataset.text=text", "model=bag_of_embeddings")
WORD_LETTERS, WORDS = 5, 20_000
POLL_SECONDS = 0.002


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="10000,100000,400000")
    parser.add_argument("--format", default="parquet")
    parser.add_argument("--columns", type=int, default=COLUMNS)
    parser.add_argument("--folder", type=Path, help="for the tables; they are removed in the end")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments, overrides = parser.parse_known_args()
    if arguments.child:
        print(*measure(overrides))
        return 0
    print(
        f"{'format':8} {'rows':>9} {'MB':>6} {'x data':>6} {'B a row':>8} {'s':>6} {'µs a row':>8}"
    )
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for name in arguments.format.split(","):
            small = make_table(Path(folder), 1000, arguments.columns, name)
            base, _ = run_apart(folder, small, name, overrides)
            for rows in map(int, arguments.rows.split(",")):
                path = make_table(Path(folder), rows, arguments.columns, name)
                peak, seconds = run_apart(folder, path, name, overrides)
                path.unlink()
                growth = peak - base
                width = WORD_LETTERS + 1 if name == "texts" else 4
                data = width * rows * arguments.columns
                print(
                    f"{name:8} {rows:9} {growth / 1e6:6.0f} {growth / data:6.2f} "
                    f"{growth / rows:8.0f} {seconds:6.1f} {1e6 * seconds / rows:8.1f}",
                    flush=True,
                )
    return 0


def make_table(folder: Path, rows: int, columns: int, name: str) -> Path:
    """A file of normal numbers and a class, made a block of rows at a time."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv, parquet

    path, rng = folder / f"{rows}.{name}", np.random.default_rng(rows)
    if name == "texts":
        return make_texts(path.with_suffix(".parquet"), rows, columns, rng)
    names = [f"num_{i}" for i in range(columns)]
    schema = pa.schema([*((n, pa.float64()) for n in names), ("target", pa.string())])
    open_writer = parquet.ParquetWriter if name == "parquet" else csv.CSVWriter
    with open_writer(path, schema) as writer:
        for start in range(0, rows, GROUP_ROWS):
            numbers = rng.normal(size=(min(GROUP_ROWS, rows - start), columns)).round(6)
            scores = numbers.sum(1) + rng.normal(size=len(numbers)) * columns**0.5
            target = np.where(scores > 0, "yes", "no")
            writer.write_table(pa.table([*numbers.T, target], schema=schema))
    return path


def make_texts(path: Path, rows: int, words: int, rng: "np.random.Generator") -> Path:
    """A file of texts of random words, and a class by their first letter."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    letters = rng.integers(ord("a"), ord("z") + 1, (WORDS, WORD_LETTERS)).astype(np.uint8)
    vocabulary = np.array([word.tobytes().decode() for word in letters], dtype=object)
    schema = pa.schema([("text", pa.string()), ("target", pa.string())])
    with parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, GROUP_ROWS):
            drawn = rng.integers(0, WORDS, (min(GROUP_ROWS, rows - start), words))
            texts = [" ".join(vocabulary[row]) for row in drawn]
            target = ["early" if text[0] < "n" else "late" for text in texts]
            writer.write_table(pa.table([texts, target], schema=schema))
    return path


def run_apart(folder: str, path: Path, name: str, overrides: list[str]) -> tuple[float, float]:
    """The peak of a run in a process of its own, and the seconds that it took."""
    data = OF_TEXTS if name == "texts" else (f"dataset={name}", "model=mlp")
    setting = (*data, f"dataset.path={path}", f"runs={folder}/runs", *SETTING)
    command = [sys.executable, __file__, "--child", *setting, *overrides]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    peak, seconds = output.split()[-2:]
    return float(peak), float(seconds)


def measure(overrides: list[str]) -> tuple[float, float]:
    """Trains a run; the peak of anonymous memory in it, in bytes, and the seconds that it took."""
    from lepton import compose, train

    sampler, started = PeakSampler(), time.perf_counter()
    sampler.start()
    train(compose(*overrides))
    return sampler.stop(), time.perf_counter() - started


class PeakSampler(threading.Thread):
    """Looks at RssAnon every few milliseconds; file pages, which can be dropped, are not in it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self.over = 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(POLL_SECONDS):
            self.peak = max(self.peak, anonymous_bytes())

    def stop(self) -> int:
        self.over.set()
        self.join()
        return self.peak


def anonymous_bytes() -> int:
    """The anonymous memory of this process. Units: bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


if __name__ == "__main__":
    sys.exit(main())
