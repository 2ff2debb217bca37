"""FlippedPictures: an augmentation of the tests', which mirrors some pictures of each batch."""

from pathlib import Path

import torch

from lepton.method import Method


class FlippedPictures(Method):
    """Mirrors half of the pictures of a batch, drawn anew each step."""

    def on_batch(self, batch, draw):
        turned = (draw.uniform((len(batch["image"]),)) < 0.5)[:, None, None, None]
        return {**batch, "image": torch.where(turned, batch["image"].flip(-1), batch["image"])}


def choose_flips(monkeypatch):
    """Makes augmentation=flipped known in the working directory."""
    folder = Path("conf", "augmentation")
    folder.mkdir(parents=True)
    node = "flipped:\n  _target_: tests.flipped_pictures.FlippedPictures\n"
    (folder / "flipped.yaml").write_text(f"# Mirrors some pictures.\n{node}")
    monkeypatch.setenv("LEPTON_CONFIG_DIR", str(Path("conf").resolve()))
    monkeypatch.setenv("LEPTON_ALLOW", "tests.flipped_pictures")
