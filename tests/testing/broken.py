"""Which properties of a contract do not hold."""

import pytest


def broken(contract):
    """What each broken property says, by its name."""
    messages = {}
    try:
        for name in contract.properties():
            try:
                getattr(contract, name)()
            except Exception as error:  # of the option's own code too
                messages[name] = str(error)
    finally:
        contract.teardown_class()
    return messages


def named(rows, quick_count=None):
    """Cases of a test under the names of their breakers; all but the first so many are slow."""
    many = len(rows) if quick_count is None else quick_count
    return [
        pytest.param(*row, id=row[0].__name__, marks=[] if n < many else pytest.mark.slow)
        for n, row in enumerate(rows)
    ]


def precise(rows):
    """The properties that a row's breaker breaks alone; a row: breaker, message, properties."""
    return {properties[0] for *_, properties in rows if len(properties) == 1}
