"""lepton's fine-tuning of MiniLM against the usual scripts on the same texts, in one run.

    python scripts/bench_finetune.py [--rows 5000] [--epochs 1] [--cases head,full,lora]

`head`: with features computed once, 10 epochs, against Lightning that runs the frozen encoder in
every epoch (of which it trains --lightning-epochs, computed up). `cached` is lepton's second run on
the same texts. `full`, `lora`: against transformers.Trainer and peft with the same batch size,
epochs and learning rate. Both sides have one thread, one process each, and validate every epoch;
seconds are CPU time of the training, for the first run of `head` with that of its features, so
that what else a machine does matters little.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent / "bench_finetune"
ROOT = HERE.parents[1]
BATCH, HEAD_EPOCHS, HELD = 32, 10, 500
RATES = {"head": "0.003", "full": "5e-5", "lora": "5e-4"}
TARGETS = {"head": 20.0, "full": 1.3, "lora": 1.3}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lightning-epochs", type=int, default=1)
    parser.add_argument("--cases", default="head,full,lora")
    chosen = parser.parse_args()
    met = True
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ |= {"LEPTON_CACHE": f"{folder}/cache", "OMP_NUM_THREADS": "1"}
        os.environ |= {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
        write(Path("texts.parquet"), chosen.rows)
        for case in chosen.cases.split(","):
            met &= head(chosen) if case == "head" else tuned(case, chosen)
    return 0 if met else 1


def write(path: Path, rows: int) -> None:
    """Texts of vader: `rows` to train on, HELD each to validate and test."""
    from lepton import build
    from lepton.config.check import check
    from lepton.config.compose import compose

    data = build.data(check(compose("dataset=vader", "model=tfidf_linear")))
    import pandas as pd

    parts = []
    for name, count in (("train", rows), ("val", HELD), ("test", HELD)):
        split = data.splits[name]
        frame = pd.DataFrame({"text": split["texts"].ravel(), "label": split["target"].numpy()})
        parts.append(frame.sample(count, random_state=0).assign(split=name))
    pd.concat(parts, ignore_index=True).to_parquet(path)


def head(chosen) -> bool:
    first, again = (lepton("head", HEAD_EPOCHS, seed) for seed in (0, 1))
    words = ["frozen_lightning.py", "texts.parquet", RATES["head"]]
    usual = said(HERE / words[0], *words[1:], chosen.lightning_epochs, BATCH)
    seconds = usual["seconds"] * HEAD_EPOCHS / chosen.lightning_epochs
    report("head, features computed", seconds, usual, first, None)
    return report("head, cached", seconds, usual, again, TARGETS["head"])


def tuned(case: str, chosen) -> bool:
    ours = lepton(case, chosen.epochs, 0)
    script = HERE / "trainer_peft.py"
    usual = said(script, "texts.parquet", case, RATES[case], chosen.epochs, BATCH)
    return report(case, usual["seconds"], usual, ours, TARGETS[case])


def report(case: str, seconds: float, usual: dict, ours: dict, target: float | None) -> bool:
    ratio = seconds / ours["seconds"]
    aim = f" (target {target})" if target else ""
    print(
        f"{case:24} lepton {ours['seconds']:7.2f} s, accuracy {ours['accuracy']:.3f}   usual "
        f"{seconds:7.1f} s, accuracy {usual['accuracy']:.3f}   {ratio:6.2f} times{aim}",
        flush=True,
    )
    return target is None or ratio >= target


def lepton(strategy: str, epochs: int, seed: int) -> dict:
    words = [
        *("dataset=text_csv", "dataset.path=texts.parquet", "dataset.text=text"),
        *("dataset.target=label", "dataset.task=multiclass", "dataset.split=column"),
        *("dataset.split_column=split", "dataset.duplicates=keep", "model=minilm"),
        *(f"finetune={strategy}", f"optimizer.lr={RATES[strategy]}", f"batch_size={BATCH}"),
        *(f"trainer.max_epochs={epochs}", "trainer=cpu", f"seed={seed}", "study=bench"),
    ]
    return said(HERE / "one_run.py", *words)


def said(script: Path, *words) -> dict:
    """What a script prints in its last line."""
    command = [sys.executable, "-W", "ignore", str(script), *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
