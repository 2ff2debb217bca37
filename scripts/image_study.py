"""Trains models of images on two public sets and prints their scores beside published ones.

    python scripts/image_study.py FOLDER [--cases fashion_cnn,pneumonia_cnn] [--seeds 5]

FOLDER holds fashion_mnist/ (the four files of the set) and pneumonia_mnist/ with
pneumoniamnist_reconstructed.npz. The epoch is chosen on validation, a tenth of the training images
or the set's own; the settings were not tuned on any test split. Finished runs are not repeated.
"""

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

FASHION = ("dataset=idx", "dataset.path={folder}/fashion_mnist", "dataset.val_size=0.1")
PNEUMONIA = (
    *("dataset=npz", "dataset.path={folder}/pneumonia_mnist/pneumoniamnist_reconstructed.npz"),
    "dataset.class_names=[normal,pneumonia]",
)
CONVOLUTIONS = ("model=cnn_small", "optimizer.lr=3e-3", "scheduler=one_cycle")


@dataclass(frozen=True)
class Case:
    """Words of a training, and what others have published: accuracy, area under the ROC curve."""

    words: tuple[str, ...]
    accuracy: str
    auroc: str


CASES = {
    "fashion_cnn": Case(
        (*FASHION, *CONVOLUTIONS, "trainer.max_epochs=20", "batch_size=128"),
        "0.876-0.934 (two convolutions)",
        "",
    ),
    "pneumonia_cnn": Case(
        (*PNEUMONIA, *CONVOLUTIONS, "trainer.max_epochs=15", "batch_size=64"),
        "0.859 (ResNet-18)",
        "0.969",
    ),
    "pneumonia_efficientnet_head": Case(
        (
            *(*PNEUMONIA, "dataset.size=224", "model=efficientnet_lite0", "finetune=head"),
            *("finetune.start=null", "trainer.max_epochs=30"),
        ),
        "0.888 (pretrained)",
        "0.970",
    ),
    "pneumonia_efficientnet_lora": Case(
        (
            *(*PNEUMONIA, "dataset.size=224", "model=efficientnet_lite0", "finetune=lora"),
            *("trainer.max_epochs=3", "batch_size=32"),
        ),
        "0.888 (pretrained)",
        "0.970",
    ),
}
DEFAULT = [name for name in CASES if not name.endswith("lora")]  # which takes an hour of CPU


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", default=",".join(DEFAULT), help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--runs", default="runs")
    arguments = parser.parse_args()
    names = arguments.cases.split(",")
    if unknown := sorted({*names} - {*CASES}):
        parser.error(f"--cases {','.join(unknown)}: there are {', '.join(CASES)}")
    for name in names:
        train(name, arguments.folder.resolve(), arguments.seeds, arguments.runs)
    for name in names:
        print(result(name, arguments.runs))
    return 0


def train(name: str, folder: Path, seeds: int, runs: str) -> None:
    """Trains a case with each seed, into a study of its name."""
    words = [word.format(folder=folder) for word in CASES[name].words]
    seed = f"seed={','.join(map(str, range(seeds)))}"
    command = [sys.executable, "-m", "lepton", "train", "-m", *words, seed]
    extra = [f"study=images_{name}", f"runs={runs}", "trainer.progress=false"]
    subprocess.run([*command, *extra], check=True)


def result(name: str, runs: str) -> str:
    """A row of the table: mean and deviation over the seeds, beside what is published."""
    from lepton import load

    frame, case = load(f"{runs}/images_{name}"), CASES[name]
    cells = [name, str(len(frame))]
    for metric, published in (("accuracy", case.accuracy), ("auroc", case.auroc)):
        values = frame[f"test/{metric}"]
        spread = f" ± {values.std():.4f}" if len(values) > 1 else ""
        cells += [f"{values.mean():.4f}{spread}", published]
    cells.append(f"{frame['seconds'].sum():.0f} s")
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # of what is started, too
    sys.exit(main())
