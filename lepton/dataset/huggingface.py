"""Data sets of texts through the package datasets."""

from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from lepton.dataset.text import TextData
from lepton.errors import DataError, LeptonError


class HuggingFace(TextData):
    """A data set by name, or from a folder; class labels by their names."""

    def __init__(
        self,
        *,
        name: str,
        config: str | None,
        revision: str | None,
        train: str,
        test: str | None,
        **text,
    ):
        super().__init__(**text)
        self.name, self.options = name, {"name": config, "revision": revision}
        self.parts = train, test

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        found, (train, test) = fetch(self.name, **self.options), self.parts
        for part in filter(None, self.parts):
            if part not in found:
                raise DataError(
                    f"dataset=huggingface, {self.name}: no split {part!r} (there are: "
                    f"{', '.join(found)}); dataset.test=null keeps a share of dataset.train"
                )
        return _frame(found[train]), _frame(found[test]) if test else None


def fetch(path: str, *, name: str | None, revision: str | None):
    """The splits of a data set by their names.

    Raises: DataError without a network, and for a set that does not exist.
    """
    try:
        import datasets
    except ImportError as e:
        raise LeptonError(
            "dataset=huggingface needs the package datasets; pip install 'lepton-experiments[text]'"
        ) from e
    folder = Path(path).expanduser()
    with _quiet(datasets):
        try:
            if not folder.is_dir():
                return datasets.load_dataset(path, name, revision=revision)
            found = datasets.load_from_disk(str(folder))
        except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as e:
            said = " ".join(str(e).split())[:200]
            offline = "" if folder.is_dir() else " (a name needs a network or a filled cache)"
            raise DataError(f"dataset=huggingface, {path}: not loaded{offline}: {said}") from e
    return found if isinstance(found, dict) else {"train": found}


def _frame(part) -> pd.DataFrame:
    frame = part.to_pandas()
    for name, feature in part.features.items():
        if hasattr(feature, "int2str"):
            words = dict(enumerate(feature.names))
            frame[name] = frame[name].map(words)  # -1, no label, becomes missing
    return frame


@contextmanager
def _quiet(datasets):
    """No progress bars, which the run's own would be lost among."""
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
