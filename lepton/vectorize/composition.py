"""Who is in a stack of a study: runs to train, runs that only hold a row, and where it goes on.

A stack that was killed goes on with as many rows as it had, each run in its own: how many there are
decides over the last bits of all.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lepton.storage.stack_records import StackRecord
from lepton.vectorize.member import AbsentMember, Place, StackMember

log = logging.getLogger("lepton")


@dataclass
class Composition:
    """The members of a stack in the order of its rows; and those that it has gone on without."""

    members: list[StackMember] = field(default_factory=list)
    left_behind: list[StackMember] = field(default_factory=list)


def compose_stack(
    record: StackRecord,
    present: Mapping[str, StackMember],
    build_absent: Callable[[str, int | None], AbsentMember | None],
) -> Composition:
    """The stack of a record, at the newest place where all that have not left it were saved.

    `present`: the members to train, by the name of the run; `build_absent(run, left)` makes the one
    that holds the row of another run, or returns None where that is not possible.
    """
    stack = Composition()
    to_train = [present[run] for run in record.runs if run in present]
    staying = [member for member in to_train if member.job.folder.name not in record.left]
    place = newest_common_place(staying or to_train)
    for run in record.runs:
        member, left = present.get(run), record.left.get(run)
        if place and left is not None and left <= place.epoch:
            stack.left_behind += [member] if member else []
        elif member and (place is None or place in member.saved_places):
            member.place = place
            stack.members.append(member)
        else:
            stack.left_behind += [member] if member else []
            absent = AbsentMember.instead_of(member, left=left) if member else None
            if absent := absent or build_absent(run, left):
                stack.members.append(absent)
            else:
                log.warning("%s is no longer there: its stack is another now", run)
    return stack


def newest_common_place(members: Sequence[StackMember]) -> Place | None:
    """The last place that all members were saved at; None where there is none."""
    places = set.intersection(*(set(member.saved_places) for member in members))
    return max(places, default=None)


def group_by_saved_place(members: Sequence[StackMember]) -> list[list[StackMember]]:
    """Members that were saved at the same place of stacks of one size, and those never saved."""
    groups: dict[Place | None, list[StackMember]] = {}
    for member in members:
        groups.setdefault(next(iter(member.saved_places), None), []).append(member)
    return list(groups.values())
