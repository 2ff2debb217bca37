"""Measures lepton's fine-tuning of MiniLM against the usual scripts on the same texts.

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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SCRIPTS = Path(__file__).resolve().parent / "bench_finetune"
ROOT = SCRIPTS.parents[1]
BATCH, HEAD_EPOCHS = 32, 10
HELD_OUT = 500  # rows to validate, and as many to test
LEARNING_RATES = {"head": "0.003", "full": "5e-5", "lora": "5e-4"}
TARGETS = {"head": 20.0, "full": 1.3, "lora": 1.3}  # times faster


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lightning-epochs", type=int, default=1)
    parser.add_argument("--cases", default="head,full,lora")
    arguments = parser.parse_args()
    are_targets_met = True
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ |= {"LEPTON_CACHE": f"{folder}/cache", "OMP_NUM_THREADS": "1"}
        os.environ |= {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
        write_texts(Path("texts.parquet"), arguments.rows)
        for case in arguments.cases.split(","):
            if case == "head":
                are_targets_met &= compare_head(arguments.lightning_epochs)
            else:
                are_targets_met &= compare_tuning(case, arguments.epochs)
    return 0 if are_targets_met else 1


def write_texts(path: Path, rows: int) -> None:
    """Writes texts of vader: `rows` to train on, HELD_OUT each to validate and test."""
    from lepton import build
    from lepton.config.check import check
    from lepton.config.compose import compose

    data = build.data(check(compose("dataset=vader", "model=tfidf_linear")))
    import pandas as pd

    frames = []
    for split, count in (("train", rows), ("val", HELD_OUT), ("test", HELD_OUT)):
        tensors = data.splits[split]
        texts, labels = tensors["texts"].ravel(), tensors["target"].numpy()
        frame = pd.DataFrame({"text": texts, "label": labels})
        frames.append(frame.sample(count, random_state=0).assign(split=split))
    pd.concat(frames, ignore_index=True).to_parquet(path)


def compare_head(lightning_epochs: int) -> bool:
    """Prints both lines of the head; True when the target is met."""
    first, second = (run_lepton("head", HEAD_EPOCHS, seed) for seed in (0, 1))
    script, learning_rate = SCRIPTS / "frozen_lightning.py", LEARNING_RATES["head"]
    usual = run_script(script, "texts.parquet", learning_rate, lightning_epochs, BATCH)
    usual["seconds"] *= HEAD_EPOCHS / lightning_epochs
    print_comparison("head, features computed", first, usual, None)
    return print_comparison("head, cached", second, usual, TARGETS["head"])


def compare_tuning(strategy: str, epochs: int) -> bool:
    """Prints the line of a strategy; True when the target is met."""
    lepton = run_lepton(strategy, epochs, 0)
    script, learning_rate = SCRIPTS / "trainer_peft.py", LEARNING_RATES[strategy]
    usual = run_script(script, "texts.parquet", strategy, learning_rate, epochs, BATCH)
    return print_comparison(strategy, lepton, usual, TARGETS[strategy])


def print_comparison(
    case: str, lepton: dict[str, float], usual: dict[str, float], target: float | None
) -> bool:
    """Prints seconds and accuracies; True when lepton is as many times faster as the target."""
    ratio = usual["seconds"] / lepton["seconds"]
    target_text = f" (target {target})" if target else ""
    print(
        f"{case:24} lepton {lepton['seconds']:7.2f} s, accuracy {lepton['accuracy']:.3f}   usual "
        f"{usual['seconds']:7.1f} s, accuracy {usual['accuracy']:.3f}   {ratio:6.2f} times"
        f"{target_text}",
        flush=True,
    )
    return target is None or ratio >= target


def run_lepton(strategy: str, epochs: int, seed: int) -> dict[str, float]:
    overrides = [
        *("dataset=text_csv", "dataset.path=texts.parquet", "dataset.text=text"),
        *("dataset.target=label", "dataset.task=multiclass", "dataset.split=column"),
        *("dataset.split_column=split", "dataset.duplicates=keep", "model=minilm"),
        *(f"finetune={strategy}", f"batch_size={BATCH}"),
        *(["finetune.start=null"] if strategy == "head" else []),  # as the usual head begins
        f"optimizer.lr={LEARNING_RATES[strategy]}",
        *(f"trainer.max_epochs={epochs}", "trainer=cpu", f"seed={seed}", "study=bench"),
    ]
    return run_script(SCRIPTS / "one_run.py", *overrides)


def run_script(script: Path, *arguments: str | int) -> dict[str, float]:
    """The `seconds` and `accuracy` that a script prints in its last line."""
    command = [sys.executable, "-W", "ignore", str(script), *map(str, arguments)]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(process.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
