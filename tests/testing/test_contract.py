"""What all contracts are: properties in their order, and what these share."""

import re
from pathlib import Path

import pytest

import lepton
from lepton.testing.contract import Contract, shared


class Numbers(Contract):
    number = 2

    def __init__(self):
        self.calls = []

    def test_it_is_even(self):
        self.calls.append("even")
        assert self.number % 2 == 0, f"{self.number} must be even"

    def test_it_is_small(self):
        self.calls.append("small")
        assert self.number < 10, f"{self.number} must be below 10"

    def helper(self):
        raise NotImplementedError


class Positive(Numbers):
    def test_it_is_positive(self):
        self.calls.append("positive")
        assert self.number > 0, f"{self.number} must be positive"


def test_properties_come_in_the_order_of_writing_and_the_bases_first():
    assert Positive.properties() == ["test_it_is_even", "test_it_is_small", "test_it_is_positive"]
    contract = Positive()
    contract.check()
    assert contract.calls == ["even", "small", "positive"]


def test_check_says_which_property_is_broken_first():
    contract = Positive()
    contract.number = 13
    with pytest.raises(AssertionError, match="13 must be even"):
        contract.check()
    contract.number = 14
    with pytest.raises(AssertionError, match="14 must be below 10"):
        contract.check()


class Sharing(Contract):
    computed = 0
    option: object = "first"

    @shared
    def costly(self):
        """What it costs."""
        Sharing.computed += 1
        return self.option, Sharing.computed

    def test_one(self):
        assert self.costly() == (self.option, 1)

    def test_two(self):
        assert self.costly() == (self.option, 1)


@pytest.fixture(autouse=True)
def nothing_computed():
    Sharing.computed = 0
    yield
    Sharing.teardown_class()


def test_properties_share_what_is_computed_once():
    Sharing().test_one()
    Sharing().test_two()  # pytest makes an instance for each
    assert Sharing.computed == 1


def test_equal_lists_share_and_other_values_do_not():
    for option, expected in (([1, {"a": [2]}], 1), ([1, {"a": [2]}], 1), ([1, {"a": [3]}], 2)):
        sharing = Sharing()
        sharing.option = option
        assert sharing.costly() == (option, expected)
    assert Sharing.costly.__doc__ == "What it costs."


def test_another_attribute_of_the_instance_is_another_case():
    first, second = Sharing(), Sharing()
    second.option = "second"
    assert first.costly() == ("first", 1)
    assert second.costly() == ("second", 2)
    assert first.costly() == ("first", 1)


def test_what_cannot_be_hashed_is_told_apart_by_identity():
    for option in ({"a"}, {"a"}):
        contract = Sharing()
        contract.option = option
        assert contract.costly() == contract.costly()
    assert Sharing.computed == 2


def test_what_was_shared_ends_with_the_class_and_with_check():
    Sharing().check()
    assert Sharing().costly() == ("first", 2)
    Sharing.teardown_class()
    assert Sharing().costly() == ("first", 3)


def test_a_subclass_shares_nothing_with_its_base():
    class Other(Sharing):
        pass

    Sharing().costly()
    assert Other().costly() == ("first", 2)
    Other.teardown_class()


def test_no_module_of_lepton_imports_pytest():
    imports = re.compile(r"^\s*(import|from) _?pytest\b", re.MULTILINE)
    paths = [*Path(lepton.__file__).parent.rglob("*.py")]
    assert imports.search(Path(__file__).read_text())
    assert [path for path in paths if imports.search(path.read_text())] == []
