"""Contract: the base of test classes that hold an option to what lepton relies on."""

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, TypeVar

Value = TypeVar("Value")
_SHARED_VALUES: dict[type, dict[Hashable, Any]] = {}  # what `shared` methods returned, by class


class Contract:
    """Properties of an option, each a method whose name begins with `test_`.

    pytest collects a subclass whose name begins with `Test`; `check` needs no pytest.
    """

    @classmethod
    def properties(cls) -> list[str]:
        """The names of the properties, those of base classes first, in the order of the source."""
        names = [name for base in reversed(cls.__mro__) for name in vars(base)]
        return [name for name in dict.fromkeys(names) if name.startswith("test_")]

    def check(self) -> None:
        """Holds the option to one property after the other.

        Raises: AssertionError of the first that is broken: what was promised, and what came.
        """
        try:
            for name in self.properties():
                getattr(self, name)()
        finally:
            self.teardown_class()

    @classmethod
    def teardown_class(cls) -> None:
        """Forgets the values that the properties shared; pytest calls it."""
        _SHARED_VALUES.pop(cls, None)


def shared(make: Callable[[Any], Value]) -> Callable[[Any], Value]:
    """Lets the properties of a class share the value of a method that takes no arguments.

    It is computed once for each set of values that the instance's attributes have, so that a
    fixture which sets one of them makes another case; each time where these cannot be hashed.
    """

    @wraps(make)
    def make_once(self: Contract) -> Value:
        values = _SHARED_VALUES.setdefault(type(self), {})
        key = (make.__qualname__, *sorted(vars(self).items()))
        try:
            is_ready = key in values
        except TypeError:  # an attribute that cannot be hashed
            return make(self)
        if not is_ready:
            values[key] = make(self)
        return values[key]

    return make_once
