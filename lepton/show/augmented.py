"""What a training would make of its first batch: rows before and after the methods chosen."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lepton import build
from lepton.dataset.data import Data, Rows
from lepton.dataset.inputs.picture import Media
from lepton.dataset.inputs.shown_tensors import marked_words
from lepton.method import Batch
from lepton.randomness.streams import DrawStreams
from lepton.report.blocks import Block, Section, Table, Text
from lepton.task import Task
from lepton.task.soft_targets import as_probabilities
from lepton.training.further_rows import with_further_rows
from lepton.training.learner import build_network
from lepton.training.loss import batch_to_learn, stream_names

GROUP = "augmentation."
TITLE = "What augmentation does"
MOST_CELLS = 200  # of a table that are shown


def augmented_section(config: dict[str, Any], samples: int) -> Section:
    """The first rows of a training's first batch, before and after its methods changed them."""
    data = build.data(config)
    network = build_network(config, data.spec)
    extended = with_further_rows(data, network.methods, config["seed"])
    [phase] = network.prepare_phases(extended)
    loader = phase.data.train_dataloader()
    loader.sampler.set_epoch(0)
    order = loader.sampler.draw()
    batch = next(iter(loader))[0]
    streams = DrawStreams([config["seed"]], stream_names(network.methods), torch.device("cpu"))
    streams.start_epoch(0)
    draws = streams.draws(streams.keys[0])
    start = torch.zeros(())
    changed = batch_to_learn(network.model, network.task, network.methods, batch, draws, start)
    encoded = {**batch, "target": network.task.encode(network.task.truth(batch))}
    rows = min(samples, len(batch["id"]))
    blocks = _blocks(data, network.task, encoded, changed, rows)
    if extended is not data or phase.data.row_chances is not None:
        blocks.append(_epoch(data, phase.data, order))
    names = (method.stream_name for method in network.methods)
    words = " and ".join(n.removeprefix(GROUP) for n in names if n.startswith(GROUP))
    intro = (
        f"The first rows of the first batch of a training with seed {config['seed']}, as they are "
        f"and as {words} made them. Numbers of a table are those that a model reads."
    )
    return Section(TITLE, [Text(intro), *blocks])


def _blocks(data: Data, task: Task, before: Batch, after: Batch, rows: int) -> list[Block]:
    """A table with a line for each input that is seen whole, and one with the cells changed."""
    lines, cells = [], []
    for place in range(rows):
        number = str(int(before["id"][place]))
        for kind in data.inputs:
            old, new = (kind.shown_tensors(_row(b, place), data.spec) for b in (before, after))
            for name in new:
                pair = old.get(name, ""), new[name]
                if isinstance(new[name], Media | list):
                    lines.append([number, name, *_seen(*pair)])
                elif pair[0] != pair[1]:
                    cells.append([number, name, *map(_text, pair)])
        targets = [_target(task, b, place) for b in (before, after)]
        if targets[0] != targets[1]:
            cells.append([number, "target", *targets])
    header, blocks = ["row", "input", "before", "after"], list[Block]()
    if lines:
        blocks.append(Table("augmented", "Each row before and after.", header, lines, 4))
    if cells:
        caption = "The cells that were changed, and no others."
        blocks.append(Table("changed_cells", caption, header, cells[:MOST_CELLS], 4))
    return blocks or [Text("Nothing in these rows was changed.")]


def _row(batch: Batch, place: int) -> Rows:
    return {name: values[place] for name, values in batch.items()}


def _seen(before: Any, after: Any) -> Sequence[str]:
    """Media as they are; lists of words as texts with what differs in brackets."""
    if isinstance(after, list):
        return marked_words(before, after), marked_words(after, before)
    return before, after


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _target(task: Task, batch: Batch, place: int) -> str:
    """A row's target in words: classes with their shares, or a number as it is learned."""
    target: Tensor = batch["target"][place : place + 1]
    classes = task.spec.classes
    if task.name == "multiclass":
        shares = as_probabilities(target, len(classes))[0].tolist()
        named = zip(classes, shares, strict=True)
        return ", ".join(f"{share:.0%} {name}" for name, share in named if share > 0)
    return ", ".join(f"{value:.3g}" for value in target.flatten().tolist())


def _epoch(data: Data, drawn: Data, order: Tensor) -> Table:
    """Rows of each class in the training split, and in the first epoch."""
    names = data.spec.classes or ("all",)
    counts = []
    for target in (data.splits["train"]["target"], drawn.splits["train"]["target"][order]):
        is_class = data.spec.task in ("binary", "multiclass")
        numbers = target.long() if is_class else torch.zeros(len(target), dtype=torch.long)
        counts.append(numbers.bincount(minlength=len(names)).tolist())
    rows = [[name, *map(str, of_class)] for name, *of_class in zip(names, *counts, strict=True)]
    caption = "How many rows of each class there are in train, and how many an epoch draws."
    return Table("epoch_classes", caption, ["class", "train", "first epoch"], rows, 1)
