"""The worst change of each row that several attacks find."""

from collections.abc import Callable, Mapping

from lepton.attack.found import Found, found_at
from lepton.attack.goal import Goal
from lepton.attack.neighbourhood import Neighbourhood
from lepton.attack.suite import Attack
from lepton.randomness.draw import Draw


def worst_found(
    goal: Goal, attacks: Mapping[str, Attack], around: Neighbourhood, draw_of: Callable[[str], Draw]
) -> Found:
    """What breaks each row, else what raises the goal's loss most; none where nothing does.

    An attack is made on the rows that those before it left; `draw_of` gives it its numbers.
    """
    found = found_at(goal, around, around.none())
    for name, attack in attacks.items():
        left = (~found.broken).nonzero()[:, 0]
        if not len(left):
            break
        some = around.at(left)
        tried = found_at(goal, some, attack(some, draw_of(name)).change)
        found = found.with_rows(left, found.at(left).or_worse(tried))
    return found
