#!/usr/bin/env python3
"""What kinds of inputs add to each other, and whether pairs are learned, on real data.

usage: python scripts/multimodal_study.py emoji|pairs|permuted|sms|mts DATA WORK

DATA holds emoji_pairs/, sms_spam/ and mts_dialog/ as downloaded; WORK is a folder for tables and
runs. Encoders are pretrained and frozen, so that their features are computed once; the head is
trained five times. Settings are chosen by the validation split, each comparison is on the rows of
the test split: accuracies, and the gain of several kinds over fewer with its 95 % interval from a
bootstrap over these rows, of the mean of the five runs.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

SEEDS = "seed=0,1,2,3,4"
FROZEN = (
    *("model=multimodal", "model.encoders.table=linear", "model.encoders.text=minilm"),
    *("model.encoders.image=efficientnet_lite0", "trainer=cpu"),
    *("finetune=head", "finetune.start=null"),
    *("trainer.max_epochs=40", "trainer.progress=false", "batch_size=64"),
)
CHOICES = ("model.hidden=[],[128]", "optimizer.lr=0.001,0.005")
RESAMPLES = 10_000
MESSAGES = 3000  # of SMS, drawn
USE = {
    "emoji": ["[text]", "[image]", "[image,text]"],
    "sms": ["[table]", "[text]", "[table,text]"],
    "mts": ["[table]", "[text]", "[table,text]"],
}
GAINS = {"emoji": ("[text]", "[image]"), "sms": ("[table]", "[text]"), "mts": ("[table]", "[text]")}


def lepton(*words: str) -> None:
    """Runs the command, which is printed."""
    print("lepton", *words, flush=True)
    command = [sys.executable, "-m", "lepton", *words]
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if finished.returncode:
        raise SystemExit(finished.stdout[-2000:])


def emoji_table(data: Path, *, permuted: bool = False) -> pd.DataFrame:
    """Names, pictures and categories of emoji; `permuted` gives training rows others' names."""
    table = pd.read_csv(data / "emoji_pairs" / "pairs.csv")
    if not Path("emoji").is_dir():
        with zipfile.ZipFile(data / "emoji_pairs" / "twemoji64_png.zip") as pictures:
            pictures.extractall("emoji", members=table["image"])
    rng = np.random.default_rng(0)
    parts = rng.permutation(np.repeat(["train", "val", "test"], [1211, 300, 400])[: len(table)])
    words = table["short_names"].str.replace("[_,-]", " ", regex=True)
    table = pd.DataFrame(
        {
            "picture": table["image"],
            "caption": table["name"].str.lower() + ", " + words,
            "category": table["category"],
            "part": parts,
        }
    )
    if permuted:
        train = np.flatnonzero(table["part"] == "train")
        table.loc[train, "caption"] = table["caption"].to_numpy()[rng.permutation(train)]
    return table[table["category"] != "Component"]


def sms_table(data: Path) -> pd.DataFrame:
    """Messages without repeats, and numbers that are counted in them."""
    rows = (data / "sms_spam" / "sms.tsv").read_text(encoding="utf-8").splitlines()
    table = pd.DataFrame([row.split("\t", 1) for row in rows], columns=["kind", "message"])
    table = table[~table["message"].str.lower().str.split().str.join(" ").duplicated()]
    return counted(table.sample(MESSAGES, random_state=0), "message")


def mts_table(data: Path) -> pd.DataFrame:
    """Clinical conversations, in official parts, and the section of the notes that each is of."""
    files = {"train": "TrainingSet", "val": "ValidationSet"}
    files |= {"test": "TestSet-1-MEDIQA-Chat-2023"}
    parts = [
        pd.read_csv(data / "mts_dialog" / f"MTS-Dialog-{name}.csv").assign(part=part)
        for part, name in files.items()
    ]
    table = pd.concat(parts)[["section_header", "dialogue", "part"]]
    table["turns"] = table["dialogue"].str.count("\n") + 1
    return counted(table, "dialogue")


def counted(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The table with numbers that are counted in a column of texts."""
    texts = table[column]
    return table.assign(
        letters=texts.str.len(),
        words=texts.str.split().str.len(),
        digits=texts.str.count(r"\d"),
        capitals=texts.str.count("[A-Z]"),
        marks=texts.str.count(r"[!?£$%&]"),
    )


TABLES = {"emoji": emoji_table, "sms": sms_table, "mts": mts_table}
DATASETS = {
    "emoji": [
        *("dataset.target=category", "dataset.root=emoji", "dataset.inputs.image.size=96"),
        *("dataset.split=column", "dataset.split_column=part"),
        *("model.encoders.text.tokenizer.max_length=32",),
    ],
    "sms": ["dataset.target=kind", "model.encoders.text.tokenizer.max_length=64"],
    "mts": [
        *("dataset.target=section_header", "dataset.split=column", "dataset.split_column=part"),
        *("model.encoders.text.tokenizer.max_length=128", "dataset.task=multiclass"),
    ],
}


def runs_of(study: str) -> pd.DataFrame:
    """A row for each run of a study: what it uses, its settings and seed, score and test split."""
    rows = []
    for result in sorted(Path("runs", study).glob("*/result.json")):
        config = yaml.safe_load((result.parent / "config.yaml").read_text())
        rows.append(
            {
                "use": str(config["dataset"]["use"]).replace("'", "").replace(" ", ""),
                "hidden": str(config["model"]["hidden"]),
                "lr": config["optimizer"]["lr"],
                "seed": config["seed"],
                "objective": config["task"].get("objective"),
                **yaml.safe_load(result.read_text())["metrics"],
                "folder": result.parent,
            }
        )
    return pd.DataFrame(rows)


def best_setting(runs: pd.DataFrame, score: str, *, larger: bool) -> pd.DataFrame:
    """The runs of the settings whose mean validation score is best."""
    settings = [name for name in ("hidden", "lr", "objective") if runs[name].nunique() > 1]
    if not settings:
        return runs
    means = runs.groupby(settings)[score].mean()
    best = means.idxmax() if larger else means.idxmin()
    chosen = runs.set_index(settings).loc[[best]].reset_index()
    chosen_values = ", ".join(map(str, best if isinstance(best, tuple) else (best,)))
    print(f"  of {len(means)} settings of {', '.join(settings)} validation chose {chosen_values}")
    return chosen


def right(folders: list[Path]) -> np.ndarray:
    """The share of runs that are right about each row of the test split. Shapes: -> (rows,)."""
    shares = []
    for folder in folders:
        table = pd.read_parquet(folder / "predictions" / "test.parquet").sort_values("id")
        if "prediction" in table:
            shares.append((table["prediction"] > 0.5) == (table["target"] > 0.5))
        else:
            chances = table[[name for name in table if name.startswith("p_")]].to_numpy()
            shares.append(chances.argmax(1) == table["target"].to_numpy())
    return np.mean(shares, 0)


def study_gains(name: str, data: Path) -> None:
    """What several kinds add to each alone."""
    TABLES[name](data).to_csv(f"{name}.csv", index=False)
    base = ("dataset=multimodal", f"dataset.path={name}.csv", *DATASETS[name], *FROZEN)
    uses = ",".join(USE[name])
    lepton("train", "-m", *base, f"study={name}", f"dataset.use={uses}", *CHOICES, SEEDS)
    rights, runs = {}, runs_of(name)
    for use in USE[name]:
        print(f"{name} {use}")
        chosen = best_setting(runs[runs["use"] == use], "val/log_loss", larger=False)
        rights[use] = right(list(chosen["folder"]))
        print(
            f"  {len(chosen)} runs, {len(rights[use])} test rows: accuracy "
            f"{chosen['test/accuracy'].mean():.4f} +- {chosen['test/accuracy'].std():.4f}"
        )
    both = rights[USE[name][-1]]
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(both), (RESAMPLES, len(both)))
    for alone in GAINS[name]:
        gain = both - rights[alone]
        low, high = np.quantile(gain[rows].mean(1), [0.025, 0.975])
        print(f"{name}: {USE[name][-1]} over {alone}: {gain.mean():+.4f} [{low:+.4f}, {high:+.4f}]")


def study_pairs(study: str, data: Path) -> None:
    """Emoji and their names; `permuted`: with names permuted in training, as a control."""
    emoji_table(data, permuted=study == "permuted").to_csv(f"{study}.csv", index=False)
    words = [w for w in FROZEN if w != "model=multimodal" and "batch_size" not in w]
    words = [*words, "model=two_towers", "task=contrastive", "batch_size=256"]
    base = ("dataset=multimodal", f"dataset.path={study}.csv", *DATASETS["emoji"], *words)
    base = (*base, "dataset.use=[image,text]", "dataset.absent=drop", f"study={study}")
    base = (*base, "evaluation=zero_shot", "evaluation.zero_shot.prompt='an emoji of {}'")
    lepton("train", "-m", *base, *CHOICES, SEEDS)
    print(study)
    chosen = best_setting(runs_of(study), "val/recall_10", larger=True)
    names = ["recall_1", "recall_5", "recall_10", "chance_10"]
    names += ["recall_10_text_to_image", "recall_10_image_to_text"]
    for metric in [f"test/{name}" for name in names] + [
        f"test@zero_shot/{name}" for name in ("accuracy", "balanced_accuracy", "majority")
    ]:
        print(f"  {metric} {chosen[metric].mean():.4f} +- {chosen[metric].std():.4f}")


def main() -> None:
    name, data, work = sys.argv[1], Path(sys.argv[2]).resolve(), Path(sys.argv[3])
    work.mkdir(parents=True, exist_ok=True)
    import os

    os.chdir(work)
    study_pairs(name, data) if name in ("pairs", "permuted") else study_gains(name, data)


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # of what is started, too
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main()
