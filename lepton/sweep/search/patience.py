"""How long a search has gone on without a gain."""

from collections.abc import Sequence


def trials_without_gain(
    before: Sequence[Sequence[float]],
    trials: Sequence[Sequence[float] | None],
    directions: Sequence[str],
) -> int:
    """The number of trials since the last one that was better than all before it.

    Trials without values, failed or beyond a constraint, are no gain; with several objectives a
    gain is a trial that none before is as good as in all of them.

    >>> trials_without_gain([], [(1.0,), (2.0,), (2.0,), None], ["maximize"])
    2
    """
    signs = [1 if direction == "maximize" else -1 for direction in directions]

    def signed(values: Sequence[float]) -> list[float]:
        return [sign * value for sign, value in zip(signs, values, strict=True)]

    seen, since = [signed(values) for values in before], 0
    for values in trials:
        since += 1
        if values is not None:
            point = signed(values)
            if not any(all(a >= b for a, b in zip(s, point, strict=True)) for s in seen):
                since = 0
            seen.append(point)
    return since
