"""The template of a project is what the docs show, and holds what its kinds say."""

import re

import pytest
import yaml

from lepton.groups import GROUPS
from lepton.scaffold.template import KINDS, PACKAGE, TEMPLATE_DIR, filled, template_files
from tests.test_docs import OWN_FILES

SHOWN = ("conf/", f"{PACKAGE}/", "tests/", "pyproject.toml")


def test_the_docs_show_every_file_of_the_template_as_it_is():
    texts = {name: (TEMPLATE_DIR / name).read_text() for name in template_files()}
    shown = {name: text for name, text in texts.items() if name.startswith(SHOWN)}
    assert len(shown) == 32
    assert {name: OWN_FILES.get(name) for name in shown} == shown


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_has_its_yaml_its_test_and_the_module_that_the_yaml_names(name):
    kind = KINDS[name]
    option = yaml.safe_load((TEMPLATE_DIR / kind.files[0]).read_text())
    if kind.group in GROUPS:
        node = option[kind.option] if GROUPS[kind.group].several else option
        module = node["_target_"].rpartition(".")[0].replace(".", "/")
        assert kind.files[1] == f"{module}.py"
    assert kind.files[-1] == f"tests/test_{kind.option}.py"


def test_every_file_of_conf_and_every_test_belongs_to_a_kind():
    of_kinds = {file for kind in KINDS.values() for file in kind.files}
    others = {name for name in template_files() if name not in of_kinds and "/" in name}
    assert others == {".github/workflows/ci.yml", f"{PACKAGE}/__init__.py", "tests/conftest.py"}


def test_the_readme_of_a_project_names_every_option_and_file():
    readme = (TEMPLATE_DIR / "README.md").read_text()
    assert set(re.findall(r"`(my_project/\w+\.py)`", readme)) == {
        file for kind in KINDS.values() for file in kind.files if file.startswith(PACKAGE)
    }
    assert {
        re.split("[= ]", word)[-1] for word in re.findall(r"^\|[^|]*\| `(.*?)` \|", readme, re.M)
    } == {kind.option for kind in KINDS.values()}


def test_no_file_of_a_project_speaks_of_the_template():
    for name, text in filled(template_files(), {PACKAGE: "credit"}).items():
        assert PACKAGE not in name + text
