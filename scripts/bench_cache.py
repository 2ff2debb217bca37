"""Measures what it costs to hold entries of the cache to their digests.

    python scripts/bench_cache.py [--mb 512]

Writes features as a file, and pixels as arrays that are mapped, of so many MB each into a folder of
its own, and prints seconds of CPU: to read the features with and without their digest; to open the
pixels for the first time in a process, for the second, and to take all of them in batches of 64 as
numbers on their scale, which is what one epoch takes of them. The least of five tries each.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

BATCH, SIDE, WIDTH = 64, 64, 384


def seconds_of(action: Callable[[], object]) -> float:
    """The least CPU time of five tries."""
    tries = []
    for _ in range(5):
        start = time.process_time()
        action()
        tries.append(time.process_time() - start)
    return min(tries)


def features_seconds(megabytes: int) -> tuple[float, float]:
    """Seconds to read features, with their digest and without."""
    import torch
    from safetensors.torch import load, save

    from lepton.storage.cache_entries import HEAD_BYTES, cache_folder, read_entry, write_entry

    path = cache_folder() / "features" / ("0" * 32)
    rows = megabytes * 10**6 // (4 * WIDTH)
    write_entry(path, save({"features": torch.rand(rows, WIDTH)}))
    return (
        seconds_of(lambda: load(read_entry(path))),
        seconds_of(lambda: load(path.read_bytes()[HEAD_BYTES:])),
    )


def pixels_seconds(megabytes: int) -> tuple[float, float, float]:
    """Seconds to open pixels for the first time and again, and to take all of them once."""
    import numpy as np
    import torch

    from lepton.storage import digests
    from lepton.storage.array_cache import ArrayCache

    cache, name, key = ArrayCache("pictures"), "0" * 16, "0" * 16
    rows = megabytes * 10**6 // (3 * SIDE**2)
    with cache.writing(name, key) as entry:
        entry.make("pixels", (rows, SIDE, SIDE, 3), np.uint8)[:] = 7

    def open_first() -> None:
        digests._sha256.cache_clear()
        cache.open(name, key)

    def take_all() -> None:
        pixels = entry.read("pixels")
        for start in range(0, rows, BATCH):
            torch.from_numpy(pixels[start : start + BATCH]).permute(0, 3, 1, 2).float().div_(255)

    return seconds_of(open_first), seconds_of(lambda: cache.open(name, key)), seconds_of(take_all)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=512)
    megabytes = parser.parse_args().mb
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEPTON_CACHE"] = folder
        checked, plain = features_seconds(megabytes)
        print(f"features of {megabytes} MB: {checked:.2f} s, {plain:.2f} s without their digest")
        first, again, epoch = pixels_seconds(megabytes)
        print(
            f"pixels of {megabytes} MB: opened in {first:.2f} s, again in {again:.4f} s; all taken "
            f"once in {epoch:.2f} s"
        )


if __name__ == "__main__":
    main()
