"""The table of groups, held to what it promises."""

from lepton.groups import REVISIONS, YOUNGER_KEYS, group_of


def test_within_a_group_a_younger_key_has_one_value_from_before():
    values = {}
    for name, keys in YOUNGER_KEYS.items():
        for key, value in keys.items():
            assert values.setdefault((group_of(name), key), value) == value


def test_a_revision_says_what_has_changed():
    assert all(changes and all(map(str.strip, changes)) for changes in REVISIONS.values())
