"""Measures what a step costs with an option of regularization, beside a step without any.

    python scripts/bench_regularization.py [--options sam,ema] [--repeat 5] [--epochs 4]
    python scripts/bench_regularization.py --options adversarial=fgsm,adversarial=pgd --data digits

A 2 x 128 MLP with dropout learns from 10 000 x 60 rows in batches of 256 on one thread; with
`--data categories` from 20 numbers and 10 categories, with `--data digits` cnn_small from 1149
pictures, with `--data texts` text_cnn from 2661 tweets. Runs with and without an option take turns;
CPU time of the whole fit is compared, and the median ratio shown.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

MLP = ("preprocessing=standard", "model=mlp", "model.hidden=[128,128]", "model.dropout=0.1")
TABLE = ("dataset=synthetic", "dataset.rows=15625", *MLP)
CATEGORIES = f"dataset.categories=[{','.join(['20'] * 10)}]"
DATA = {
    "numbers": (*TABLE, "dataset.numbers=60", "dataset.categories=[]"),
    "categories": (*TABLE, "dataset.numbers=20", CATEGORIES),
    "digits": ("dataset=digits", "model=cnn_small"),
    "texts": ("dataset=vader", "dataset.source=tweets", "model=text_cnn"),
}
SETTING = ("optimizer=adamw", "batch_size=256", "trainer=cpu", "trainer.progress=false")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--options", default="sam,asam,rdrop,ema")
    parser.add_argument("--data", choices=DATA, default="numbers")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    common = (*DATA[arguments.data], *SETTING, f"trainer.max_epochs={arguments.epochs}")
    fit_seconds(*common)  # what is imported and compiled once
    for option in arguments.options.split(","):
        ratios = []
        for seed in range(arguments.repeat):
            plain = fit_seconds(*common, f"seed={seed}")
            word = option if "=" in option else f"regularization={option}"
            ratios.append(fit_seconds(*common, f"seed={seed}", word) / plain)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"{option:20} {statistics.median(ratios):.2f} times plain training ({spread})")
    return 0


def fit_seconds(*overrides: str) -> float:
    """CPU time of a fit, of a network that is built anew."""
    from lepton import build
    from lepton.config.check import check
    from lepton.config.compose import compose
    from lepton.training.learner import build_network

    config = check(compose(*overrides))
    data = build.data(config)
    network = build_network(config, data.spec)
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        network.fit(data, Path(folder))
        return time.process_time() - started


if __name__ == "__main__":
    raise SystemExit(main())
