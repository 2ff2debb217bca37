"""Trains small text models on five public sets and prints their accuracy beside known ones.

    python scripts/text_study.py FOLDER [--seeds 3] [--models tfidf_linear,text_cnn] [--sets trec]

FOLDER holds the sets in folders of their own, with the files as their sources ship them. Finished
runs are not repeated.
Source: the files and settings are those of scripts/text_study/experiment/.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent / "text_study"
FILES = {  # of FOLDER: the data file, and the test file where there is one
    "sms_spam": ("sms_spam/sms.tsv", None),
    "banking77": ("banking77/train.csv", "banking77/test.csv"),
    "sst2": ("sst2_trec/stsa.binary.train", "sst2_trec/stsa.binary.test"),
    "trec": ("sst2_trec/TREC.train.all", "sst2_trec/TREC.test.all"),
    "mts_dialog": (
        "mts_dialog/MTS-Dialog-TrainingSet.csv",
        "mts_dialog/MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv",
    ),
}
KNOWN = {  # accuracy: logistic regression on tf-idf; on frozen MiniLM; what was published
    "sms_spam": (0.9826, 0.9855, "-"),
    "banking77": (0.894, 0.932, "0.9366 (BERT tuned)"),
    "sst2": (0.812, 0.814, "0.827 (CNN-rand)"),
    "trec": (0.888, 0.898, "0.912 (CNN-rand)"),
    "mts_dialog": (0.680, 0.715, "-"),
}
MODELS = ("tfidf_linear", "bag_of_embeddings", "text_cnn")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--sets", default=",".join(FILES))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    chosen = parser.parse_args()
    models, sets = chosen.models.split(","), chosen.sets.split(",")
    codes = [_train(name, models, chosen) for name in sets]
    print(compare(chosen.runs, sets, models, chosen.seeds))
    return max(codes)


def _train(name: str, models: list[str], chosen) -> int:
    path, test_path = FILES[name]
    words = [
        f"experiment=text_{name}",
        f"model={','.join(models)}",
        f"seed=range({chosen.seeds})",
        f"dataset.path={chosen.folder / path}",
        *([f"dataset.test_path={chosen.folder / test_path}"] if test_path else []),
        f"runs={chosen.runs}",
        f"study=text_{name}",
    ]
    command = [sys.executable, "-m", "lepton", "train", "-m", "--config-dir", str(HERE), *words]
    return subprocess.run(command).returncode


def compare(runs: Path, sets: list[str], models: list[str], seeds: int) -> str:
    """A line a set and model: accuracy over seeds, beside known ones."""
    from lepton import load

    lines = [
        f"{'set':12} {'model':18} seeds  accuracy ± sd    seconds  tf-idf  MiniLM  published",
    ]
    for name in sets:
        found = load(runs / f"text_{name}")
        found = found[(found["status"] == "finished") & (found["seed"] < seeds)]
        tfidf, minilm, published = KNOWN[name]
        for model in models:
            rows = found[found["model"] == model]
            accuracy, seconds = rows["test/accuracy"], rows["seconds"].mean()
            lines.append(
                f"{name:12} {model:18} {len(rows):5}  {accuracy.mean():.4f} ± {accuracy.std():.4f}"
                f"  {seconds:7.1f}  {tfidf:.4f}  {minilm:.4f}  {published}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
