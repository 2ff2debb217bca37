"""Deep-learning experiments composed from config groups: compose, train, fit, load."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lepton.config.compose import compose
    from lepton.config.trust import allow
    from lepton.in_memory.estimators import LeptonClassifier, LeptonRegressor
    from lepton.in_memory.fit import fit
    from lepton.notebook.load import load
    from lepton.notebook.multirun import multirun
    from lepton.notebook.study import Study
    from lepton.notebook.train import train
    from lepton.predict import load_model

_PUBLIC = {
    "LeptonClassifier": "lepton.in_memory.estimators",
    "LeptonRegressor": "lepton.in_memory.estimators",
    "allow": "lepton.config.trust",
    "compose": "lepton.config.compose",
    "fit": "lepton.in_memory.fit",
    "load": "lepton.notebook.load",
    "load_model": "lepton.predict",
    "multirun": "lepton.notebook.multirun",
    "Study": "lepton.notebook.study",
    "train": "lepton.notebook.train",
}
__all__ = [
    "LeptonClassifier",
    "LeptonRegressor",
    "Study",
    "allow",
    "compose",
    "fit",
    "load",
    "load_model",
    "multirun",
    "train",
]


def __getattr__(name: str) -> object:
    """Imports a public name when it is asked for, so that `import lepton` costs nothing."""
    if name == "__version__":
        return _version()
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lepton' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _version() -> str:
    """The version of the installed distribution.

    Raises: LeptonError where lepton runs from its sources and is not installed.
    """
    from importlib.metadata import PackageNotFoundError, version

    from lepton.errors import LeptonError

    try:
        return version("lepton-experiments")
    except PackageNotFoundError:
        raise LeptonError(
            "lepton runs from its sources and is not installed; pip install ."
        ) from None
