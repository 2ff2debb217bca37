"""What generated rows of Adult are worth, beside as many further real ones.

    python scripts/generated_study.py FOLDER [--draws 10] [--rows 2000] [--generators copula,tvae]

FOLDER holds adult-train.csv and adult-test.csv as UCI ships them. In each draw other training rows
are taken, a generator learns from them and makes as many, and histogram gradient boosting is
trained on real, generated and both; so it is with as many further real rows. All are scored on the
16281 rows of the test file. Intervals are of the differences over draws (t, 95 %).
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from scipy import stats

from lepton import build
from lepton.config.synthesize_root import compose_synthesis
from lepton.generator.rows import TableRows
from lepton.seeds import derive
from lepton.synthesis.quality import measure_quality
from lepton.synthesis.source import Source, read_source

FURTHER = "further real rows"
GENERATORS = "bootstrap,independent,copula,smotenc,tvae"
DATA = (
    *("dataset=csv", "dataset.header=false", "dataset.target=c14", "dataset.target_strip=."),
    *("judged_on=test", "resamples=1", "out=none"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--generators", default=GENERATORS)
    arguments = parser.parse_args()
    paths = (
        f"dataset.{key}path={arguments.folder / name}"
        for key, name in (("", "adult-train.csv"), ("test_", "adult-test.csv"))
    )
    words = [*DATA, *paths]
    source, rows = read_source(compose_synthesis(words)), []
    for draw in range(arguments.draws):
        order = np.random.default_rng(derive(draw, "rows")).permutation(len(source.train))
        first, second = order[: arguments.rows], order[arguments.rows : 2 * arguments.rows]
        own = replace(source, train=source.train.at(first), train_ids=source.train_ids[first])
        rows.append(_measured(own, source.train.at(second), FURTHER, draw, words))
        for name in arguments.generators.split(","):
            config = compose_synthesis([*words, f"generator={name}", f"seed={draw}"])
            generator = build.instantiate(config["generator"], "generator")
            generated = generator.generate(own.train, arguments.rows, derive(draw, "synthesize"))
            rows.append(_measured(own, generated.rows, name, draw, words))
        print(f"draw {draw + 1} of {arguments.draws}", file=sys.stderr)
    print(_table(pd.DataFrame(rows)))
    return 0


def _measured(source: Source, rows: TableRows, name: str, draw: int, words: list[str]) -> dict:
    """The figures of one draw that the table is made of."""
    quality = measure_quality(source, rows, compose_synthesis([*words, f"seed={draw}"]))
    near, columns = quality.nearness, quality.columns
    return {
        "rows": name,
        "real": quality.usefulness.real.value,
        "generated": quality.usefulness.generated.value,
        "both": quality.usefulness.both.value,
        "told": quality.detection,
        "copies": near.exact(near.generated),
        "near": near.near(near.generated),
        "kept": quality.kept["generated"],
        "columns": columns["generated"].mean(),
        "verdict": quality.verdict,
    }


def _table(frame: pd.DataFrame) -> str:
    """A line for each kind of rows, over draws."""
    real = frame.loc[frame["rows"] == FURTHER, "real"]
    lines = [
        f"real rows alone: auroc {real.mean():.3f} ± {real.std():.3f} over {len(real)} draws",
        "",
        "| added | alone | real + these | minus real [95 %] | told from real | copies | near "
        "| associations kept | columns (ks, tv) | verdict |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, draws in frame.groupby("rows", sort=False):
        verdicts = " ".join(f"{v} {n}" for v, n in draws["verdict"].value_counts().items())
        cells = [
            str(name),
            f"{draws['generated'].mean():.3f}",
            f"{draws['both'].mean():.3f}",
            _difference(draws["both"] - draws["real"]),
            *(f"{draws[column].mean():.2f}" for column in ("told", "copies", "near", "kept")),
            f"{draws['columns'].mean():.3f}",
            verdicts,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _difference(values: Any) -> str:
    mean, count = values.mean(), len(values)
    half = stats.t.ppf(0.975, count - 1) * values.std() / np.sqrt(count) if count > 1 else np.nan
    return f"{mean:+.4f} [{mean - half:+.4f}, {mean + half:+.4f}]"


if __name__ == "__main__":
    sys.exit(main())
