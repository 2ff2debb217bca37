"""The sets on which defaults of fine-tuning are chosen, each with what it is tuned from."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_breast_cancer, load_digits

FILES = "finetune_sets"  # folder in that of the runs
MIN_ROWS = 62  # of a section of MTS-Dialog: enough to train on and to score
TEXT_MODEL = ("model=minilm", "model.tokenizer.max_length=48")
SOURCE = ("model=mlp_small", "model.hidden=[128,128]", "trainer.max_epochs=60", "batch_size=64")


@dataclass(frozen=True)
class Set:
    """A set for one kind of network.

    `prepare` takes the folder of the data and that of the runs, writes what is missing, and
    returns the overrides of a tuning.
    """

    kind: str
    classes: int
    prepare: Callable[[Path, Path], tuple[str, ...]]


def vader(_: Path, __: Path) -> tuple[str, ...]:
    data = ("dataset=vader", "dataset.source=tweets", "dataset.val_size=0.005")
    return (*data, "dataset.test_size=0.1", *TEXT_MODEL)


def mts_dialog(folder: Path, runs: Path) -> tuple[str, ...]:
    """Conversations of doctor and patient, by the section of the note that they belong to."""
    frame = pd.read_csv(folder / "mts_dialog" / "MTS-Dialog-TrainingSet.csv")
    frame = frame.rename(columns={"dialogue": "text", "section_header": "target"})
    is_frequent = frame.groupby("target")["text"].transform("size") >= MIN_ROWS
    return texts(frame.loc[is_frequent, ["text", "target"]], runs / FILES / "mts_dialog.csv")


def emoji(folder: Path, runs: Path) -> tuple[str, ...]:
    """Names and keywords of emoji, by their category; of a name's variants the first."""
    frame = pd.read_csv(folder / "emoji_pairs" / "pairs.csv")
    words = (frame["name"].str.lower() + " " + frame["short_names"]).str.replace("_", " ")
    frame = pd.DataFrame({"text": words, "target": frame["category"]})
    return texts(frame[frame["target"] != "Component"], runs / FILES / "emoji.csv")


def texts(frame: pd.DataFrame, path: Path) -> tuple[str, ...]:
    write(frame, path)
    return (
        *("dataset=text_csv", f"dataset.path={path}", "dataset.text=text"),
        *("dataset.target=target", "dataset.test_size=0.3", "dataset.val_size=0.02"),
        *TEXT_MODEL,
    )


def digits(_: Path, runs: Path) -> tuple[str, ...]:
    """Digits, from a network that tells pairs of them apart."""
    frame = load_digits(as_frame=True).frame
    source, tuned = frame.iloc[::2].copy(), frame.iloc[1::2]
    source["target"] //= 2
    return table("digits", source, tuned, runs)


def tumours(_: Path, runs: Path) -> tuple[str, ...]:
    """Tumours of a coarse texture, from a network of those with a fine one."""
    frame = load_breast_cancer(as_frame=True).frame
    is_fine = frame["mean texture"] < frame["mean texture"].median()
    return table("tumours", frame[is_fine], frame[~is_fine], runs)


def credit(_: Path, runs: Path) -> tuple[str, ...]:
    """Loans of the older half of applicants, from a network of the younger."""
    from lepton.dataset.german_credit import GERMAN_CREDIT_FILE

    frame = pd.read_csv(GERMAN_CREDIT_FILE, keep_default_na=False)
    frame = frame.rename(columns={"credit_risk": "target"})
    is_young = frame["age_years"] < frame["age_years"].median()
    return table("credit", frame[is_young], frame[~is_young], runs)


def table(name: str, source: pd.DataFrame, tuned: pd.DataFrame, runs: Path) -> tuple[str, ...]:
    """The overrides of a tuning to a table, after the training of its source network."""
    paths = [runs / FILES / f"{name}_{part}.csv" for part in ("source", "tuned")]
    for frame, path in zip((source, tuned), paths, strict=True):
        write(frame, path)
    study = f"defaults_{name}_source"
    data = ("dataset=csv", "dataset.target=target", "dataset.val_size=0.1")
    words = (*data, f"dataset.path={paths[0]}", *SOURCE, "dataset.test_size=0.1")
    where = (f"runs={runs}", f"study={study}")
    lepton = (sys.executable, "-m", "lepton", "train")
    if not [*(runs / study).glob("*/result.json")]:
        subprocess.run((*lepton, *words, *where), check=True, stdout=subprocess.DEVNULL)
    [run] = [path.parent for path in (runs / study).glob("[!.]*/result.json")]
    return (
        *data,
        *(f"dataset.path={paths[1]}", "dataset.test_size=0.5"),
        *(*SOURCE[:2], f"init_from={run}"),
    )


def write(frame: pd.DataFrame, path: Path) -> None:
    """Writes a table, unless it is there."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(path, index=False)


SETS = {
    "vader": Set("minilm", 3, vader),
    "mts_dialog": Set("minilm", 5, mts_dialog),
    "emoji": Set("minilm", 9, emoji),
    "digits": Set("table", 10, digits),
    "tumours": Set("table", 2, tumours),
    "credit": Set("table", 2, credit),
}
