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
    fixture which sets one of them makes another case.
    """

    @wraps(make)
    def make_once(self: Contract) -> Value:
        values = _SHARED_VALUES.setdefault(type(self), {})
        attributes = dict(vars(self))
        key = (
            make.__qualname__,
            *((name, _hashable(attributes[name])) for name in sorted(attributes)),
        )
        if key not in values:
            values[key] = make(self), attributes  # which keeps those alive whose `id` is in the key
        return values[key][0]

    return make_once


def _hashable(value: Any) -> Hashable:
    """A key for a value: equal for equal lists and dicts, and for what cannot be hashed itself."""
    if isinstance(value, dict):
        return dict, *((key, _hashable(inner)) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return type(value), *map(_hashable, value)
    try:
        hash(value)
    except TypeError:
        return type(value), id(value)
    return value
