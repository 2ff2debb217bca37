"""Measures the memory and the time of whole runs on tables of 10^4 to 10^7 rows x 60 columns.

    python scripts/bench_memory.py [--rows 10000,400000] [--format parquet,csv,texts,npz]
        [--memory-gb null,0] [OVERRIDE ...]

Makes each table (normal numbers, a class by their sum), trains one epoch of a small network on it
in a fresh process, and prints the peak of anonymous memory (RssAnon) beyond that of a run on 1000
rows, which has imported and built all the same; as a multiple of the float32 data, and per row.
`texts` are as many rows of `--columns` words, whose data are their letters; `npz` are as many
square pictures of `--columns` grey pixels, packed, whose data are their bytes.
File pages, which the system can drop, are not in it. Seconds are those of the wall clock and of
the CPU, from composing to the result. What is streamed is written to a cache of its own.
--memory-gb gives the budgets to try, 0 for one that streams everything; overrides are those of
`lepton train`, as `preprocessing=quantile`.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    import numpy as np

COLUMNS, GROUP_ROWS = 60, 100_000
SETTING = ("trainer.max_epochs=1", "batch_size=256")
OF_TEXTS = ("dataset=text_csv", "dataset.text=text", "model=bag_of_embeddings")
SPLIT = ("dataset.split=random", "dataset.split_column=null")
OF_PICTURES = ("dataset=npz", *SPLIT, "model=cnn_small")
WORD_LETTERS, WORDS = 5, 20_000
POLL_SECONDS = 0.002


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="10000,100000,400000")
    parser.add_argument("--format", default="parquet")
    parser.add_argument("--memory-gb", default="null", help="budgets, as null,0")
    parser.add_argument("--columns", type=int, default=COLUMNS)
    parser.add_argument("--folder", type=Path, help="for the tables; they are removed in the end")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments, overrides = parser.parse_known_args()
    if arguments.child:
        print(*train_timed(overrides))
        return 0
    print(
        f"{'format':8} {'budget':>6} {'rows':>9} {'MB':>6} {'x data':>6} {'B a row':>8} "
        f"{'s':>7} {'CPU s':>7}"
    )
    budgets = arguments.memory_gb.split(",")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for name in arguments.format.split(","):
            table = make_table(Path(folder), 1000, arguments.columns, name)
            bases = {budget: run_apart(table, name, budget, overrides)[0] for budget in budgets}
            for rows in map(int, arguments.rows.split(",")):
                table = make_table(Path(folder), rows, arguments.columns, name)
                width = {"texts": WORD_LETTERS + 1, "npz": 1}.get(name, 4)
                for budget in budgets:
                    peak, seconds, cpu_seconds = run_apart(table, name, budget, overrides)
                    growth = peak - bases[budget]
                    print(
                        f"{name:8} {budget:>6} {rows:9} {growth / 1e6:6.0f} "
                        f"{growth / (width * rows * arguments.columns):6.2f} {growth / rows:8.0f} "
                        f"{seconds:7.1f} {cpu_seconds:7.1f}",
                        flush=True,
                    )
                table.unlink()
    return 0


def make_table(folder: Path, rows: int, columns: int, name: str) -> Path:
    """A file of normal numbers and a class, made a block of rows at a time."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv, parquet

    path, rng = folder / f"{rows}.{name}", np.random.default_rng(rows)
    if name == "npz":
        return make_pictures(path, rows, columns, rng)
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


def make_pictures(path: Path, rows: int, pixels: int, rng: "np.random.Generator") -> Path:
    """A packed archive of grey pictures of noise, and a class by how bright they are."""
    import numpy as np

    side, target = math.isqrt(pixels), rng.integers(0, 2, rows)
    images = rng.integers(0, 200, (rows, side, side), dtype=np.uint8)
    images += (20 * target).astype(np.uint8)[:, None, None]
    np.savez_compressed(path, train_images=images, train_labels=target)
    return path


def run_apart(
    table: Path, name: str, budget: str, overrides: list[str]
) -> tuple[float, float, float]:
    """The peak of a run in a process of its own, in bytes, and its seconds, of the CPU too."""
    kinds = {"texts": OF_TEXTS, "npz": OF_PICTURES}
    data = kinds.get(name, (f"dataset={name}", "model=mlp"))
    data = (*data, f"dataset.path={table}", f"dataset.memory_gb={budget}")
    target = f"dataset.target={'label' if name == 'npz' else 'target'}"
    # the budget changes no run id
    setting = (f"runs={table.parent}/runs", "rerun=true", target, *SETTING)
    command = [sys.executable, __file__, "--child", *data, *setting, *overrides]
    environment = os.environ | {"LEPTON_CACHE": f"{table.parent}/cache"}
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        while process.poll() is None:
            peak = max(peak, anonymous_bytes(process.pid))
            time.sleep(POLL_SECONDS)
        assert process.stdout is not None
        output = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"the run failed: {' '.join(command)}")
    seconds, cpu_seconds = output.split()[-2:]
    return peak, float(seconds), float(cpu_seconds)


def train_timed(overrides: list[str]) -> tuple[float, float]:
    """Trains a run; the seconds that it took, of the wall clock and of the CPU."""
    from lepton import compose, train

    started, cpu_started = time.perf_counter(), time.process_time()
    train(compose(*overrides))
    return time.perf_counter() - started, time.process_time() - cpu_started


def anonymous_bytes(process: int) -> int:
    """The anonymous memory of a process; 0 when it has ended. Units: bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    sizes = [line.split()[1] for line in lines if line.startswith("RssAnon")]
    return 1024 * int(sizes[0]) if sizes else 0


if __name__ == "__main__":
    sys.exit(main())
