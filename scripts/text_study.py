"""Trains text models on five public sets and prints their accuracy beside published ones.

    python scripts/text_study.py FOLDER [--models minilm+head] [--sets sst2,trec] [--seeds 5]
    python scripts/text_study.py FOLDER --models tfidf_linear,minilm+head,minilm+lora --shots 16

FOLDER holds the sets in folders of their own, with the files as their sources ship them; `+` comes
before a fine-tuning strategy. Runs differ in their seed, with --shots in the examples that they
draw; what fits itself is the same for every seed and fitted once. Finished runs are not repeated.
Some sections of mts_dialog have two rows, so that there are no 16 to draw.
Source: the settings of a set stand in scripts/text_study/experiment/.
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
SMALL = (
    *("batch_size=50", "trainer.max_epochs=30"),
    *("regularization=early_stopping", "regularization.early_stopping.patience=4"),
)
TRAINING = {  # beside lepton's defaults, and for few examples
    "tfidf_linear": ((), ()),
    "bag_of_embeddings": (SMALL, SMALL),
    "text_cnn": (SMALL, SMALL),
    "minilm+head": (("optimizer.weight_decay=1",), ()),
    "minilm+lora": (
        ("batch_size=32", "trainer.max_epochs=3", "optimizer.lr=0.001"),
        ("batch_size=16", "trainer.max_epochs=15", "optimizer.lr=0.001"),
    ),
    "minilm+full": (
        ("batch_size=32", "trainer.max_epochs=3", "optimizer.lr=1e-4"),
        ("batch_size=16", "trainer.max_epochs=15", "optimizer.lr=1e-4"),
    ),
}
FEW = "dataset.val_size=0.02"  # few examples to learn from, and few to choose the epoch by
LONG = {"mts_dialog": "model.tokenizer.max_length=256"}  # tokens, as the encoder was trained for
TUNED = ("minilm+full", "minilm+lora")
KNOWN = {  # accuracy of logistic regression on tf-idf, on frozen MiniLM; and of what was published
    "sms_spam": {"tfidf_linear": "0.983", "minilm+head": "0.986"},
    "banking77": {
        "tfidf_linear": "0.894",
        "minilm+head": "0.932",
        **dict.fromkeys(TUNED, "0.937 (BERT)"),
    },
    "sst2": {
        "tfidf_linear": "0.812",
        "minilm+head": "0.814",
        "text_cnn": "0.827 (CNN-rand)",
        **dict.fromkeys(TUNED, "0.870 (CNN)"),
    },
    "trec": {
        "tfidf_linear": "0.888",
        "minilm+head": "0.898",
        "text_cnn": "0.912 (CNN-rand)",
        **dict.fromkeys(TUNED, "0.928 (CNN)"),
    },
    "mts_dialog": {"tfidf_linear": "0.680", "minilm+head": "0.715"},
}
KNOWN_FEW = {("banking77", 10): {"tfidf_linear": "0.708", "minilm+head": "0.863"}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5, help="runs of each model on each set")
    parser.add_argument("--models", default="tfidf_linear,bag_of_embeddings,text_cnn,minilm+head")
    parser.add_argument("--sets", default=",".join(FILES))
    parser.add_argument("--shots", type=int, help="training rows of each class; all if not given")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    chosen = parser.parse_args()
    pairs = [(name, m) for name in chosen.sets.split(",") for m in chosen.models.split(",")]
    codes = [train(name, model, chosen) for name, model in pairs]
    print(compare(pairs, chosen))
    return max(codes)


def train(name: str, model: str, chosen) -> int:
    (path, test_path), (network, _, strategy) = FILES[name], model.partition("+")
    words = [
        *(f"experiment=text_{name}", f"model={network}", f"dataset.path={chosen.folder / path}"),
        *([f"dataset.test_path={chosen.folder / test_path}"] if test_path else []),
        *([f"finetune={strategy}"] if strategy else []),
        *([LONG[name]] if strategy and name in LONG else []),
        *TRAINING[model][bool(chosen.shots)],
        *varied(model, chosen),
        *(f"runs={chosen.runs}", f"study={study(name, chosen.shots)}"),
    ]
    command = [sys.executable, "-m", "lepton", "train", "-m", "--config-dir", str(HERE), *words]
    return subprocess.run(command).returncode


def varied(model: str, chosen) -> list[str]:
    """In what the runs of a model differ."""
    if chosen.shots:
        return [f"dataset.shots={chosen.shots}", f"dataset.split_seed=range({chosen.seeds})", FEW]
    return [f"seed=range({1 if model == 'tfidf_linear' else chosen.seeds})"]


def study(name: str, shots: int | None) -> str:
    return f"text_{name}" + (f"_{shots}" if shots else "")


def compare(pairs: list[tuple[str, str]], chosen) -> str:
    """A line a set and model: accuracy over its runs, beside what is known."""
    lines = [
        f"{'set':12} {'model':18} {'strategy':9} {'trained':>9} runs  {'accuracy ± sd':15} "
        f"{'seconds':>7}  published"
    ]
    for name, model in pairs:
        network, _, strategy = model.partition("+")
        known = KNOWN_FEW.get((name, chosen.shots), {}) if chosen.shots else KNOWN[name]
        lines.append(
            f"{name:12} {network:18} {strategy or '-':9} {measured(name, model, chosen)}  "
            f"{known.get(model, '-')}"
        )
    return "\n".join(lines)


def measured(name: str, model: str, chosen) -> str:
    """Trained share, number of runs, accuracy and seconds."""
    from lepton import load

    network, _, strategy = model.partition("+")
    found = load(chosen.runs / study(name, chosen.shots))
    same = (found["model"] == network) & (found["finetune"].fillna("") == strategy)
    rows = found[same & (found["status"] == "finished")]
    if not len(rows):
        return f"{'-':>9}    0  {'-':15} {'-':>7}"
    share = f"{rows['trainable'].max() / rows['parameters'].max():.3%}" if strategy else "-"
    accuracy, seconds = rows["test/accuracy"], rows["seconds"].mean()
    spread = f" ± {accuracy.std():.4f}" if len(rows) > 1 else ""
    return f"{share:>9} {len(rows):4}  {f'{accuracy.mean():.4f}{spread}':15} {seconds:7.1f}"


if __name__ == "__main__":
    sys.exit(main())
