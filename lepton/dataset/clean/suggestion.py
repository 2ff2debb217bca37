"""Ends of error messages that tell which name was probably meant."""

from collections.abc import Iterable, Sequence

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


def missing_columns(absent: Sequence[str], present: Iterable[object]) -> str:
    """The line for columns that are not there, all of them.

    >>> missing_columns(["age", "income"], ["name"])
    "columns 'age', 'income' are missing (there are: name)"
    """
    if len(absent) == 1:
        return f"column {absent[0]!r} is missing{suggestion(absent[0], present)}"
    more = ", ..." if len(absent) > SHOWN_CHOICES else ""
    names = ", ".join(map(repr, absent[:SHOWN_CHOICES]))
    return f"columns {names}{more} are missing{suggestion('', present)}"
