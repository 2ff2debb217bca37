"""Trains models of sounds on spoken digits (FSDD), and prints their accuracy beside published ones.

    python scripts/audio_study.py FOLDER --choose     # settings, by validation alone
    python scripts/audio_study.py FOLDER [--parts official,speakers] [--models audio_cnn]

FOLDER holds files as 7_jackson_32.wav. `official`: files whose last number is from 0 to 4 are the
test, as the set's authors have it, so that each speaker is heard in training. `speakers`: each of
the six speakers is left out once, which tells how well a stranger is heard; another one chooses the
epoch. --choose tells the score, log-loss with a minus, and accuracy on a sixth of the training
part; the settings in MODELS are those with the best score. Finished runs are not repeated.
"""

import argparse
import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd

from lepton import load

DIGITS = ("dataset=audio_folder", "dataset.names=[digit,speaker,take]", "dataset.target=digit")
COMMON = ("dataset.seconds=1", "trainer=cpu", "trainer.threads=1")
OFFICIAL = (
    "dataset.test_column=take",
    "dataset.test_values=[0,1,2,3,4]",
    "dataset.split=stratified",
)
SPEAKER_OUT = ("dataset.folds=6", "dataset.fold=range(6)")  # split by speaker, as is the default
FROM_SCRATCH = ("optimizer.lr=6e-3", "scheduler=one_cycle", "regularization=label_smoothing")
HEAD = ("model=speech_embedding", "finetune=head", "dataset.rate=16000")
MODELS = {
    "audio_cnn": ("model=audio_cnn", *FROM_SCRATCH, "batch_size=64", "trainer.max_epochs=30"),
    "speech_embedding+head": (*HEAD, "trainer.max_epochs=400"),
}
CANDIDATES = {  # beside those of MODELS, that validation decides on
    "audio_cnn": ([], ["trainer.max_epochs=15"]),
    "speech_embedding+head": (
        [],
        ["model.pooling=mean_max"],
        ["trainer.max_epochs=100"],
        ["trainer.max_epochs=100", "model.pooling=mean_max"],
        ["trainer.max_epochs=100", "optimizer.weight_decay=1"],
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


def choose(folder: str, models: list[str]) -> None:
    """Prints validation accuracy of each candidate."""
    for model in models:
        for number, changes in enumerate(CANDIDATES[model]):
            study = f"audio_choose_{model.replace('+', '_')}_{number}"
            words = [*DIGITS, *COMMON, *OFFICIAL, *MODELS[model], *changes, f"study={study}"]
            train(folder, words)
            (row,) = load(Path("runs") / study).to_dict("records")
            scores = f"score {row['score']:.4f}, val accuracy {row['val/accuracy']:.4f}"
            print(f"{model} {' '.join(changes) or 'as it is'}: {scores}")


def measure(folder: str, part: str, model: str, seeds: int) -> dict[str, object]:
    """Trains a model's runs of a part; returns a row of the table."""
    study = f"audio_{part}_{model.replace('+', '_')}"
    words = [*DIGITS, *COMMON, *MODELS[model], f"study={study}", f"seed=range({seeds})"]
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    train(folder, [*words, *(OFFICIAL if part == "official" else SPEAKER_OUT)])
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    frame = load(Path("runs") / study)
    accuracy = frame["test/accuracy"]
    return {
        "part": part,
        "model": model,
        "runs": len(frame),
        "accuracy": f"{accuracy.mean():.4f}",
        "lowest": f"{accuracy.min():.4f}",
        "highest": f"{accuracy.max():.4f}",
        "reference": REFERENCES[part, model],
        "CPU s": f"{end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime:.0f}",
    }


def main() -> None:
    """Prints the table, or what validation says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", help="with the recordings")
    parser.add_argument("--parts", default="official,speakers")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--choose", action="store_true")
    options = parser.parse_args()
    models = options.models.split(",")
    if options.choose:
        choose(options.folder, models)
        return
    rows = [
        measure(options.folder, part, model, options.seeds)
        for part in options.parts.split(",")
        for model in models
    ]
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
