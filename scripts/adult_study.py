"""Trains six models on Adult with published settings and prints both accuracies side by side.

    python scripts/adult_study.py FOLDER [--device gpu] [--seeds 5] [--models mlp,resnet]

FOLDER holds adult-train.csv and adult-test.csv as UCI ships them. Finished runs are not repeated.
Source: the settings in scripts/adult_study/experiment/, each with its own.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

CONFIG_DIR = Path(__file__).resolve().parent / "adult_study"
PUBLISHED = {  # mean test accuracy over 15 seeds, of the repositories that the settings come from
    "mlp": 0.8522,
    "resnet": 0.8544,
    "ft_transformer": 0.8587,
    "tabm": 0.8575,
    "tabm_mini": 0.8700,
    "gradient_boosting": 0.8723,
}

MAX_POINTS = 0.3  # of accuracy, that a mean may differ from the published one


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="default", choices=["default", "cpu", "gpu"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--models", default=",".join(PUBLISHED))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    arguments = parser.parse_args()
    models = arguments.models.split(",")
    overrides = [
        f"experiment={','.join(f'adult_{model}' for model in models)}",
        f"seed=range({arguments.seeds})",
        f"dataset.path={arguments.folder / 'adult-train.csv'}",
        f"dataset.test_path={arguments.folder / 'adult-test.csv'}",
        f"trainer={arguments.device}",
        f"runs={arguments.runs}",
        "study=adult",
    ]
    command = [sys.executable, "-m", "lepton", "train", "-m", "--config-dir", str(CONFIG_DIR)]
    exit_code = subprocess.run([*command, *overrides]).returncode
    if (arguments.runs / "adult").is_dir():
        print(accuracy_table(arguments.runs / "adult", models, arguments.seeds))
    return exit_code


def accuracy_table(study: Path, models: list[str], seeds: int) -> str:
    """A line a model: accuracy over seeds, the published one, and their difference."""
    from lepton import load

    runs = load(study)
    runs = runs[(runs["status"] == "finished") & (runs["seed"] < seeds)]
    lines = [f"{'model':18} seeds  accuracy ± sd    published  difference (points)"]
    for model in models:
        accuracy = runs.loc[runs["experiment"] == f"adult_{model}", "test/accuracy"]
        mean, published = accuracy.mean(), PUBLISHED[model]
        points = 100 * (mean - published)
        lines.append(
            f"{model:18} {len(accuracy):5}  {mean:.4f} ± {accuracy.std():.4f}  {published:.4f}"
            f"     {points:+.2f}{'' if abs(points) <= MAX_POINTS else f'  more than {MAX_POINTS}'}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # of what is started, too
    sys.exit(main())
