"""Deep-learning experiments composed from config groups: compose, train, load."""

from importlib import import_module

_PUBLIC = {
    "allow": "lepton.config.trust",
    "compose": "lepton.config.compose",
    "load": "lepton.storage.results",
    "load_model": "lepton.predict",
    "train": "lepton.run",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    """Public names are imported when asked for, so that `import lepton` costs nothing."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lepton' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
