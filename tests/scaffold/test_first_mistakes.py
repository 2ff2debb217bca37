"""First mistakes in each file of a project: one line that names the class and what is right."""

import sys
from pathlib import Path

import pytest
import yaml

from lepton.config import lineage, signature
from lepton.scaffold.template import KINDS, TEMPLATE_DIR, template_files

SHORT = ("trainer=cpu", "trainer.max_epochs=1", "trainer.progress=false")
FILE = Path(__file__).with_name("first_mistakes.yaml")
MISTAKES = {f"{m['words']} {m['line'][:60]}": m for m in yaml.safe_load(FILE.read_text())}
OF_ENSEMBLES = [name for name, m in MISTAKES.items() if m["words"] == "ensemble"]
OF_RUNS = [name for name in MISTAKES if name not in OF_ENSEMBLES]
FIRST = [name for name in OF_RUNS if MISTAKES[name]["file"].endswith(".yaml")][:6]
CACHES = [  # of what classes say in source
    value
    for module in (lineage, signature)
    for value in vars(module).values()
    if hasattr(value, "cache_clear")
]
WHOLE = ("experiment=rings_baseline", "model=perceptron", "model=wide")  # that choose a model


@pytest.fixture
def project(lepton, here):
    """The command, in the project of the template."""
    for name in template_files():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text((TEMPLATE_DIR / name).read_text())
    forget()
    yield lepton
    forget()


def forget():
    """Has the project's modules imported and read anew."""
    for name in [name for name in sys.modules if name.split(".")[0] == "my_project"]:
        del sys.modules[name]
    for function in CACHES:
        function.cache_clear()


def make_mistake(mistake):
    (path,) = [path for path in Path().rglob(mistake["file"]) if "tests" not in path.parts]
    text = path.read_text()
    for old, new in mistake["replace"].items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_RUNS)
def test_a_first_mistake_gets_a_line_that_says_what_is_right(project, name):
    mistake = MISTAKES[name]
    make_mistake(mistake)
    data = () if "experiment" in mistake["words"] else ("dataset=rings",)
    model = () if mistake["words"] in WHOLE else ("model=wide",)
    code, _, said = project("train", *data, *model, mistake["words"], *SHORT)
    assert code == 2
    assert "Traceback" not in said
    assert any(mistake["line"] in line for line in said.splitlines()), said
    assert not list(Path().glob("runs/*/*/result.json"))


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_ENSEMBLES)
def test_weights_of_an_ensemble_method_are_held_to_what_they_are(project, name):
    words = ("dataset=rings", "model=linear", "seed=0,1", "study=two", *SHORT)
    assert project("train", "-m", *words)[0] == 0
    make_mistake(MISTAKES[name])
    code, _, said = project("ensemble", "runs=two", "method=best_member", "keep=true")
    assert (code, said) == (2, f"lepton: method: {MISTAKES[name]['line']}\n")


def test_every_kind_of_option_has_mistakes_that_are_tried():
    files = {Path(mistake["file"]).stem for mistake in MISTAKES.values()}
    assert files == {kind.option for kind in KINDS.values()}
