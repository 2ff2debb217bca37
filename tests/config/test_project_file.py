"""The pyproject.toml of a folder trusts what lies in the folder, and nothing else."""

import os
from pathlib import Path

import pytest

from lepton.config.project_file import own_packages
from lepton.config.trust import is_allowed
from lepton.errors import ConfigError

MODEL = "from torch import nn\n\n\nclass Net(nn.Linear):\n    pass\n"


@pytest.fixture
def elsewhere(tmp_path_factory):
    return tmp_path_factory.mktemp("elsewhere")


def write(allow):
    Path("pyproject.toml").write_text(f"[tool.lepton]\nallow = {allow}\n")


def test_a_package_and_a_module_that_lie_here_are_trusted_by_the_command(lepton, here):
    (here / "own_package").mkdir()
    (here / "own_module.py").write_text(MODEL)
    write('["own_package", "own_module"]')
    assert lepton("list", "model")[0] == 0
    assert is_allowed("own_package.net.Net")
    assert is_allowed("own_module.Net")
    assert not is_allowed("os.system")


@pytest.mark.parametrize(
    ("allow", "line"),
    [
        ('["os"]', "no folder os and no os.py here; what lies elsewhere is trusted by --allow os"),
        ('["json"]', "'json' is imported from "),
        ('["sys"]', "'sys' is imported from "),
        ('["torch"]', "'torch' is imported from "),
        ('["../x"]', "'../x' is no name of a package"),
        ('["json.decoder"]', "'json.decoder' is no name of a package"),
        ("[3]", "3 is no name of a package"),
        ('"json"', "a list of names is wanted"),
    ],
)
def test_what_lies_elsewhere_is_refused_in_a_line(lepton, here, allow, line):
    for name in ("json", "sys", "torch"):
        (here / name).mkdir()
        (here / name / "__init__.py").write_text("")
    write(allow)
    code, _, said = lepton("list", "model")
    assert code == 2
    assert said.startswith(f"lepton: pyproject.toml: tool.lepton.allow: {line}")
    assert said.count("\n") == 1
    assert not is_allowed("json.loads")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[tool.lepton\n", "pyproject.toml: is no TOML: "),
        ("tool = 3  # no tool.lepton\nx = ", "pyproject.toml: is no TOML: "),
        (f"x = {'[' * 5000}\n[tool.lepton]\n", "pyproject.toml: is no TOML: "),
        (f"[tool.lepton]\n{'#' * 2**20}", "pyproject.toml: longer than 1048576 bytes"),
        ("[tool]\nlepton = {alow = []}\n", "pyproject.toml: tool.lepton.alow: no such key"),
        ("[tool]\nlepton = 3\n", "pyproject.toml: tool.lepton.allow: a list of names is wanted"),
        ("[tool.lepton]\nalow = []\n", "pyproject.toml: tool.lepton.alow: no such key"),
    ],
)
def test_a_mistake_in_the_file_gets_a_line(lepton, here, text, line):
    Path("pyproject.toml").write_text(text)
    code, _, said = lepton("list", "model")
    assert (code, said.startswith(f"lepton: {line}"), said.count("\n")) == (2, True, 1)


def test_a_pipe_and_a_folder_of_that_name_trust_nothing(here):
    os.mkfifo("pyproject.toml")
    assert own_packages() == []
    Path("pyproject.toml").unlink()
    Path("pyproject.toml").mkdir()
    assert own_packages() == []


@pytest.mark.parametrize(
    "text", ["", "tool = 3  # tool.lepton\n", "[project\n", "[tool.ruff]\nline-length = 3\n"]
)
def test_a_file_that_says_nothing_of_lepton_is_left_alone(here, text):
    Path("pyproject.toml").write_text(text)
    assert own_packages() == []


@pytest.mark.parametrize(
    "text",
    [
        '[tool]\nlepton = {allow = ["own"]}\n',
        '[tool]\nlepton.allow = ["own"]\n',
        '[ tool . "lepton" ]\nallow = ["own"]\n',
        'tool.lepton.allow = ["own"]\n',
    ],
)
def test_every_way_in_which_toml_writes_the_table_is_read(here, text):
    (here / "own").mkdir()
    Path("pyproject.toml").write_text(text)
    assert own_packages() == ["own"]


def test_a_link_to_a_package_that_lies_elsewhere_is_refused(elsewhere, here, monkeypatch):
    foreign = elsewhere / "foreign"
    foreign.mkdir(parents=True)
    (foreign / "__init__.py").write_text("")
    Path("foreign").symlink_to(foreign)
    monkeypatch.syspath_prepend(str(here))
    write('["foreign"]')
    with pytest.raises(ConfigError, match=r"'foreign' is imported from .*elsewhere"):
        own_packages()


@pytest.mark.parametrize("order", [1, -1])
def test_a_package_of_which_a_part_lies_elsewhere_is_refused(elsewhere, here, monkeypatch, order):
    """Without `__init__.py` Python puts one together of all folders of that name."""
    foreign = elsewhere / "parted"
    foreign.mkdir(parents=True)
    (here / "parted").mkdir()
    for folder in (here, elsewhere)[::order]:
        monkeypatch.syspath_prepend(str(folder))
    write('["parted"]')
    with pytest.raises(ConfigError, match=r"'parted' is imported from .*elsewhere"):
        own_packages()
