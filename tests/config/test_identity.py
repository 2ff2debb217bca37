import copy
import hashlib
import os

import pytest

from lepton.config import identity
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import COSMETIC_KEYS, run_folder, run_id
from lepton.config.model_kind import FITS_ITSELF
from lepton.errors import ConfigError
from lepton.groups import HEEDED_WITH

OVERRIDES = (
    "model=mlp",
    "regularization=[ema,early_stopping]",
    "scheduler=cosine",
    "optimizer=sgd",
)
HARMLESS_KEYS = {
    "study",
    "runs",
    "rerun",
    "logger",
    "evaluation",
    "choices",
    "overrides",
    "kind",
    "suggested",
    "data_identity",
}


@pytest.fixture(scope="module")
def config():
    return check(compose(*OVERRIDES))


def leaves(node, path=()):
    """The path of every value in nested mappings; an empty mapping is a value."""
    if not isinstance(node, dict) or not node:
        return [path]
    return [leaf for key, child in node.items() for leaf in leaves(child, (*path, key))]


def changed(config, path, value):
    """A copy with one value, named by its keys, set to another."""
    *parents, last = path
    node = result = copy.deepcopy(config)
    for key in parents:
        node = node[key]
    node[last] = value
    return result


def other(value):
    """A value that is not the one given."""
    if value == "lepton.model.mlp.MLP":
        return "lepton.model.linear.Linear"
    return {"new": value} if isinstance(value, dict) else f"not {value!r}"


def cosmetic(path):
    quiet = ("progress", "checkpoint_every")
    quiet_keys = (path[0] == "trainer" and path[1] in quiet) or path == ("dataset", "name")
    return path[0] in HARMLESS_KEYS or quiet_keys


def at(config, path):
    for key in path:
        config = config[key]
    return config


@pytest.mark.slow
def test_every_key_but_the_cosmetic_ones_changes_the_id(config):
    paths = [p for p in leaves(config) if not cosmetic(p) and p[0] not in HEEDED_WITH]
    assert len(paths) > 50
    ids = {p: run_id(changed(config, p, other(at(config, p)))) for p in paths}
    assert [".".join(p) for p, i in ids.items() if i == run_id(config)] == []
    assert len(set(ids.values())) == len(paths)


def test_no_cosmetic_key_changes_the_id(config):
    paths = [p for p in leaves(config) if cosmetic(p)]
    assert {p[0] for p in paths} >= HARMLESS_KEYS - {"kind"}  # which old configs alone hold
    assert set(COSMETIC_KEYS) == HARMLESS_KEYS
    for path in paths:
        assert run_id(changed(config, path, other(at(config, path)))) == run_id(config), path


def test_a_new_key_changes_the_id(config):
    assert run_id({**config, "new": None}) != run_id(config)


def test_neither_the_order_of_keys_nor_the_environment_changes_the_id(config, monkeypatch, here):
    def turned(node):
        if not isinstance(node, dict):
            return node
        return {key: turned(node[key]) for key in reversed(node)}

    monkeypatch.setenv("ANYTHING", "else")
    assert list(turned(config)) != list(config)
    assert run_id(turned(config)) == run_id(config)


def test_numbers_that_are_equal_may_differ_but_types_never_mix_silently(config):
    ids = {run_id({**config, "seed": seed}) for seed in (1, "1", True, None)}
    assert len(ids) == 4


def test_an_id_is_ten_hexadecimal_digits(config):
    assert len(run_id(config)) == 10
    assert int(run_id(config), 16) >= 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "override",
    [
        "optimizer=sgd",
        "optimizer.lr=0.5",
        "scheduler=cosine",
        "regularization=[ema,l1]",
        "trainer=cpu",
        "trainer.max_epochs=3",
        "batch_size=7",
    ],
)
def test_what_a_model_that_fits_itself_ignores_does_not_change_its_id(override):
    alone = "model=gradient_boosting"
    assert run_id(check(compose(alone, override))) == run_id(check(compose(alone)))
    assert run_id(check(compose(override))) != run_id(check(compose()))


@pytest.mark.slow
@pytest.mark.parametrize("key", ["linear_probe.strengths=[0.5]", "linear_probe.iterations=9"])
def test_what_fine_tuning_alone_heeds_changes_only_its_ids(key):
    assert run_id(check(compose(key))) == run_id(check(compose()))
    tuned = ("finetune=full", "model=mlp")
    assert run_id(check(compose(*tuned, key))) != run_id(check(compose(*tuned)))


@pytest.mark.parametrize("override", ["seed=3", "model.max_iter=7", "dataset.split_seed=5"])
def test_what_a_model_that_fits_itself_uses_changes_its_id(override):
    alone = "model=gradient_boosting"
    assert run_id(check(compose(alone, override))) != run_id(check(compose(alone)))


def test_the_groups_of_training_are_gone_where_a_model_fits_itself():
    config = check(compose("model=gradient_boosting"))
    assert all(config[group] is None for group in FITS_ITSELF.unheeded)


@pytest.fixture
def table(here):
    """Makes the id of a run on a file of the given name and text."""

    def table(name, text, test=None):
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        overrides = ["dataset=csv", "dataset.target=y", f"dataset.path='{path}'"]
        if test is not None:
            (here / "held.csv").write_text(test)
            overrides.append(f"dataset.test_path='{here / 'held.csv'}'")
        return run_id(check(compose(*overrides)))

    return table


@pytest.mark.slow
def test_the_content_of_a_data_file_is_the_identity_not_its_path_or_age(table, here):
    first = table("a.csv", "x,y\n1,0\n")
    assert table("elsewhere/b.csv", "x,y\n1,0\n") == first
    os.utime(here / "a.csv", (1, 1))
    assert table("a.csv", "x,y\n1,0\n") == first
    assert table("a.csv", "x,y\n1,1\n") != first


@pytest.mark.slow
def test_a_file_changed_in_place_within_one_process_is_another(table):
    ids = [table("a.csv", f"x,y\n{i},0\n") for i in range(5)]
    assert len(set(ids)) == 5


def test_the_test_file_belongs_to_the_identity(table):
    alone = table("a.csv", "x,y\n1,0\n")
    with_test_file = table("a.csv", "x,y\n1,0\n", test="x,y\n2,0\n")
    assert len({alone, with_test_file, table("a.csv", "x,y\n1,0\n", test="x,y\n3,0\n")}) == 3


def test_the_content_is_known_by_its_sha256(here):
    from lepton.config.identity import canonical_config

    (here / "a.csv").write_text("x,y\n1,0\n")
    config = check(compose("dataset=csv", "dataset.target=y", "dataset.path=a.csv"))
    expected = hashlib.sha256(b"x,y\n1,0\n").hexdigest()
    assert canonical_config(config)["dataset"]["path"] == expected
    assert config["dataset"]["path"] == "a.csv"


def test_a_folder_is_named_by_data_model_seed_and_id(config):
    folder = run_folder({**config, "runs": "here", "study": "s.1"})
    assert folder.parts[:2] == ("here", "s.1")
    assert folder.name == f"german_credit-{config['choices']['model']}-s0-{run_id(config)}"


@pytest.mark.parametrize(
    "study", ["", ".", "..", "../x", "a/b", "/tmp", "a b", "-a", ".a", "a\n", "ä", "a" * 101, "a\0"]
)
def test_a_study_that_is_no_plain_name_is_refused(config, study):
    with pytest.raises(ConfigError, match="is not a plain name"):
        run_folder({**config, "study": study})


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/b", "..", "a\0b", "a b"])
def test_no_name_of_an_option_leads_out_of_the_study(config, name):
    folder = run_folder({**config, "choices": {"model": name, "dataset": name}})
    assert folder.parent.parts == (config["runs"], config["study"])
    assert folder.parent.resolve() == folder.resolve().parent
    assert "\0" not in folder.name


def test_a_run_is_known_by_the_names_of_earlier_formats_and_by_no_other():
    config = check(compose("dataset=wine", "model=linear"))
    for version in range(1, identity.ID_FORMAT + 1):
        assert identity.is_run_name(config, f"wine-linear-s0-{identity.run_id(config, version)}")
    later = identity.run_id(config, identity.ID_FORMAT + 1)
    assert not identity.is_run_name(config, f"wine-linear-s0-{later}")
    other = check(compose("dataset=wine", "model=linear", "seed=1"))
    assert not identity.is_run_name(other, f"wine-linear-s0-{identity.run_id(config)}")
