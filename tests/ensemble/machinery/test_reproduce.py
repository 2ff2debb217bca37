"""An ensemble made again from its members, and who could join one, before anything is written."""

import json
import shutil

import pandas as pd
import pytest

from lepton import load_model
from lepton.commands.verify import verify
from lepton.errors import LeptonError
from tests.tampering import forget_digests


def spoil(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("binary", ("method=greedy", "max_members=3", "metric=auroc", "seed=2")),
        ("multiclass", ("method=stacking",)),
        ("soups", ("method=greedy_soup",)),
        ("folds", ("method=kfold",)),
    ],
)
def test_an_ensemble_comes_out_the_same_bit_for_bit_and_is_left_as_it_was(
    study, ensemble, lepton, here, name, overrides
):
    study(name)
    folder = ensemble(f"runs={name}", *overrides, "keep=true").folder
    before = {p: p.stat().st_mtime_ns for p in here.rglob("*")}
    code, output, _ = lepton("verify", str(folder))
    assert (code, len(output.splitlines())) == (0, 1), output
    assert "the same again, bit for bit" in output
    assert "every member's weight and every prediction" in output
    assert {p: p.stat().st_mtime_ns for p in here.rglob("*")} == before


@pytest.mark.slow
def test_an_ensemble_that_comes_out_otherwise_says_which_numbers_and_which_member(study, ensemble):
    first, *_ = study("binary")
    folder = forget_digests(ensemble("runs=binary", "method=mean", "keep=true").folder)
    path = first / "predictions" / "test.parquet"
    frame = pd.read_parquet(path)
    frame.assign(prediction=frame["prediction"] / 2).to_parquet(path)
    lines, same = verify(folder)
    output = "\n".join(lines)
    assert not same
    assert "predictions/test.parquet: differs by up to" in output
    assert "predictions/val.parquet" not in output
    assert "ensemble.json: scores" in output
    assert f"input: {first.name} was made again and predicts otherwise" in output
    frame.to_parquet(path)
    assert verify(folder)[1]
    spoil(folder / "result.json", lambda result: result["metrics"].update({"val/auroc": 0.0}))
    lines, same = verify(folder)
    assert not same
    assert "1 of 20 metrics, the most in val/auroc: 0.0, now" in lines[1]
    assert "combining the members is not deterministic" in lines[-1]


@pytest.mark.slow
def test_what_an_ensemble_lacks_to_be_made_again_is_a_line(study, ensemble):
    first, *_ = study("binary")
    folder = forget_digests(ensemble("runs=binary", "method=mean", "keep=true").folder)
    for change, message in (
        (
            lambda result: result["config"]["derived"]["settings"]["method"].update(odd=1),
            "method.odd: method=",
        ),
        (lambda result: result["config"]["derived"]["settings"].pop("folds"), "folds: missing"),
    ):
        stored = (folder / "result.json").read_text()
        spoil(folder / "result.json", change)
        with pytest.raises(LeptonError, match=message):
            verify(folder)
        (folder / "result.json").write_text(stored)
    shutil.rmtree(first)
    with pytest.raises(LeptonError, match=f"its input {first.name} is gone"):
        verify(folder)
    spoil(folder / "ensemble.json", lambda report: report.pop("pool"))
    with pytest.raises(LeptonError, match="does not say who could have become a member"):
        verify(folder)


@pytest.mark.slow
def test_files_of_an_ensemble_that_are_damaged_are_told(study, ensemble, lepton):
    study("binary")
    folder = forget_digests(ensemble("runs=binary", "method=mean", "keep=true").folder)
    (folder / "predictions" / "val.parquet").write_text("{")
    (folder / "environment.json").write_text("[1]")
    lines, same = verify(folder)
    assert not same
    assert lines[1:] == [
        "  predictions/val.parquet: cannot be read",
        "what is different:",
        "  environment.json cannot be read: versions are not known",
    ]
    for name, message in (
        ("ensemble.json", "damaged (ensemble.json lacks 'used'); rerun=true makes it again"),
        ("config.yaml", "config.yaml: not a config of lepton's"),
    ):
        content = (folder / name).read_bytes()
        (folder / name).write_text("{}" if name == "ensemble.json" else "null")
        if name == "ensemble.json":
            assert lepton("report", "binary", "--figure", "ensemble_weights_mean")[2].startswith(
                "lepton: --figure ensemble_weights_mean: no such figure"
            )
        with pytest.raises(LeptonError) as error:
            verify(folder) if name == "ensemble.json" else load_model(folder)
        assert message in str(error.value)
        (folder / name).write_bytes(content)


def test_a_member_whose_config_is_not_whole_is_left_out(study, ensemble):
    first, *_ = study("binary")
    spoil(first / "result.json", lambda result: result["config"].pop("task"))
    facts = ensemble("runs=binary", "method=mean", "keep=true").facts
    assert facts["skipped"] == [{"folder": str(first), "why": "damaged (its config lacks task)"}]


@pytest.mark.slow
def test_check_says_who_may_join_and_where_it_goes_and_writes_nothing(study, lepton, here):
    study("binary")
    shutil.copytree(here / "runs/binary", here / "runs/binary/old.failed")
    before = sorted(here.rglob("*"))
    arguments = ("ensemble", "runs=binary", "method=median", "keep=true")
    code, out, stderr = lepton("check", *arguments)
    assert (code, stderr) == (0, "")
    first, left_out, place = out.splitlines()
    assert first == "4 runs may become members, chosen by log_loss"
    assert left_out == "  left out  runs/binary/old.failed: failed"
    assert sorted(here.rglob("*")) == before
    assert lepton(*arguments)[0] == 0
    *_, finished = lepton("check", *arguments)[1].splitlines()
    assert finished == place.replace("to make ", "finished")
    assert (here / finished.split()[-1] / "result.json").is_file()
    code, out, stderr = lepton("check", "ensemble", "runs=binary", "method=meen")
    assert (code, out) == (2, "")
    assert stderr.startswith("lepton: method=meen: no such option")
