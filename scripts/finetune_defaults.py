"""Chooses the defaults of fine-tuning strategies, on data from which no other figure is quoted.

    python scripts/finetune_defaults.py FOLDER [--models minilm,table] [--strategies full,lora]
        [--schedules 12x10,12x20] [--rates 1e-4] [--warmups 0.1] [--draws 2] [--runs RUNS]
        [OVERRIDE ...]

16 examples of each class are trained on, all of them, with the schedule of each setting to its
end, and other rows of the same set score what comes out. Texts: tweets of vader, sections of
MTS-Dialog, categories of emoji by their keywords (of FOLDER/mts_dialog and FOLDER/emoji_pairs).
Tables: two that scikit-learn ships and german_credit, of which one half trains a source network,
and the other is what it is tuned to. A draw is a split and the examples in it; those that other
figures are of have other numbers. A schedule is steps an epoch, in batches of 8 rows at least, by
epochs; a warm-up a share of all steps.

A line a setting: accuracy on each set, their mean, the mean rank, and seconds of a training. The
chosen one has the fewest epochs, and of these the lowest rate, of those that stay at most 0.005
behind the best mean. Runs lie in RUNS (--runs, by default runs/), and what is there is not trained
again. MiniLM takes about a minute of a core for each setting and draw over the three sets.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from scripts.finetune_sets import SETS, Set

CONFIG_DIR = Path(__file__).resolve().parent / "finetune_defaults"
SHOTS, MIN_BATCH = 16, 8
FIRST_DRAW = 100  # figures are of draws below it
MARGIN = 0.005  # of accuracy, that a cheaper setting or a lower rate may stay behind
RATES = {  # learning rates to choose from, by kind of network
    "minilm": {
        "full": (5e-5, 1e-4, 2e-4, 4e-4),
        "lora": (3e-4, 1e-3, 2e-3, 4e-3),
        "bitfit": (1e-3, 3e-3, 1e-2),
        "lp_ft": (2e-5, 1e-4, 3e-4),
        "layerwise_lr": (1e-4, 3e-4, 6e-4),
        "contrastive": (5e-5, 1e-4, 2e-4),
        "l2sp": (1e-4, 2e-4, 4e-4),
        "last_k": (1e-4, 3e-4, 1e-3),
        "gradual_unfreeze": (1e-4, 3e-4, 1e-3),
        "norm": (1e-3, 3e-3, 1e-2, 3e-2),
        "dora": (3e-4, 1e-3, 3e-3),
        "ia3": (3e-3, 1e-2, 3e-2),
        "vera": (4e-3, 1e-2, 3e-2),
        "prompt": (1e-3, 3e-3, 1e-2, 3e-2),
        "adalora": (1e-3, 2e-3, 4e-3),
    },
    "table": {
        **dict.fromkeys(
            ("full", "lp_ft", "layerwise_lr", "l2sp", "last_k", "gradual_unfreeze"),
            (1e-4, 3e-4, 1e-3, 3e-3),
        ),
        **dict.fromkeys(("lora", "dora", "bitfit"), (3e-4, 1e-3, 3e-3, 1e-2)),
        **dict.fromkeys(("ia3", "vera"), (3e-3, 1e-2, 3e-2)),
    },
}
OF_KIND = {  # overrides of one kind of network, for the time that they spare
    "minilm": ("trainer.precision=bf16-mixed", "hydra/launcher=basic"),
    "table": ("hydra/launcher=vectorized",),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default="minilm,table")
    parser.add_argument("--strategies")
    parser.add_argument("--sets")
    parser.add_argument("--schedules", default="12x10", help="STEPSxEPOCHS, several with commas")
    parser.add_argument("--rates", help="all that the script lists for a strategy if not given")
    parser.add_argument("--warmups", default="0.1")
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    arguments, overrides = parser.parse_known_args()
    for model in arguments.models.split(","):
        sets = listed(arguments.sets) or [name for name, s in SETS.items() if s.kind == model]
        for rates, strategies in strategies_by_rates(arguments, model).items():
            frames = [trained(arguments, name, strategies, rates, overrides) for name in sets]
            for strategy, runs in pd.concat(frames).groupby("finetune"):
                print(f"{model}, {strategy}\n{summary(runs).to_string()}\n", flush=True)
    return 0


def strategies_by_rates(
    arguments: argparse.Namespace, model: str
) -> dict[tuple[float, ...], list[str]]:
    """The strategies that are asked for, those together that have the same rates to choose from."""
    groups: dict[tuple[float, ...], list[str]] = {}
    for strategy in listed(arguments.strategies) or [*RATES[model]]:
        rates = tuple(map(float, listed(arguments.rates))) or RATES[model][strategy]
        groups.setdefault(rates, []).append(strategy)
    return groups


def listed(names: str | None) -> list[str]:
    return names.split(",") if names else []


def trained(
    arguments: argparse.Namespace,
    name: str,
    strategies: list[str],
    rates: tuple[float, ...],
    overrides: list[str],
) -> pd.DataFrame:
    """The finished runs of strategies on a set."""
    from lepton import load

    chosen, study = SETS[name], f"defaults_{name}"
    schedules = [tuple(map(int, s.split("x"))) for s in arguments.schedules.split(",")]
    common = (
        *chosen.prepare(arguments.folder, arguments.runs),
        *(f"finetune={','.join(strategies)}", "trainer.progress=false"),
        *(f"dataset.shots={SHOTS}", "dataset.validation=outside"),  # a single training each
        f"dataset.split_seed=range({FIRST_DRAW},{FIRST_DRAW + arguments.draws})",
        *(f"optimizer.lr={','.join(map(str, rates))}", f"scheduler.warmup={arguments.warmups}"),
        *("regularization=[gradient_clipping,last_epoch]", "--config-dir", str(CONFIG_DIR)),
        *OF_KIND[chosen.kind],
        *overrides,
    )
    where = (f"runs={arguments.runs}", f"study={study}")
    lepton = (sys.executable, "-m", "lepton", "train", "-m")
    for steps, epochs in schedules:
        schedule = (f"batch_size={batch_size(chosen, steps)}", f"trainer.max_epochs={epochs}")
        words = (*lepton, *common, *schedule, *where)
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    frame = load(arguments.runs / study)
    is_asked = (
        (frame["status"] == "finished")
        & frame["finetune"].isin(strategies)
        & frame["optimizer.lr"].isin(rates)
        & frame["scheduler.warmup"].isin([*map(float, listed(arguments.warmups))])
        & (frame["dataset.split_seed"] < FIRST_DRAW + arguments.draws)
    )
    return pd.concat(
        frame[
            is_asked
            & (frame["batch_size"] == batch_size(chosen, steps))
            & (frame["trainer.max_epochs"] == epochs)
        ].assign(set=name, steps=steps)
        for steps, epochs in schedules
    )


def batch_size(chosen: Set, steps: int) -> int:
    """The rows of a batch, of which an epoch has so many."""
    return max(MIN_BATCH, SHOTS * chosen.classes // steps)


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a setting, the best mean first: the accuracy on each set, mean rank, seconds of a run,
    and which is chosen."""
    names = {
        **{"optimizer.lr": "rate", "scheduler.warmup": "warm-up"},
        **{"trainer.max_epochs": "of epochs", "dataset.split_seed": "draw"},
    }
    runs = runs.rename(columns=names)
    setting = ["rate", "steps", "of epochs", "warm-up"]
    scores = runs.pivot_table("test/accuracy", setting, "set")
    cells = runs.pivot_table("test/accuracy", setting, ["set", "draw"])
    table = scores.assign(
        mean=scores.mean(axis=1),
        rank=cells.rank(ascending=False).mean(axis=1),
        seconds=runs.groupby(setting)["seconds"].mean(),
    )
    good = table[table["mean"] >= table["mean"].max() - MARGIN]
    chosen = min(good.index, key=lambda values: (values[2], values[0]))
    table["chosen"] = ["*" if index == chosen else "" for index in table.index]
    return table.sort_values("mean", ascending=False).round(4)


if __name__ == "__main__":
    root = str(Path(__file__).resolve().parents[1])
    os.environ |= {"PYTHONPATH": root, "LEPTON_ALLOW": "scripts"}  # of what is started, too
    sys.exit(main())
