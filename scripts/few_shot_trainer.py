"""Tunes MiniLM by transformers.Trainer on the examples that text_study.py draws, as a reference.

    python scripts/few_shot_trainer.py FOLDER [--sets trec] [--shots 16] [--draws 3]
        [--rates 5e-5,1e-4,2e-4]

20 epochs in batches of 16, on all examples; nothing is validated. A line a draw and rate: accuracy
on the test rows and CPU seconds of the training, on one thread. The mean of each rate comes last.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd
import yaml

from scripts.text_study import CONFIG_DIR, FILES

TRAINER = Path(__file__).resolve().parent / "bench_finetune" / "trainer_peft.py"
EPOCHS, BATCH = "20", "16"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default="trec")
    parser.add_argument("--shots", type=int, default=16)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--rates", default="5e-5,1e-4,2e-4")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.sets.split(","):
        for draw in range(arguments.draws):
            with tempfile.TemporaryDirectory() as folder:
                texts = Path(folder) / "texts.parquet"
                drawn(arguments.folder, name, arguments.shots, draw).to_parquet(texts)
                for rate in arguments.rates.split(","):
                    rows.append({"set": name, "draw": draw, "rate": rate, **tuned(texts, rate)})
                    print(rows[-1], flush=True)
    measured = pd.DataFrame(rows).groupby(["set", "rate"])[["accuracy", "seconds"]]
    print(measured.agg(["mean", "std"]).round(4).to_string())
    return 0


def drawn(folder: Path, name: str, shots: int, draw: int) -> pd.DataFrame:
    """The texts of a draw, with their labels and whether they are to train on or to test."""
    from lepton import build
    from lepton.config.check import check
    from lepton.config.compose import compose

    path, test_path = FILES[name]
    own = yaml.safe_load((CONFIG_DIR / "experiment" / f"text_{name}.yaml").read_text())["dataset"]
    words = ["dataset=text_csv", "model=tfidf_linear"]
    words += [f"dataset.{key}={json.dumps(value)}" for key, value in own.items()]
    words += [f"dataset.path={folder / path}", f"dataset.shots={shots}"]
    words += [f"dataset.test_path={folder / test_path}"] if test_path else []
    data = build.data(check(compose(*words, f"dataset.split_seed={draw}")))
    frames = [
        pd.DataFrame(
            {"text": rows["texts"][:, 0], "label": rows["target"].long().numpy(), "split": split}
        )
        for split, rows in data.splits.items()
        if split != "val"
    ]
    return pd.concat(frames)


def tuned(texts: Path, rate: str) -> dict[str, float]:
    """Accuracy on the test rows, and CPU seconds, of a training in a process of its own."""
    command = [sys.executable, str(TRAINER), str(texts), "full", rate, EPOCHS, BATCH]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])


if __name__ == "__main__":
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    sys.exit(main())
