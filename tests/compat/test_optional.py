"""Packages that lepton can do without, and the extras that install them."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from lepton.compat.optional import EXTRAS, how_to_install, import_optional
from lepton.errors import LeptonError

ROOT = Path(__file__).parents[2]
PACKAGES = {  # where it is not the module's name
    **{"PIL": "pillow", "mlflow": "mlflow-skinny", "xgboost": "xgboost-cpu"},
    "imblearn": "imbalanced-learn",
}


def test_a_package_that_is_there_is_imported():
    assert import_optional("json.tool", needed_by="x") is sys.modules["json.tool"]


@pytest.mark.parametrize("module", ["ray", "ray.data"])
def test_a_package_that_is_not_installed_is_told_with_its_extra(monkeypatch, module):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LeptonError) as error:
        import_optional(module, needed_by="hydra/launcher=ray")
    assert str(error.value) == (
        "hydra/launcher=ray: needs Ray; pip install 'lepton-experiments[cluster]'"
    )


def test_a_package_that_cannot_be_imported_is_told_with_the_reason(monkeypatch, tmp_path):
    (tmp_path / "peft.py").write_text("from json import nothing_like_it")
    monkeypatch.delitem(sys.modules, "peft", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LeptonError) as error:
        import_optional("peft", needed_by="finetune")
    start, end = "finetune: needs peft (", "); pip install 'lepton-experiments[finetune]'"
    assert re.fullmatch(f"{re.escape(start)}.*nothing_like_it.*{re.escape(end)}", str(error.value))


def test_what_comes_with_lepton_needs_no_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(LeptonError, match=r"^x: needs scipy; pip install lepton-experiments$"):
        import_optional("scipy", needed_by="x")


def test_each_extra_installs_the_package_and_is_one_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {
        extra: {Requirement(text).name for text in texts}
        for extra, texts in project["optional-dependencies"].items()
    }
    for module, extra in EXTRAS.items():
        package = PACKAGES.get(module, module)
        assert package in extras[extra], f"the extra {extra} does not install {package}"
        assert package not in {Requirement(text).name for text in project["dependencies"]}
    assert how_to_install("track").endswith("'lepton-experiments[track]'")
    assert "track" in extras


def test_no_other_module_says_how_to_install_an_extra():
    paths = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "lepton").rglob("*.py"))
        if "lepton-experiments[" in path.read_text()
    ]
    assert paths == ["lepton/compat/optional.py"]
