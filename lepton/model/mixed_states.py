"""Hidden states of rows mixed with those of other rows, inside of any network."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from lepton.task.mixed_rows import Batch, blend


class Point(NamedTuple):
    """What a module is given first, or what it says."""

    module: str
    is_result: bool = False


class Place(NamedTuple):
    """Points at which, together, all that a network makes of its inputs comes by.

    `of_parts`: what comes by is of tokens or frames, of which the longer of two rows has more.
    """

    points: tuple[Point, ...]
    of_parts: bool


class StateMixing:
    """Mixes rows at places of a network, in each pass with a batch that says so.

    A batch says it by two tensors: of each row the share at every place, 1 where it is not mixed,
    and its partner. Only the first call of a module in a pass is meant.
    """

    def __init__(self, name: str, places: Sequence[Place]):
        self.places = list(places)
        self.share_key, self.partner_key = f"{name}_share", f"{name}_partner"

    def attach(self, model: nn.Module) -> None:
        """Lets the network mix from now on."""
        handles: list[RemovableHandle] = []
        model.register_forward_pre_hook(_BeginPass(self, handles))
        model.register_forward_hook(_EndPass(handles), always_call=True)

    def said(self, batch: Batch, share: Tensor, partners: Tensor, place: Tensor) -> Batch:
        """The batch whose rows are mixed at one place.

        Shapes: share and partners (B,), place ().
        """
        is_place = torch.arange(len(self.places), device=share.device) == place
        shares = torch.where(is_place, share[:, None], torch.ones_like(share)[:, None])
        return batch | {self.share_key: shares, self.partner_key: partners}

    def as_long(self, batch: Batch) -> Batch:
        """The batch in which mixed rows are as long as the longer of the two."""
        of_parts = [i for i, place in enumerate(self.places) if place.of_parts]
        if not of_parts:
            return batch
        is_mixed = (batch[self.share_key][:, of_parts] != 1).any()
        longer = as_long_as(batch, batch[self.partner_key])
        return batch | {
            key: torch.where(is_mixed, value, batch[key]) for key, value in longer.items()
        }


class _BeginPass:
    """Puts the hooks of a pass on a network's modules, by their names at that time."""

    replayable = True

    def __init__(self, mixing: StateMixing, handles: list[RemovableHandle]):
        self.mixing, self.handles = mixing, handles

    def __call__(self, model: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
        release(self.handles)
        batch, mixing = given[0], self.mixing
        if mixing.share_key not in batch:
            return None
        shares, partners = batch[mixing.share_key], batch[mixing.partner_key]
        for number, place in enumerate(mixing.places):
            for point in place.points:
                change = _Blend(shares[:, number], partners)
                self.handles.append(hooked(model, point, change))
        inputs = mixing.as_long(batch)
        said = (mixing.share_key, mixing.partner_key)  # not for a hook of another `attach` too
        return ({key: value for key, value in inputs.items() if key not in said}, *given[1:])


class _EndPass:
    """Takes the hooks of a pass away."""

    replayable = True

    def __init__(self, handles: list[RemovableHandle]):
        self.handles = handles

    def __call__(self, *_: Any) -> None:
        release(self.handles)


class _Blend:
    """Mixes the first state that it is given, and leaves others as they are."""

    def __init__(self, share: Tensor, partners: Tensor):
        self.share, self.partners, self.is_done = share, partners, False

    def __call__(self, state: Tensor) -> Tensor:
        if self.is_done:
            return state
        self.is_done = True
        return blend(state, state[self.partners], self.share)


def hooked(model: nn.Module, point: Point, change: Any) -> RemovableHandle:
    """The handle of a hook that puts `change(state)` in the place of the state at a point."""
    module = model.get_submodule(point.module)
    if point.is_result:
        return module.register_forward_hook(
            lambda _, given, said: change(said) if isinstance(said, Tensor) else said
        )

    def before(_: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if args and isinstance(args[0], Tensor):
            return (change(args[0]), *args[1:]), named
        if isinstance(named.get(STATES), Tensor):
            return args, {**named, STATES: change(named[STATES])}
        return None

    return module.register_forward_pre_hook(before, with_kwargs=True)


STATES = "hidden_states"  # as the layers of transformers call what they are given


def release(handles: list[RemovableHandle]) -> None:
    """Takes hooks away."""
    for handle in handles:
        handle.remove()
    handles.clear()


def as_long_as(batch: Batch, partners: Tensor) -> Batch:
    """What says how long rows are, of each the longer of it and its partner."""
    longer = {}
    if "mask" in batch:
        longer["mask"] = batch["mask"] | batch["mask"][partners]
    if "audio_length" in batch:
        lengths = batch["audio_length"]
        longer["audio_length"] = torch.maximum(lengths, lengths[partners])
    return longer
