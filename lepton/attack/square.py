"""Square: a random search without gradients, which finds what these may hide.

Values in a random window are changed together, and the change stays where it raises the margin.
The window is a square of a picture, a stretch of a sound, or some numbers of a table.
"""

import torch
from torch import Tensor

from lepton.attack.found import Found, found_at
from lepton.attack.goal import Goal
from lepton.attack.neighbourhood import Neighbourhood
from lepton.attack.norms import Linf
from lepton.attack.rows import Change, of_rows
from lepton.augmentation.machinery.pictures import PICTURES
from lepton.loss.weighted_mean import at_least_tiny
from lepton.randomness.draw import Draw

FIRST_SHARE = 0.8  # of the values lies in the first windows
# after so many of 10 000 queries the share is halved
HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
AS_OF = 10_000


def square(goal: Goal, around: Neighbourhood, draw: Draw, *, queries: int) -> Found:
    """The worst change that so many guesses come upon; rows that are broken are guessed no more.

    Source: Andriushchenko et al. 2020, https://arxiv.org/abs/1912.00049; for l2 its exchange of
        mass between windows, with flat ones in the place of its pyramids
    """
    found = found_at(goal, around, around.project(_stripes(around, draw)))
    places = torch.arange(len(found.loss), device=found.loss.device)
    inner = around
    for query in range(1, queries):
        left = ~found.broken[places]
        if not bool(left.all()):
            places, inner = places[left], inner.at(left.nonzero()[:, 0])
        if not len(places):
            break
        now = found.at(places)
        change = inner.project(_proposed(inner, now.change, draw, _share(query, queries)))
        found = found.with_rows(places, now.or_worse(found_at(goal, inner, change)))
    return found


def _share(query: int, queries: int) -> float:
    """The share of the values that a window holds by then."""
    reached = sum(query / queries * AS_OF > after for after in HALVED_AFTER)
    return FIRST_SHARE / 2**reached


def _stripes(around: Neighbourhood, draw: Draw) -> Change:
    """Where the search begins: full changes up and down, in pictures in upright stripes."""
    own, change = draw.each(around.batch["id"]), {}
    for name, values in around.clean.items():
        shape = list(values.shape[1:])
        if name in PICTURES:
            shape[-2] = 1
        signs = _signs(own, shape, values).expand_as(values)
        change[name] = signs / of_rows(around.norm.size(signs), signs) * around.epsilon
    return change


def _proposed(around: Neighbourhood, change: Change, draw: Draw, share: float) -> Change:
    own, proposed = draw.each(around.batch["id"]), {}
    for name, delta in change.items():
        window, donor = (_window(own, name, delta, share) for _ in range(2))
        signs = _signs(own, _sign_shape(name, delta), delta).expand_as(delta)
        if isinstance(around.norm, Linf):
            proposed[name] = torch.where(window, signs * around.epsilon, delta)
        else:
            proposed[name] = _exchanged(delta, window, donor, signs, float(around.epsilon))
    return proposed


def _exchanged(
    delta: Tensor, window: Tensor, donor: Tensor, signs: Tensor, epsilon: float
) -> Tensor:
    """A change whose mass in both windows, and what epsilon still allows, is in the first."""
    both = window | donor
    rest = torch.where(both, 0, delta)
    budget = (epsilon**2 - rest.flatten(1).square().sum(1)).clamp(min=0).sqrt()
    old, new = torch.where(window, delta, 0), torch.where(window, signs, 0)
    mixed = _unit(new) + _unit(old)
    return rest + _unit(mixed) * of_rows(budget, delta)


def _unit(values: Tensor) -> Tensor:
    norm = values.flatten(1).square().sum(1).sqrt()
    return values / of_rows(at_least_tiny(norm), values)


def _sign_shape(name: str, delta: Tensor) -> list[int]:
    """Of pictures and clips a sign for each channel, of a sound one, of a table one a number."""
    shape = list(delta.shape[1:])
    if name in PICTURES:
        return [*shape[:-2], 1, 1]
    return [1] if name == "audio" else shape


def _signs(own: Draw, shape: list[int], like: Tensor) -> Tensor:
    return 2 * own.bernoulli(0.5, shape).to(like.dtype) - 1


def _window(own: Draw, name: str, delta: Tensor, share: float) -> Tensor:
    """True in a window of each row that holds this share of its values. Shapes: -> as delta."""
    if name in PICTURES:
        height, width = delta.shape[-2:]
        side = max(round((share * height * width) ** 0.5), 1)
        rows, columns = _stretch(own, height, side), _stretch(own, width, side)
        inside = rows[:, :, None] & columns[:, None, :]
        between = [1] * (delta.ndim - 3)
        return inside.reshape(len(delta), *between, height, width).expand_as(delta)
    count = max(round(share * delta.shape[1]), 1)
    return (_stretch if name == "audio" else _chosen)(own, delta.shape[1], count)


def _stretch(own: Draw, length: int, steps: int) -> Tensor:
    """True in so many steps on end, of those there are. Shapes: -> (B, length)."""
    steps = min(steps, length)
    start = own.integers(length - steps + 1)[:, None]
    place = torch.arange(length, device=start.device)
    return (place >= start) & (place < start + steps)


def _chosen(own: Draw, length: int, count: int) -> Tensor:
    """True for so many of the numbers, drawn. Shapes: -> (B, length)."""
    order = own.uniform((length,)).argsort(1)
    return torch.zeros_like(order, dtype=torch.bool).scatter(1, order[:, :count], True)
