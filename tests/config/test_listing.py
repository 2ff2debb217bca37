import re

import pytest
import yaml
from omegaconf import OmegaConf

from lepton import compose
from lepton.commands import list as list_command
from lepton.config.listing import describe_options, first_comment
from lepton.config.options import CONF_DIR, find_options
from lepton.errors import LeptonError

GROUPS = sorted(
    {p.parent.relative_to(CONF_DIR).as_posix() for p in CONF_DIR.rglob("*.yaml")} - {"."}
)
LISTED = [p for p in sorted(CONF_DIR.rglob("*/*.yaml")) if not p.stem.startswith("_")]


def test_there_is_much_to_list():
    assert len(GROUPS) > 8
    assert len(LISTED) > 50


def test_all_groups_are_listed_with_all_their_options(here):
    lines_by_group = {
        section.splitlines()[0]: section.splitlines()[1:]
        for section in describe_options().split("\n\n")
    }
    assert lines_by_group.pop("keys")
    assert sorted(lines_by_group) == GROUPS
    for group, lines in lines_by_group.items():
        files = {p.stem for p in (CONF_DIR / group).glob("*.yaml") if not p.stem.startswith("_")}
        assert {line.split()[0] for line in lines} == files


@pytest.mark.parametrize("path", LISTED, ids=lambda p: p.stem)
def test_every_option_says_in_a_line_what_it_is(path):
    assert len(first_comment(path)) > 10
    assert not first_comment(path).startswith(("@package", "#"))


@pytest.mark.parametrize("path", LISTED, ids=lambda p: p.stem)
def test_every_option_shows_its_keys_values_and_comments(path, here):
    group = path.parent.relative_to(CONF_DIR).as_posix()
    text = describe_options(f"{group}/{path.stem}")
    assert path.read_text().rstrip() in text
    content = yaml.safe_load(path.read_text()) or {}
    for name in content.get("defaults", []):
        if isinstance(name, str) and name != "_self_":
            file = path.parent / f"{name.partition('@')[0]}.yaml"
            assert file.read_text().rstrip() in text


@pytest.mark.parametrize("name", ["model/mlp", "model=mlp"])
def test_an_option_is_named_with_a_slash_or_as_on_the_command_line(name, here):
    assert "_target_: lepton.model.mlp.MLP" in describe_options(name)


def test_several_words_are_described_one_after_the_other(here):
    assert (
        describe_options("model", "optimizer")
        == f"{describe_options('model')}\n\n{describe_options('optimizer')}"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("modle", "modle: no such group; did you mean 'model'?"),
        ("xyzzy", "xyzzy: no such group (groups: adv"),
        ("model/mpl", "model=mpl: no such option; did you mean 'mlp'?"),
        ("model=", "model=: no such option"),
        ("", ": no such group"),
        ("/", "/: no such group"),
        ("../conf/model", "../conf/model: no such group"),
        ("model/../model/mlp", "model/../model/mlp: no such group"),
        ("dataset/_table", "dataset=_table: no such option"),
        ("--foo", "--foo: no such group"),
    ],
)
def test_what_is_not_there_is_told(name, message, here):
    with pytest.raises(LeptonError) as e:
        describe_options(name)
    assert str(e.value).startswith(message)


@pytest.fixture
def write(here):
    def write(name, content):
        path = here / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return write


def test_a_users_options_are_listed_beside_leptons(write):
    write("model/mine", b"# Mine.\nwidth: 3  # units\n")
    write("dataset/stocks", b"# Stocks.\ndefaults: [_table, _self_]\n")
    assert "  mine  " in describe_options("model")
    assert describe_options("model/mine") == "# Mine.\nwidth: 3  # units"
    assert "split_seed:" in describe_options("dataset/stocks")
    assert list(find_options()["model"])[-1] == "mine"


@pytest.mark.parametrize(
    "content", [b"", b"# x\na: : b\n", b"- a\n", b"abc\n", b"a: \xff\n", b"a: !!python/name:os.x\n"]
)
def test_an_option_that_cannot_be_used_is_still_shown(write, content):
    write("model/odd", content)
    assert "  odd" in describe_options("model")
    assert describe_options("model/odd") == content.decode(errors="replace").rstrip()


def test_keys_of_no_option_are_listed_with_values_and_comments(here):
    composed = compose()
    keys = describe_options().partition("\nkeys\n")[2].splitlines()
    listed = dict(line.split(maxsplit=1)[0].split("=", 1) for line in keys)
    for key, value in listed.items():
        if not value.startswith(("[", "$")):
            assert OmegaConf.select(composed, key) == yaml.safe_load(value), key
    own = {"study", "runs", "rerun", "seed", "batch_size", "init_from", "forgetting"}
    assert own | {f"task.{key}" for key in composed.task if key != "_target_"} <= listed.keys()
    assert all(len(line.split(maxsplit=1)[1]) > 10 for line in keys)
    assert "task.class_weights=null" in describe_options("task")
    assert "seed=0" in describe_options("seed")


@pytest.mark.parametrize("words", re.findall(r"^  lepton list(.*)$", list_command.__doc__, re.M))
def test_the_examples_of_its_help_find_something(lepton, words):
    code, out, errors = lepton("list", *words.split())
    assert (code, errors) == (0, "")
    assert len(out.splitlines()) > 1


def test_a_word_that_nothing_has_is_told_to_have_been_searched(lepton):
    code, _, errors = lepton("list", "zymurgy")
    assert code == 2
    assert errors.startswith("lepton: zymurgy: no such group (groups: ")
    assert errors.endswith("), and no option, key or comment has that word\n")
