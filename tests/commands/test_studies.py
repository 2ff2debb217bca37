"""`lepton studies`, `lepton show RUN` and `lepton list WORD` say what the stored files say."""

import json

import pytest
import yaml

from lepton import load
from lepton.config.options import CONF_DIR, find_options

WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2")


@pytest.mark.slow
def test_a_study_has_a_line_with_its_runs_data_and_best_by_validation(run_once, lepton):
    for seed in (0, 1):
        run_once(*WINE, f"seed={seed}")
    code, out, _ = lepton("studies")
    text = " ".join(out.split())
    best = load("default").sort_values("val/log_loss").iloc[0]
    assert code == 0
    assert f"val log_loss {best['val/log_loss']:.4f} (smaller is better)" in text
    assert best["run"] in text
    assert "2 finished" in text
    assert "wine" in text


@pytest.mark.parametrize("arguments", [("nowhere",), ("--all",), ("a", "b"), ()])
def test_mistakes_of_studies_are_one_line(here, lepton, arguments):
    code, _, err = lepton("studies", *arguments)
    assert (code, len(err.splitlines())) == (2, 1)


@pytest.mark.slow
def test_a_run_is_shown_with_its_metrics_words_files_and_how_to_predict(run_once, lepton):
    folder = run_once(*WINE, "seed=0")
    code, out, _ = lepton("show", str(folder))
    result = json.loads((folder / "result.json").read_text())
    assert code == 0
    assert f"{result['metrics']['test/accuracy']:.4f}" in out
    assert "given: dataset=wine model=mlp_small trainer.max_epochs=2 seed=0" in out
    usual = yaml.safe_load((CONF_DIR / "train.yaml").read_text())["suggested"]["max_epochs"]
    different = out.partition("not as by default:\n")[2].partition("files:")[0].splitlines()
    assert {line.strip() for line in different} == {
        "dataset=wine  instead of german_credit",
        "model=mlp_small  instead of tabm_small",
        f"trainer.max_epochs=2  instead of {usual}",
    }
    for path in folder.rglob("*.*"):
        assert path.relative_to(folder).as_posix() in out
    assert f"lepton predict {folder} new.csv --out predicted.csv" in out
    (folder / "result.json").unlink()
    code, _, err = lepton("show", str(folder))
    assert (code, "holds no finished run" in err) == (2, True)


def test_a_word_is_searched_in_names_keys_and_comments_of_all_options(lepton):
    code, out, _ = lepton("list", "smoother")
    hits = {
        f"{group}/{name}"
        for group, options in find_options().items()
        for name, path in options.items()
        if "smoother" in path.read_text().lower()
    }
    assert code == 0
    assert hits == {line.split()[0] for line in out.splitlines() if not line.startswith(" ")}
