"""Measures what augmentations of pictures cost, beside a step of cnn_small without any.

    python scripts/bench_augmentation.py [--options affine,crop] [--repeat 5]

A step is the loss of a batch of 256 colour pictures of 64 x 64 pixels, its gradients and the
optimizer's move, on one thread. Steps with and without an option take turns; the median ratio of
their CPU times is shown.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ROWS, SIDE, TARGET = 256, 64, 1.3
OPTIONS = (
    *("affine", "crop", "color_jitter", "random_erasing", "trivial_augment", "randaugment"),
    *("cutmix", "mixup", "gaussian_noise"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--options", default=",".join(OPTIONS))
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    plain = step_of(None)
    for option in arguments.options.split(","):
        step, ratios = step_of(option), []
        for _ in range(arguments.repeat):
            alone = seconds_of(plain)
            ratios.append(seconds_of(step) / alone)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        ratio = statistics.median(ratios)
        print(f"{option:18} {ratio:.2f} times a plain step ({spread}; target {TARGET})", flush=True)
    return 0


def seconds_of(step: Callable[[], None]) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started


def step_of(option: str | None) -> Callable[[], None]:
    """A training step of a network that is built anew, with one option or none."""
    import torch

    from lepton import build, example
    from lepton.config.check import check
    from lepton.config.compose import compose
    from lepton.dataset.inputs.find import input_kind
    from lepton.randomness.streams import DrawStreams
    from lepton.training.learner import build_network
    from lepton.training.loss import stream_names, training_loss

    words = [f"augmentation={option}"] if option else []
    config = check(compose("dataset=digits", "model=cnn_small", "trainer=cpu", *words))
    specs = example.make_specs("multiclass", [input_kind("image")])
    fields = {"channels": 3, "height": SIDE, "width": SIDE, "mean": [0.5] * 3, "std": [0.3] * 3}
    spec = next(iter(specs))
    spec.inputs["image"].update(fields)
    network = build_network(config, spec)
    batch = example.make_batch(spec, rows=ROWS)
    optimizer = build.component(
        config, "optimizer", params=[{"params": [*network.model.parameters()]}]
    )
    streams = DrawStreams([0], stream_names(network.methods), torch.device("cpu"))
    streams.start_epoch(0)

    def step() -> None:
        draws = streams.draws(streams.keys[0])
        loss = training_loss(network.model.train(), network.task, network.methods, batch, draws)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step()
    return step


if __name__ == "__main__":
    raise SystemExit(main())
