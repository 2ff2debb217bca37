"""Runs on pictures above a budget, of arrays and of an Arrow file: those on kept ones."""

from pathlib import Path

import numpy as np
import pytest

from tests.flipped_pictures import choose_flips
from tests.picture_files import IMAGES, LABELS, write_idx, write_npz

SHORT = ("model=cnn_small", "model.channels=[4]", "trainer=cpu", "trainer.max_epochs=2")
SHORT = (*SHORT, "batch_size=6", "dataset.duplicates=keep", "augmentation=flipped")


def write_hub(folder):
    """A data set that the package datasets has saved."""
    datasets = pytest.importorskip("datasets", reason="needs the package datasets")
    features = datasets.Features(image=datasets.Image(), label=datasets.Value("int64"))
    content = {"image": list(IMAGES[40]), "label": LABELS[40].astype(np.int64)}
    datasets.Dataset.from_dict(content, features=features).save_to_disk(folder)


SETS = {
    "idx": (write_idx, ("dataset=idx", "dataset.path=set")),
    "npz": (write_npz, ("dataset=npz", "dataset.path=set.npz")),
    "hub": (write_hub, ("dataset=huggingface_images", "dataset.name=set", "dataset.test=null")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_a_run_on_pictures_above_a_budget_is_the_run_on_kept_ones(
    name, run, fingerprint, monkeypatch
):
    choose_flips(monkeypatch)
    write, words = SETS[name]
    write(Path("set.npz" if name == "npz" else "set"))
    words = (*words, *SHORT, "dataset.size=[8,7]")
    kept = run(*words)
    budgets = {"memory": ("dataset.memory_gb=0",), "disk": ("dataset.cache_gb=0",)}
    for study, budget in budgets.items():
        folder = run(*words, *budget, f"study={study}")
        assert folder.name == kept.name
        assert fingerprint(folder) == fingerprint(kept)
        is_streamed = "the rows are streamed from" in (folder / "log.txt").read_text()
        assert is_streamed == (study == "memory" or name == "hub")
