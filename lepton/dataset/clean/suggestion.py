"""Ends of error messages that tell which name was probably meant."""

from collections.abc import Iterable

from lepton.errors import did_you_mean

SHOWN_CHOICES = 12


def suggestion(name: str, choices: Iterable[object]) -> str:
    """The closest of the choices, if one is close, and the first of all of them.

    >>> suggestion("agee", ["age", "income"])
    "; did you mean 'age'? (there are: age, income)"
    """
    names = [str(choice) for choice in choices]
    more = ", ..." if len(names) > SHOWN_CHOICES else ""
    return f"{did_you_mean(str(name), names)} (there are: {', '.join(names[:SHOWN_CHOICES])}{more})"
