"""Measures whole commands on tables of many columns and of many classes.

    python scripts/bench_width.py [--case columns_csv,classes_1000] [OVERRIDE ...]

For each case makes a file, runs `lepton train` on it in a fresh process, and prints the seconds
of its wall clock and of the CPU, and the peak of its memory. The row `imports` is the same on a
table of 100 rows, 3 columns and two classes: what every command costs. Overrides are those of
`lepton train`.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

COLUMNS, COLUMN_ROWS, CLASS_ROWS = 10_000, 1000, 100_000
WORDS, LETTERS = 5000, 7


def numbers(rows: int, columns: int, classes: int = 2) -> "pd.DataFrame":
    """Normal numbers, and a class by the first of them."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, columns)).round(4)
    ranks = (values[:, 0] + rng.normal(size=rows) * 0.1).argsort().argsort()
    frame = pd.DataFrame(values, columns=[f"num_{i}" for i in range(columns)])
    return frame.assign(target=pd.Series(ranks * classes // rows).map("c{}".format))


def categories(rows: int, columns: int) -> "pd.DataFrame":
    """Columns of ten words each, and a class by the first of them."""
    import numpy as np
    import pandas as pd

    codes = np.random.default_rng(0).integers(0, 10, (rows, columns))
    words = np.array([f"word_{i}" for i in range(10)], dtype=object)
    frame = pd.DataFrame(words[codes], columns=[f"cat_{i}" for i in range(columns)])
    return frame.assign(target=np.where(codes[:, 0] < 5, "yes", "no"))


def mixed(rows: int, columns: int) -> "pd.DataFrame":
    """Numbers, whole numbers, words and dates with missing cells in turn."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, rows)
    days = np.arange(np.datetime64("2000-01-01"), np.datetime64("2010-01-01")).astype(str)
    makers: list[Callable[[], object]] = [
        lambda: np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows).round(3)),
        lambda: rng.integers(0, 1000, rows),
        lambda: rng.choice(np.array(["red", "green", None], dtype=object), rows),
        lambda: rng.choice(days, rows),
    ]
    columns_by_name = {f"mixed_{i}": makers[i % len(makers)]() for i in range(columns)}
    return pd.DataFrame(columns_by_name | {"target": np.where(target > 0, "yes", "no")})


def texts(rows: int, words: int, classes: int) -> "pd.DataFrame":
    """Texts of random words, of which a few are of their class."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    letters = rng.integers(ord("a"), ord("z") + 1, (WORDS, LETTERS)).astype(np.uint8)
    vocabulary = np.array([word.tobytes().decode() for word in letters], dtype=object)
    target = np.arange(rows) % classes
    drawn = rng.integers(0, WORDS, (rows, words))
    drawn[:, :3] = (target[:, None] * 3 + rng.integers(0, 5, (rows, 3))) % WORDS
    frame = pd.DataFrame({"text": [" ".join(row) for row in vocabulary[drawn]]})
    return frame.assign(target=pd.Series(target).map("intent_{}".format))


TABLE = ("model=mlp", "trainer.max_epochs=2")
CASES: dict[str, tuple[Callable[[], "pd.DataFrame"], str, tuple[str, ...]]] = {
    "imports": (lambda: numbers(100, 3), "csv", TABLE),
    "columns_csv": (lambda: numbers(COLUMN_ROWS, COLUMNS), "csv", TABLE),
    "columns_parquet": (lambda: numbers(COLUMN_ROWS, COLUMNS), "parquet", TABLE),
    "columns_quantile": (
        lambda: numbers(COLUMN_ROWS, COLUMNS),
        "parquet",
        (*TABLE, "preprocessing=quantile"),
    ),
    "categories_csv": (lambda: categories(COLUMN_ROWS, COLUMNS), "csv", TABLE),
    "categories_parquet": (lambda: categories(COLUMN_ROWS, COLUMNS), "parquet", TABLE),
    "mixed_csv": (lambda: mixed(COLUMN_ROWS, COLUMNS), "csv", TABLE),
    "mixed_parquet": (lambda: mixed(COLUMN_ROWS, COLUMNS), "parquet", TABLE),
    "classes_1000": (lambda: numbers(CLASS_ROWS, 10, 1000), "csv", TABLE),
    "classes_5000": (lambda: numbers(CLASS_ROWS, 10, 5000), "csv", TABLE),
    "tfidf_150": (lambda: texts(15_000, 10, 150), "text_csv", ("model=tfidf_linear",)),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", default=",".join(CASES))
    parser.add_argument("--folder", type=Path, help="for the files, which are removed in the end")
    parser.add_argument("--command", default="train", choices=("train", "check"))
    arguments, overrides = parser.parse_known_args()
    print(f"{'case':20} {'s':>7} {'CPU s':>7} {'peak MB':>8}")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for case in arguments.case.split(","):
            seconds, cpu_seconds, peak = measured(
                case, Path(folder), arguments.command, tuple(overrides)
            )
            print(f"{case:20} {seconds:7.1f} {cpu_seconds:7.1f} {peak / 1e6:8.0f}", flush=True)
    return 0


def measured(
    case: str, folder: Path, command: str, overrides: tuple[str, ...]
) -> tuple[float, float, float]:
    """The seconds of a command, of the wall clock and the CPU, and the peak of its memory."""
    make_frame, dataset, setting = CASES[case]
    path = folder / f"{case}.{'parquet' if dataset == 'parquet' else 'csv'}"
    frame = make_frame()
    frame.to_parquet(path) if dataset == "parquet" else frame.to_csv(path, index=False)
    words = [f"dataset={dataset}", f"dataset.path={path}", "dataset.target=target", *setting]
    if dataset == "text_csv":
        words.append("dataset.text=text")
    environment = os.environ | {"LEPTON_CACHE": str(folder / "cache")}
    started = time.perf_counter()
    with open(folder / f"{case}.log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lepton", command, *words, f"runs={folder}/runs", *overrides],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit((folder / f"{case}.log").read_text()[-2000:])
    return time.perf_counter() - started, cpu_of(usage), 1024 * usage.ru_maxrss


def cpu_of(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # of what is started, too
    sys.exit(main())
