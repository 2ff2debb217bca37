"""Compares settings of networks over many tables, and ranks them by the mean over the tables.

    python scripts/tabular_tables.py FOLDER
    python scripts/tabular_study.py FOLDER [--use choose] [--splits 3] [--settings default,embedded]
        [--tables pima,spam] [--references TabM_D,RealMLP_TD] [--best 3m] [--runs RUNS]
        [OVERRIDE ...]

The tables of `--use choose` are kept for choosing defaults, their test splits too: no figure of
them may be quoted for what was chosen. Those of `--use compare` are kept for such figures: nothing
may be chosen by what is seen on them. A setting is an experiment in scripts/tabular_study/. On each
table all settings have the same splits, and are scored on the test split: AUROC of two classes,
accuracy of more, R^2 of a number. Ranks are of the means over splits; `behind` is how far a setting
stays behind the best of its table, where 1 is the distance from the best to the worst.
`--references` adds networks of pytabkit (of the extra dev) at their defaults, trained on the same
splits, and `--best` the ensemble that experiment=best_tabular makes of each split in this budget.
Runs lie in RUNS (--runs, by default runs/), and what is there is not trained again.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from scripts.tabular_references import REFERENCES, reference_scores
from scripts.tabular_tables import TABLES

CONFIG_DIR = Path(__file__).resolve().parent / "tabular_study"
METRICS = {"test/r2": "test/r2", "test/ks": "test/auroc"}  # by one that such a table alone has


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--use", default="choose", choices=("choose", "compare"))
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--settings", default=",".join(sorted(settings())))
    parser.add_argument("--tables")
    parser.add_argument("--references", default="")
    parser.add_argument("--best", metavar="BUDGET")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    arguments, overrides = parser.parse_known_args()
    names = [name for name, table in TABLES.items() if table.use == arguments.use]
    tables = arguments.tables.split(",") if arguments.tables else names
    if others := [name for name in tables if name not in names]:
        parser.error(f"--tables: {', '.join(others)}: no table that is kept to {arguments.use}")
    chosen, references = arguments.settings.split(","), listed(arguments.references)
    for flag, given, known in (
        ("--settings", chosen, settings()),
        ("--references", references, REFERENCES),
    ):
        if others := [name for name in given if name not in known]:
            parser.error(f"{flag}: {', '.join(others)}: there are {', '.join(sorted(known))}")
    scores, seconds = [], []
    for name in tables:
        frame = trained(arguments, name, chosen, overrides)
        metric = next((METRICS[name] for name in METRICS if name in frame), "test/accuracy")
        by_setting = frame.groupby("experiment")
        scores.append(by_setting[metric].mean().rename(f"{name} {metric.removeprefix('test/')}"))
        seconds.append(by_setting["seconds"].mean())
        for reference in references:
            scores[-1][reference], seconds[-1][reference] = reference_scores(
                reference,
                arguments.folder / f"{name}.parquet",
                TABLES[name].target,
                frame,
                arguments.runs / "references.csv",
            )
        if arguments.best:
            scores[-1]["best"], seconds[-1]["best"] = best_scores(arguments, name, metric)
        print(scores[-1].round(4).to_string(), flush=True)
    print(summary(pd.concat(scores, axis=1), pd.concat(seconds, axis=1)).to_string())
    return 0


def listed(names: str) -> list[str]:
    return [name for name in names.split(",") if name]


def settings() -> list[str]:
    return [path.stem for path in (CONFIG_DIR / "experiment").glob("*.yaml")]


def trained(
    arguments: argparse.Namespace, name: str, chosen: list[str], overrides: list[str]
) -> pd.DataFrame:
    """The finished runs of a table."""
    words = (
        *("--config-dir", str(CONFIG_DIR), f"experiment={','.join(chosen)}"),
        f"dataset.split_seed=range({arguments.splits})",
        *overrides,
    )
    frame = swept(arguments, name, f"table_{name}", words)
    is_asked = frame["experiment"].isin(chosen) & (frame["dataset.split_seed"] < arguments.splits)
    return frame[is_asked]


def best_scores(arguments: argparse.Namespace, name: str, metric: str) -> tuple[float, float]:
    """The mean score on test of the ensembles of experiment=best_tabular, and the mean seconds of
    the runs of one."""
    scores, seconds = [], []
    for split in range(arguments.splits):
        words = (
            *("experiment=best_tabular", f"budget={arguments.best}"),
            f"dataset.split_seed={split}",
        )
        frame = swept(arguments, name, f"best_{name}_{split}", words)
        is_ensemble = frame["folder"].str.contains("ensemble_greedy")
        scores.append(frame.loc[is_ensemble, metric].iloc[-1])
        seconds.append(frame.loc[~is_ensemble, "seconds"].sum())
    return sum(scores) / len(scores), sum(seconds) / len(seconds)


def swept(
    arguments: argparse.Namespace, name: str, study: str, words: tuple[str, ...]
) -> pd.DataFrame:
    """The finished runs of a study of a table, to which a sweep adds what is missing."""
    from lepton import load

    data = (
        "dataset=parquet",
        f"dataset.path={arguments.folder / f'{name}.parquet'}",
        f"dataset.target={TABLES[name].target}",
    )
    lepton = (sys.executable, "-m", "lepton", "train", "-m")
    where = (f"runs={arguments.runs}", f"study={study}")
    subprocess.run((*lepton, *words, *data, *where), check=True, stdout=subprocess.DEVNULL)
    frame = load(arguments.runs / study)
    return frame[frame["status"] == "finished"]


def summary(scores: pd.DataFrame, seconds: pd.DataFrame) -> pd.DataFrame:
    """A row a setting: mean rank over tables, mean distance to the best, seconds of a run.

    Shapes: scores and seconds (settings, tables); larger scores are better.
    """
    best, worst = scores.max(), scores.min()
    behind = ((best - scores) / (best - worst).replace(0, 1)).mean(axis=1)
    ranks = scores.rank(ascending=False).mean(axis=1)
    columns = {"rank": ranks, "behind": behind, "s": seconds.mean(axis=1)}
    return pd.DataFrame(columns).sort_values("rank").round(3)


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # of what is started, too
    sys.exit(main())
