"""The wheel: installed away from the checkout it carries its conf/ and trains from any folder."""

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from lepton.scaffold.template import template_files

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[1]
HYDRA_NEXT = "hydra-core==1.4.0rc3"
IN_PYTHON = """
from lepton import compose, load, train
result = train(compose("trainer=smoke", "seed=3", "study=python"))
assert list(load("runs/python").run) == [result.run], load("runs/python")
"""


def run(*arguments, cwd):
    process = subprocess.run(
        [*map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=600
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", out, REPOSITORY, cwd=out)
    return next(out.glob("*.whl"))


def test_wheel_and_sdist_say_that_lepton_is_annotated(wheel, tmp_path):
    assert "lepton/py.typed" in zipfile.ZipFile(wheel).namelist()
    build = (sys.executable, "-m", "build", "--sdist", "--no-isolation", "-o", tmp_path)
    run(*build, REPOSITORY, cwd=tmp_path)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as sdist:
        assert any(name.endswith("/lepton/py.typed") for name in sdist.getnames())


@pytest.fixture
def installed(wheel, tmp_path):
    """Commands of a fresh environment: lepton from the wheel, what it needs from this one."""
    venv.create(tmp_path / "venv", with_pip=False)
    paths = {"base": tmp_path / "venv", "platbase": tmp_path / "venv"}
    site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    packages = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "needed.pth").write_text("\n".join(packages))
    scripts = Path(sysconfig.get_path("scripts", "venv", vars=paths))
    pip_install(scripts, "--no-deps", "--no-index", wheel)
    path = run(scripts / "python", "-c", "import lepton; print(lepton.__file__)", cwd="/").strip()
    assert Path(path).is_relative_to(site)
    return scripts


def pip_install(scripts, *arguments):
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python", "install", "-q"]
    run(*pip, "--retries=1", *arguments, cwd="/")


def test_the_wheel_holds_every_yaml_of_the_checkout(wheel):
    packed = {n for n in zipfile.ZipFile(wheel).namelist() if n.startswith("lepton/conf/")}
    conf = list((REPOSITORY / "conf").rglob("*.yaml"))
    assert packed >= {f"lepton/{p.relative_to(REPOSITORY).as_posix()}" for p in conf}
    assert len(conf) > 40


def test_the_wheel_makes_the_project_of_the_checkout(installed, tmp_path):
    run(installed / "lepton", "new", "project", "credit", cwd=tmp_path)
    made = [path for path in (tmp_path / "credit").rglob("*") if path.is_file()]
    names = {path.relative_to(tmp_path / "credit").as_posix() for path in made}
    assert names == {name.replace("my_project", "credit") for name in template_files()}
    run(installed / "lepton", "check", "experiment=rings_baseline", cwd=tmp_path / "credit")


def test_the_wheel_trains_from_the_root_folder(installed, tmp_path):
    run(installed / "lepton", "train", "trainer=smoke", f"runs={tmp_path}/runs", cwd="/")
    assert len(list(tmp_path.glob("runs/default/*/result.json"))) == 1


def test_the_wheel_lists_the_same_options_as_the_checkout(installed):
    listing = run(sys.executable, "-m", "lepton", "list", cwd=REPOSITORY)
    assert run(installed / "lepton", "list", cwd="/") == listing
    assert "german_credit" in listing


def test_the_next_hydra_runs_sweeps_and_composes_in_python(installed, tmp_path):
    try:
        pip_install(installed, "--pre", "--ignore-installed", HYDRA_NEXT)
    except AssertionError as e:
        pytest.skip(f"{HYDRA_NEXT} cannot be installed here: {str(e).strip().splitlines()[-1]}")
    version = run(installed / "python", "-c", "import hydra; print(hydra.__version__)", cwd="/")
    assert version.startswith("1.4.")
    run(installed / "lepton", "train", "trainer=smoke", cwd=tmp_path)
    run(installed / "lepton", "train", "-m", "trainer=smoke", "seed=1,2", cwd=tmp_path)
    assert len(list(tmp_path.glob("runs/default/*/result.json"))) == 3
    run(installed / "python", "-c", IN_PYTHON, cwd=tmp_path)
