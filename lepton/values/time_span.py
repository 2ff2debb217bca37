"""Spans of time as people write them: 90s, 10m, 1h30m."""

import math
import re

UNITS = {"d|days?": 86400, "h|hours?": 3600, "m|min|minutes?": 60, "s|sec|seconds?": 1}
SPAN = re.compile("".join(rf"(?:(\d+(?:\.\d+)?) ?(?:{unit})\s*)?" for unit in UNITS))


def read_span(value: object) -> float | None:
    """The seconds of a span as 10m or 1h30m, or of a number, which counts seconds; else None.

    >>> read_span("1h30m"), read_span("1.5 min"), read_span(90), read_span("soon")
    (5400.0, 90.0, 90.0, None)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    match = SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        return None
    factors = zip(match.groups(), UNITS.values(), strict=True)
    return sum(float(number) * seconds for number, seconds in factors if number)


def as_clock(seconds: float) -> str:
    """Seconds as a clock shows them.

    >>> as_clock(5), as_clock(3725)
    ('0:05', '1:02:05')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
