"""Trains text models on five public sets and prints their accuracy beside published ones.

    python scripts/text_study.py FOLDER [--models minilm+head] [--sets sst2,trec] [--seeds 5]
    python scripts/text_study.py FOLDER --models tfidf_linear,minilm+head,minilm+lora --shots 16
    python scripts/text_study.py FOLDER --models minilm+head --runs inside dataset.validation=inside

FOLDER holds the sets in folders of their own, with the files as their sources ship them; `+` comes
before a fine-tuning strategy. Runs differ in their seed, with --shots in the examples that they
draw, which are all labels that a run has (dataset.validation=inside), at the defaults of each
strategy; what fits itself is the same for every seed and fitted once. Finished runs are not
repeated. Overrides are given to each run, whose folder --runs is then theirs alone. `untuned` is
the best linear head of scikit-learn's on the features that tuning starts from.
Some sections of mts_dialog have two rows, so that there are no 16 to draw.
Source: the settings of a set stand in scripts/text_study/experiment/.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

CONFIG_DIR = Path(__file__).resolve().parent / "text_study"
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
SMALL_NETWORK = (
    *("batch_size=50", "trainer.max_epochs=30"),
    *("regularization=early_stopping", "regularization.early_stopping.patience=4"),
)
OVERRIDES = {  # by model: for all rows, and for few of each class
    "tfidf_linear": ((), ()),
    "bag_of_embeddings": (SMALL_NETWORK, SMALL_NETWORK),
    "text_cnn": (SMALL_NETWORK, SMALL_NETWORK),
    "minilm+head": ((), ()),
    "minilm+contrastive": ((), ()),
    "minilm+lora": (("batch_size=32", "trainer.max_epochs=3", "optimizer.lr=0.001"), ()),
    "minilm+full": (("batch_size=32", "trainer.max_epochs=3", "optimizer.lr=1e-4"), ()),
}
LONG_TEXTS = {"mts_dialog": "model.tokenizer.max_length=256"}  # as the encoder was trained for
TUNED = ("minilm+full", "minilm+lora")
REFERENCES = {  # accuracy of logistic regression on tf-idf and frozen MiniLM; of published networks
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
REFERENCES_WITH_SHOTS = {("banking77", 10): {"tfidf_linear": "0.708", "minilm+head": "0.863"}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5, help="runs of each model on each set")
    parser.add_argument("--models", default="tfidf_linear,bag_of_embeddings,text_cnn,minilm+head")
    parser.add_argument("--sets", default=",".join(FILES))
    parser.add_argument("--shots", type=int, help="training rows of each class; all if not given")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    arguments, overrides = parser.parse_known_args()
    sets, models = arguments.sets.split(","), arguments.models.split(",")
    pairs = [(name, model) for name in sets for model in models]
    exit_codes = [train(name, model, arguments, overrides) for name, model in pairs]
    print(accuracy_table(pairs, arguments))
    return max(exit_codes)


def train(name: str, model: str, arguments: argparse.Namespace, further: list[str]) -> int:
    """Trains a model on a set and returns the exit code of lepton."""
    (path, test_path), (network, _, strategy) = FILES[name], model.partition("+")
    folder = arguments.folder
    overrides = [
        *(f"experiment=text_{name}", f"model={network}", f"dataset.path={folder / path}"),
        *([f"dataset.test_path={folder / test_path}"] if test_path else []),
        *([f"finetune={strategy}"] if strategy else []),
        *([LONG_TEXTS[name]] if strategy and name in LONG_TEXTS else []),
        *OVERRIDES[model][bool(arguments.shots)],
        *repetitions(model, arguments),
        *(f"runs={arguments.runs}", f"study={study_name(name, arguments.shots)}"),
        *further,
    ]
    command = [sys.executable, "-m", "lepton", "train", "-m", "--config-dir", str(CONFIG_DIR)]
    return subprocess.run([*command, *overrides]).returncode


def repetitions(model: str, arguments: argparse.Namespace) -> list[str]:
    """The overrides in which the runs of a model differ."""
    if arguments.shots:
        split_seeds = f"dataset.split_seed=range({arguments.seeds})"
        return [f"dataset.shots={arguments.shots}", split_seeds]
    return [f"seed=range({1 if model == 'tfidf_linear' else arguments.seeds})"]


def study_name(name: str, shots: int | None) -> str:
    return f"text_{name}" + (f"_{shots}" if shots else "")


def accuracy_table(pairs: list[tuple[str, str]], arguments: argparse.Namespace) -> str:
    """A line a set and model: accuracy over its runs, beside those of others."""
    lines = [
        f"{'set':12} {'model':18} {'strategy':9} {'trained':>9} runs  {'accuracy ± sd':15} "
        f"{'untuned':7} {'seconds':>7}  published"
    ]
    for name, model in pairs:
        network, _, strategy = model.partition("+")
        references = REFERENCES[name]
        if arguments.shots:
            references = REFERENCES_WITH_SHOTS.get((name, arguments.shots), {})
        lines.append(
            f"{name:12} {network:18} {strategy or '-':9} {measured(name, model, arguments)}  "
            f"{references.get(model, '-')}"
        )
    return "\n".join(lines)


def measured(name: str, model: str, arguments: argparse.Namespace) -> str:
    """The columns of measured values: trained share, runs, accuracy, that untuned, and seconds."""
    from lepton import load

    network, _, strategy = model.partition("+")
    runs = load(arguments.runs / study_name(name, arguments.shots))
    is_pair = (runs["model"] == network) & (runs["finetune"].fillna("") == strategy)
    runs = runs[is_pair & (runs["status"] == "finished")]
    if not len(runs):
        return f"{'-':>9}    0  {'-':15} {'-':7} {'-':>7}"
    share = f"{runs['trainable'].max() / runs['parameters'].max():.3%}" if strategy else "-"
    accuracy, seconds = runs["test/accuracy"], runs["seconds"].mean()
    spread = f" ± {accuracy.std():.4f}" if len(runs) > 1 else ""
    untuned = f"{runs['before/test/accuracy'].mean():.4f}" if strategy else "-"
    measures = f"{f'{accuracy.mean():.4f}{spread}':15} {untuned:7} {seconds:7.1f}"
    return f"{share:>9} {len(runs):4}  {measures}"


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # of what is started, too
    sys.exit(main())
