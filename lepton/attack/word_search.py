"""A greedy search for the words whose change misleads a model most, by its predictions alone.

Many rows are searched at once: a search yields texts, and is sent what the model makes of them.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, TypeAlias

from lepton.attack.written_words import Place, WrittenWords


class Look(NamedTuple):
    """What a model makes of a row: what the search raises, whether it is wrong, and its loss."""

    raised: float
    is_broken: bool
    loss: float


@dataclass(frozen=True)
class Trace:
    """The texts as they were, with one word changed, with two, and so on; a look at each.

    `queries` counts all looks that it took.
    """

    steps: tuple[tuple[WrittenWords, Look], ...]
    queries: int


Search: TypeAlias = Generator[list[WrittenWords], list[Look], Trace]
Judge: TypeAlias = Callable[[list[int], list[WrittenWords]], list[Look]]  # of rows by their numbers


def greedy_search(
    words: WrittenWords, changes: Mapping[Place, Sequence[str]], *, most: int, queries: int
) -> Search:
    """Changes `most` words at most, until the row is wrong or nothing is left to try.

    Words come in the order of what is lost without them; of each the change that misleads most is
    kept, where it misleads more than none. `changes` has what words may become.
    Source: Gao et al. 2018, https://arxiv.org/abs/1801.04354; Jin et al. 2020,
        https://arxiv.org/abs/1907.11932, which words come first, and that they are tried on top of
        earlier ones
    """
    (now,) = yield [words]
    steps, used = [(words, now)], 1
    if now.is_broken or most < 1 or used + len(changes) >= queries or not changes:
        return Trace(tuple(steps), used)
    without = yield [words.without(place) for place in changes]
    used += len(changes)
    lost = {place: look.raised for place, look in zip(changes, without, strict=True)}
    for place in sorted(changes, key=lambda place: -lost[place]):
        tried = [words.replaced(place, word) for word in changes[place][: queries - used]]
        if now.is_broken or len(steps) > most or not tried:
            break
        looks = yield tried
        used += len(tried)
        best = max(range(len(tried)), key=lambda i: (looks[i].is_broken, looks[i].raised))
        if looks[best].is_broken or looks[best].raised > now.raised:
            words, now = tried[best], looks[best]
            steps.append((words, now))
    return Trace(tuple(steps), used)


def search_together(searches: Sequence[Search], judge: Judge) -> list[Trace]:
    """What each search comes to; the judge looks at the texts of all of them at once."""
    asked = {number: next(search) for number, search in enumerate(searches)}
    traces: dict[int, Trace] = {}
    while asked:
        rows = [number for number, texts in asked.items() for _ in texts]
        looks = iter(judge(rows, [words for texts in asked.values() for words in texts]))
        answered, asked = asked, {}
        for number, texts in answered.items():
            try:
                asked[number] = searches[number].send([*islice(looks, len(texts))])
            except StopIteration as end:
                traces[number] = end.value
    return [traces[number] for number in range(len(searches))]
