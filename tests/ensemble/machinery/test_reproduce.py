"""An ensemble made again from its members, and who could join one, before anything is written."""

import json
import shutil

import pandas as pd
import pytest

from lepton import load_model
from lepton.commands.verify import verify
from lepton.errors import LeptonError


def spoil(path, change):
    known = json.loads(path.read_text())
    change(known)
    path.write_text(json.dumps(known))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("binary", ("method=greedy", "max_members=3", "metric=auroc", "seed=2")),
        ("multiclass", ("method=stacking",)),
        ("soups", ("method=greedy_soup",)),
        ("folds", ("method=kfold",)),
    ],
)
def test_an_ensemble_comes_out_the_same_bit_for_bit_and_is_left_as_it_was(
    study, ensemble, lepton, here, name, words
):
    study(name)
    folder = ensemble(f"runs={name}", *words, "keep=true").folder
    before = {p: p.stat().st_mtime_ns for p in here.rglob("*")}
    code, said, _ = lepton("verify", str(folder))
    assert (code, len(said.splitlines())) == (0, 1), said
    assert "the same again, bit for bit" in said
    assert "every member's weight and every prediction" in said
    assert {p: p.stat().st_mtime_ns for p in here.rglob("*")} == before


def test_an_ensemble_that_comes_out_otherwise_says_which_numbers_and_which_member(study, ensemble):
    first, *_ = study("binary")
    folder = ensemble("runs=binary", "method=mean", "keep=true").folder
    path = first / "predictions" / "test.parquet"
    frame = pd.read_parquet(path)
    frame.assign(prediction=frame["prediction"] / 2).to_parquet(path)
    lines, same = verify(folder)
    said = "\n".join(lines)
    assert not same
    assert "predictions/test.parquet: differs by up to" in said
    assert "predictions/val.parquet" not in said
    assert "ensemble.json: scores" in said
    assert f"member: {first.name} was trained again and predicts otherwise" in said
    frame.to_parquet(path)
    assert verify(folder)[1]
    spoil(folder / "result.json", lambda known: known["metrics"].update({"val/auroc": 0.0}))
    lines, same = verify(folder)
    assert not same
    assert "1 of 20 metrics, the most in val/auroc: 0.0, now" in lines[1]
    assert "combining the members is not deterministic" in lines[-1]


def test_what_an_ensemble_lacks_to_be_made_again_is_a_line(study, ensemble):
    first, *_ = study("binary")
    folder = ensemble("runs=binary", "method=mean", "keep=true").folder
    for change, said in (
        (lambda known: known["config"]["ensemble"]["method"].update(odd=1), "method.odd: method="),
        (lambda known: known["config"]["ensemble"].pop("folds"), "does not say 'folds'"),
    ):
        kept = (folder / "result.json").read_text()
        spoil(folder / "result.json", change)
        with pytest.raises(LeptonError, match=said):
            verify(folder)
        (folder / "result.json").write_text(kept)
    shutil.rmtree(first)
    with pytest.raises(LeptonError, match=f"its member {first.name} is gone"):
        verify(folder)
    spoil(folder / "ensemble.json", lambda known: known.pop("pool"))
    with pytest.raises(LeptonError, match="does not say who could have become a member"):
        verify(folder)


def test_files_of_an_ensemble_that_are_damaged_are_told(study, ensemble, lepton):
    study("binary")
    folder = ensemble("runs=binary", "method=mean", "keep=true").folder
    (folder / "predictions" / "val.parquet").write_text("{")
    (folder / "environment.json").write_text("[1]")
    lines, same = verify(folder)
    assert not same
    assert lines[1:] == [
        "  predictions/val.parquet: cannot be read",
        "what is different:",
        "  environment.json cannot be read: versions are not known",
    ]
    for name, said in (
        ("ensemble.json", "damaged (ensemble.json lacks 'used'); rerun=true makes it again"),
        ("config.yaml", "config.yaml: not a config of lepton's"),
    ):
        kept = (folder / name).read_bytes()
        (folder / name).write_text("{}" if name == "ensemble.json" else "null")
        assert lepton("report", "binary", "--figure", "ensemble_weights_mean")[2].startswith(
            "lepton: --figure ensemble_weights_mean: no such figure"
        )
        with pytest.raises(LeptonError) as error:
            verify(folder) if name == "ensemble.json" else load_model(folder)
        assert said in str(error.value)
        (folder / name).write_bytes(kept)


def test_a_member_whose_config_is_not_whole_is_left_out(study, ensemble):
    first, *_ = study("binary")
    spoil(first / "result.json", lambda known: known["config"].pop("task"))
    facts = ensemble("runs=binary", "method=mean", "keep=true").facts
    assert facts["skipped"] == [{"folder": str(first), "why": "damaged (its config lacks task)"}]


def test_check_says_who_may_join_and_where_it_goes_and_writes_nothing(study, lepton, here):
    study("binary")
    shutil.copytree(here / "runs/binary", here / "runs/binary/old.failed")
    before = sorted(here.rglob("*"))
    words = ("ensemble", "runs=binary", "method=median", "keep=true")
    code, out, said = lepton("check", *words)
    assert (code, said) == (0, "")
    first, left_out, place = out.splitlines()
    assert first == "4 runs may become members, chosen by log_loss"
    assert left_out == "  left out  runs/binary/old.failed: failed"
    assert sorted(here.rglob("*")) == before
    assert lepton(*words)[0] == 0
    *_, made = lepton("check", *words)[1].splitlines()
    assert made == place.replace("to make ", "finished")
    assert (here / made.split()[-1] / "result.json").is_file()
    code, out, said = lepton("check", "ensemble", "runs=binary", "method=meen")
    assert (code, out) == (2, "")
    assert said.startswith("lepton: method=meen: no such option")
