"""Small files of images, for tests."""

import gzip
import struct

import numpy as np
import pandas as pd
from PIL import Image

GENERATOR = np.random.default_rng(0)
IMAGES = {n: GENERATOR.integers(0, 256, (n, 8, 7), dtype=np.uint8) for n in (40, 12, 10)}
LABELS = {n: np.arange(n, dtype=np.uint8) % 2 for n in (40, 12, 10)}
SMALL_BACKBONE = (  # of models that inspect, in place of one with weights of a package
    "~model.backbone",
    "+model.backbone={_target_:lepton.model.cnn_small.CnnSmall,channels:[32,64],dropout:0.0}",
    "model.layers=[blocks.1]",
)
CLASSES, FILES = ("cat", "dog"), 12


def draw(path, seed, size=(8, 8), depth=3):
    """Writes a picture of random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, depth), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels[:, :, 0] if depth == 1 else pixels).save(path)


def write_photos(folder, depth=3):
    """A folder of two classes, and beside it a table of its files with a grade."""
    for number, name in enumerate(CLASSES):
        for i in range(FILES):
            draw(folder / name / f"{i}.png", 100 * number + i, depth=depth)
    rows = [(f"{name}/{i}.png", i % 3) for name in CLASSES for i in range(FILES)]
    table = pd.DataFrame(rows, columns=["file", "grade"])
    table.to_csv(folder.with_suffix(".csv"), index=False)


def write_parts(folder):
    """Good parts to train on, and good and bad ones to test, as public sets of parts have them."""
    for number in range(12):
        draw(folder / "train" / "good" / f"{number}.png", number)
    for number, kind in enumerate(("good", "good", "scratch", "hole")):
        draw(folder / "test" / kind / f"{number}.png", FILES + number)


def idx_bytes(array):
    """An array of bytes in the format IDX."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


def write_idx(folder):
    """A training set of 40 images and a test set of 12, one file in two packed."""
    folder.mkdir(exist_ok=True)
    for prefix, n in (("train", 40), ("t10k", 12)):
        content = gzip.compress(idx_bytes(IMAGES[n]))
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(content)
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS[n]))


def write_npz(path):
    """40 images to train, 12 to validate and 10 to test, as MedMNIST names them."""
    arrays = {}
    for split, n in (("train", 40), ("val", 12), ("test", 10)):
        arrays |= {f"{split}_images": IMAGES[n], f"{split}_labels": LABELS[n][:, None]}
    np.savez_compressed(path, **arrays)
