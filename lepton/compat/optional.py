"""Packages that lepton can do without: imported where they are used, else told how to install."""

import importlib
from types import ModuleType

from lepton.errors import LeptonError

EXTRAS = {  # package: the extra of lepton's that installs it
    **dict.fromkeys(("transformers", "tokenizers", "datasets"), "text"),
    "peft": "finetune",
    **dict.fromkeys(("optuna", "cmaes"), "sweeps"),
    **dict.fromkeys(("submitit", "ray"), "cluster"),
    "matplotlib": "report",
    "PIL": "vision",
    "soundfile": "audio",
    "soxr": "resample",
    "captum": "explain",
    "av": "video",
    "imblearn": "generator",
    "kornia": "kornia",
    **dict.fromkeys(("catboost", "lightgbm", "xgboost"), "boosting"),
    **dict.fromkeys(("mlflow", "wandb", "tensorboard"), "track"),
}
PROPER_NAMES = {
    **{"optuna": "Optuna", "ray": "Ray", "PIL": "Pillow", "av": "PyAV"},
    **{"imblearn": "imbalanced-learn"},
    **{"mlflow": "MLflow", "wandb": "Weights & Biases", "tensorboard": "TensorBoard"},
}


def import_optional(module: str, *, needed_by: str) -> ModuleType:
    """The module, imported; `needed_by` is the option or command that cannot do without it.

    Raises: LeptonError that says what to install; for a package that is there and cannot be
        imported, as one that is too old, also why.
    """
    package = module.partition(".")[0]
    try:
        importlib.import_module(package)
        return importlib.import_module(module)
    except ImportError as e:
        missing = isinstance(e, ModuleNotFoundError) and e.name == package
        reason = "" if missing else f" ({' '.join(str(e).split())})"
        name = PROPER_NAMES.get(package, package)
        raise LeptonError(
            f"{needed_by}: needs {name}{reason}; {how_to_install(EXTRAS.get(package))}"
        ) from None


def how_to_install(extra: str | None) -> str:
    """The command that installs an extra of lepton's, or lepton itself with all that it needs."""
    return (
        f"pip install 'lepton-experiments[{extra}]'" if extra else "pip install lepton-experiments"
    )
