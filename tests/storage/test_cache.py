"""The cache: an entry for each key and each set of versions, computed once."""

import json

from lepton.storage.cache import cached


def test_each_set_of_versions_has_entries_of_its_own(cache, upgrade):
    computed = []

    def entry(*computed_by):
        def compute():
            computed.append(computed_by)
            return json.dumps(len(computed)).encode()

        return cached("numbers", "key.json", compute, json.loads, computed_by=computed_by)

    assert [entry("torch"), entry("torch"), entry("torch", "peft"), entry()] == [1, 1, 2, 3]
    upgrade(torch="99")
    assert [entry("torch"), entry("torch"), entry("torch", "peft"), entry()] == [4, 4, 5, 3]
    upgrade(lepton_experiments="99")
    assert [entry("torch"), entry("torch", "peft"), entry(), entry()] == [6, 7, 8, 8]
    assert {path.suffix for path in (cache / "numbers").iterdir()} == {".json"}


def test_a_package_that_is_not_installed_is_a_version_too(cache, upgrade):
    def entry(content):
        return cached("numbers", "key", lambda: content, json.loads, computed_by=["peft"])

    upgrade(peft=None)
    assert [entry(b"1"), entry(b"2")] == [1, 1]
    upgrade(peft="1.0")
    assert entry(b"3") == 3
