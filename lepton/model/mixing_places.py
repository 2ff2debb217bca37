"""Finds the places of a network at which hidden states of rows can be mixed."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from lepton.model.embedding_layers import embedding_layers
from lepton.model.evaluation_mode import evaluation_mode
from lepton.model.layers import tunable
from lepton.model.mixed_states import Place, Point, as_long_as, hooked, release
from lepton.task.mixed_rows import Batch

CLOSE = 1e-3  # of the distance between rows, by which two features of a row are the same
Change = Callable[[Tensor], Tensor]


def place_of_features(model: nn.Module) -> Place:
    """What the head is given."""
    return Place((Point(_layers(model)[-1][0]),), of_parts=False)


def places_between_layers(model: nn.Module, batch: Batch) -> Iterator[Place]:
    """Yields the places between the layers that a network names, from the lowest to its features.

    Where states cannot be had before a layer, as its first part is no module that is called, they
    are taken behind the layer below. `batch` are made-up rows, by which places are tried.
    """
    modules, trial, below = dict(model.named_modules()), _Trial(model, batch), []
    for names in _layers(model)[:-1]:
        before = trial.place([Point(name) for name in names if name in modules])
        behind = [Point(name, is_result=True) for name in below if name in modules]
        is_at_start = before is not None and before.points[0].module == names[0]
        if not is_at_start and (place := trial.place(behind)):
            yield place
        if before is not None:
            yield before
        below = names
    yield place_of_features(model)


def place_of_embeddings(model: nn.Module, batch: Batch) -> Place | None:
    """What the layers say that embed tokens; None where a network reads tokens otherwise too."""
    points = [Point(name, is_result=True) for name, _ in embedding_layers(model)]
    return _Trial(model, batch).place(points)


class _Trial:
    """Tries places by made-up rows, each of which is handed the states of another one there.

    A place holds all if the features of each row then are those of the other.
    """

    def __init__(self, model: nn.Module, batch: Batch):
        self.model, self.head = model, place_of_features(model).points[0]
        self.partners = torch.arange(len(batch["id"])).roll(1)
        self.rows = [(batch, False)]
        if as_long_as(batch, self.partners):
            self.rows.append((_equally_long(batch, self.partners), True))

    def place(self, points: Sequence[Point]) -> Place | None:
        """The place of those of the points that are needed; None if they do not hold all."""
        for batch, of_parts in self.rows if points else ():
            usual: dict[Point, Tensor] = {}
            features = self._features(batch, {p: _noting(usual, p) for p in points})
            handed: list[Point] = []
            changes = {p: self._handing_on(usual[p], handed, p) for p in usual}
            other = self._features(batch, changes) if usual else features
            distance = (features - features[self.partners]).abs().max()
            gap = (other - features[self.partners]).abs().max()
            if handed and distance > 0 and gap <= CLOSE * distance:
                return Place(tuple(handed), of_parts)
        return None

    def _handing_on(self, usual: Tensor, handed: list[Point], point: Point) -> Change:
        """Gives each row its partner's state, unless it has come by below already."""

        def change(state: Tensor) -> Tensor:
            is_of_rows = len(usual) == len(self.partners) and usual.is_floating_point()
            if not is_of_rows or point in handed or torch.equal(state, usual[self.partners]):
                return state
            handed.append(point)
            return state[self.partners]

        return change

    def _features(self, batch: Batch, changes: Mapping[Point, Change]) -> Tensor:
        """The features of a pass in which states at these points are changed."""
        handles, seen = [], {}
        try:
            for point, change in changes.items():
                handles.append(hooked(self.model, point, change))
            handles.append(hooked(self.model, self.head, _noting(seen, self.head)))
            with torch.no_grad(), torch.random.fork_rng(), evaluation_mode(self.model):
                self.model(batch)
        finally:
            release(handles)
        return seen[self.head]


def _layers(model: nn.Module) -> list[list[str]]:
    return [joined.split("+") for joined in tunable(model).layers()]


def _noting(states: dict[Point, Tensor], point: Point) -> Change:
    """Keeps the first state that comes by."""

    def note(state: Tensor) -> Tensor:
        states.setdefault(point, state)
        return state

    return note


def _equally_long(batch: Batch, partners: Tensor) -> Batch:
    """The rows all as long as the longest, with tokens to their end."""
    longer = batch
    for _ in partners:
        longer = longer | as_long_as(longer, partners)
    if "tokens" in batch:
        tokens, own = batch["tokens"], batch["mask"].bool()
        longer = longer | {"tokens": torch.where(own, tokens, tokens[:, :1])}
    return longer
