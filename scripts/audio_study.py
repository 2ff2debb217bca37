"""Trains models of sounds on spoken digits (FSDD), and prints their accuracy beside published ones.

    python scripts/audio_study.py FOLDER [--parts official,speakers] [--models audio_cnn]

FOLDER holds files as 7_jackson_32.wav. `official`: files whose last number is from 0 to 4 are the
test, as the set's authors have it, so that each speaker is heard in training. `speakers`: each of
the six speakers is left out once, which tells how well a stranger is heard; another one of those in
training is the validation. It chooses the epoch, and of a model's CANDIDATES the one whose test
accuracy counts, by the score (log-loss with a minus), for each stranger by itself. `sklearn` is the
best linear head of scikit-learn's on the same features. Finished runs are not repeated.
"""

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from lepton import load

DIGITS = ("dataset=audio_folder", "dataset.names=[digit,speaker,take]", "dataset.target=digit")
COMMON = ("dataset.seconds=1", "trainer=cpu", "trainer.threads=1", "hydra/launcher=basic")
OFFICIAL = (
    "dataset.test_column=take",
    "dataset.test_values=[0,1,2,3,4]",
    "dataset.split=stratified",
)
SPEAKER_OUT = ("dataset.folds=6", "dataset.fold=range(6)")  # split by speaker, as is the default
MODELS = {
    "audio_cnn": (
        *("model=audio_cnn", "optimizer.lr=6e-3", "scheduler=one_cycle", "batch_size=64"),
        "regularization=label_smoothing",
    ),
    "speech_embedding+head": ("model=speech_embedding", "finetune=head", "dataset.rate=16000"),
}
CANDIDATES = {  # settings that validation decides on
    "audio_cnn": ("trainer.max_epochs=15,30",),
    "speech_embedding+head": (
        "model.pooling=mean,mean_max",
        "trainer.max_epochs=100,400",
        "finetune.start=null,zeros",
    ),
}
REFERENCES = {  # accuracy of logistic regression on log-mel, and on the same embedding
    ("official", "audio_cnn"): "0.960",
    ("official", "speech_embedding+head"): "0.993",
    ("speakers", "audio_cnn"): "0.773",
    ("speakers", "speech_embedding+head"): "0.966",
}


def train(folder: str, words: list[str]) -> None:
    """Trains runs with `lepton train -m`, in a process of its own."""
    command = [sys.executable, "-m", "lepton", "train", "-m", f"dataset.path={folder}", *words]
    subprocess.run(command, check=True)


def chosen_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The run with the best score on validation, of each split and seed."""
    groups = frame.groupby(["seed", "dataset.fold"], dropna=False)
    return frame.loc[groups["score"].idxmax()]


def settings_of(frame: pd.DataFrame, model: str) -> str:
    """The settings that were chosen, and how often."""
    keys = [candidate.partition("=")[0] for candidate in CANDIDATES[model]]
    counts = frame[keys].astype(object).fillna("null").astype(str).value_counts()
    return "; ".join(f"{count} x {' '.join(values)}" for values, count in counts.items())


def measure(folder: str, part: str, model: str, seeds: int) -> dict[str, object]:
    """Trains a model's candidates on a part; returns the table's row of those chosen."""
    study = f"audio_{part}_{model.replace('+', '_')}"
    words = [*DIGITS, *COMMON, *MODELS[model], *CANDIDATES[model], f"study={study}"]
    words += [f"seed=range({seeds})", *(OFFICIAL if part == "official" else SPEAKER_OUT)]
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    train(folder, words)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    chosen = chosen_of(load(Path("runs") / study))
    accuracy = chosen["test/accuracy"]
    return {
        "part": part,
        "model": model,
        "chosen": settings_of(chosen, model),
        "accuracy": f"{accuracy.mean():.4f}",
        "lowest": f"{accuracy.min():.4f}",
        "highest": f"{accuracy.max():.4f}",
        "validation": f"{chosen['val/accuracy'].mean():.4f}",
        "sklearn": f"{chosen['before/test/accuracy'].mean():.4f}" if "head" in model else "",
        "reference": REFERENCES[part, model],
        "CPU s": f"{end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime:.0f}",
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", help="with the recordings")
    parser.add_argument("--parts", default="official,speakers")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    rows = [
        measure(options.folder, part, model, options.seeds)
        for part in options.parts.split(",")
        for model in options.models.split(",")
    ]
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # of what is started, too
    main()
