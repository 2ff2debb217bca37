"""An ensemble from the command to its folder: what it holds, and what cannot be one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from lepton import build, load, load_model
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.derived.inputs import find_inputs, read_input
from lepton.ensemble.machinery.pool import make_pool
from lepton.errors import ConfigError, LeptonError
from lepton.metric.scoring import score
from lepton.storage.predictions import predictions_from_frame
from tests.ensemble.conftest import SMALL, STUDIES, compose_ensemble
from tests.quick import quick_rows
from tests.tampering import forget_digests

METHODS = {  # those that do something of their own for a task
    "binary": ("mean", "geometric_mean", "median", "vote", "weighted", "greedy", "stacking"),
    "multiclass": ("geometric_mean", "vote", "stacking"),
    "multilabel": ("geometric_mean", "stacking"),
    "regression": ("median", "stacking", "weighted", "geometric_mean", "vote"),
}
QUICK_METHODS = [
    *[("binary", "greedy"), ("binary", "vote"), ("multiclass", "stacking")],
    *[("multilabel", "geometric_mean"), ("regression", "median"), ("regression", "vote")],
]
QUICK = ("keep=true",)
FILES = {"config.yaml", "overrides.yaml", "environment.json", "result.json", "spec.json", "log.txt"}
FILES |= {"history.parquet", "members.parquet", "ensemble.json", "predictions", "SHA256SUMS"}


def raw(task):
    overrides = STUDIES[task][0]
    return build.data(check(compose(*SMALL, *overrides))).read()[0]


@pytest.mark.parametrize(
    ("task", "method"), quick_rows([(t, m) for t in METHODS for m in METHODS[t]], *QUICK_METHODS)
)
def test_every_method_makes_a_run_that_predicts_what_it_was_scored_by(
    study, ensemble, task, method
):
    study(task)
    if task == "regression" and method in ("geometric_mean", "vote"):
        with pytest.raises(ConfigError, match=f"method: {method} needs classes"):
            ensemble(f"runs={task}", f"method={method}", *QUICK)
        return
    folder = ensemble(f"runs={task}", f"method={method}", *QUICK).folder
    assert {path.name for path in folder.iterdir()} - {"stack.skops"} == FILES
    result = json.loads((folder / "result.json").read_text())
    for split in ("val", "test"):
        frame = pd.read_parquet(folder / "predictions" / f"{split}.parquet")
        rows = predictions_from_frame(frame)
        scored = score(rows.prediction, rows.target, task=task)
        stored = {k: v for k, v in result["metrics"].items() if k.startswith(split)}
        assert stored == pytest.approx({f"{split}/{k}": v for k, v in scored.items()}, rel=1e-12)
    test = frame.set_index("id")
    predicted = load_model(folder).predict_raw(raw(task).loc[test.index])
    expected = test[predicted.columns]
    pd.testing.assert_frame_equal(predicted, expected, check_names=False, rtol=0, atol=1e-5)
    row = load(folder.parent).set_index("run").loc[folder.name]
    assert (row["model"], row["ensemble"]) == (f"ensemble_{method}", method)
    assert row["test/log_loss" if task != "regression" else "test/rmse"] == pytest.approx(
        scored["log_loss" if task != "regression" else "rmse"]
    )


@pytest.mark.slow
def test_the_mean_is_that_of_the_stored_predictions(study, ensemble, stored):
    folders = study("binary")
    folder = ensemble("runs=binary", "method=mean", *QUICK).folder
    for split in ("val", "test"):
        mean = np.mean([stored(member, split)[0] for member in folders], axis=0)
        np.testing.assert_allclose(stored(folder, split)[0], mean, rtol=1e-6)
        np.testing.assert_array_equal(stored(folder, split)[1], stored(folders[0], split)[1])


@pytest.mark.slow
def test_runs_that_learned_other_quantiles_are_scored_by_what_means_the_same_in_all(run):
    def inputs(*levels):
        words = (*SMALL, "dataset.classes=0", "model=linear", "loss=quantile")
        return [read_input(run(*words, f"loss.level={level}")) for level in levels]

    assert make_pool(inputs(0.2), None, across_folds=False).scorer.metric == "pinball"
    with pytest.raises(ConfigError, match="differ in their settings of the metric 'pinball'"):
        make_pool(inputs(0.2, 0.8), None, across_folds=False)
    assert len(make_pool(inputs(0.2, 0.8), "rmse", across_folds=False)) == 2


@pytest.mark.slow
def test_the_same_ensemble_asked_twice_is_read(study, ensemble, caplog):
    study("binary")
    first = ensemble("runs=binary", "method=greedy", *QUICK)
    times = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    caplog.set_level("INFO", logger="lepton")
    again = ensemble('runs="runs/binary/*"', "method=greedy")
    assert again.folder == first.folder
    assert again.facts == first.facts
    assert "is finished" in caplog.text
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")} == times
    assert ensemble("runs=binary", "method=greedy", "seed=1", *QUICK).folder != first.folder
    assert ensemble("runs=binary", "method=greedy", "rerun=true", *QUICK).folder == first.folder
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")} != times


@pytest.mark.slow
def test_targets_of_the_test_split_choose_nothing(study, ensemble):
    folders = study("binary")
    before = ensemble("runs=binary", "method=greedy", "study=a", *QUICK)
    for folder in folders:
        path = folder / "predictions" / "test.parquet"
        frame = pd.read_parquet(path)
        frame.assign(target=1 - frame["target"]).to_parquet(path)
    after = ensemble("runs=binary", "method=greedy", "study=b", *QUICK)
    assert after.members.equals(before.members)
    assert after.facts["scores"]["test/auroc"] != before.facts["scores"]["test/auroc"]


@pytest.mark.slow
def test_an_ensemble_that_does_not_help_is_told_and_kept_only_if_asked(study, lepton, fake, stored):
    member, *others = study("binary")
    for other in others:
        shutil.rmtree(other)
    target = stored(member, "val")[1]
    fake(member, "right", val=np.where(target == 1, 0.9, 0.1))
    fake(member, "wrong", val=np.where(target == 1, 0.1, 0.9))
    shutil.rmtree(member)
    before = sorted(Path("runs").rglob("*"))
    code, out, _ = lepton("ensemble", "runs=binary", "method=mean")
    assert (code, sorted(Path("runs").rglob("*"))) == (0, before)
    assert (
        "does not beat its best member on validation: val log_loss 0.6931 against 0.1054 of right"
        in out
    )
    assert "nothing was kept; keep=true keeps it" in out
    code, out, _ = lepton("ensemble", "runs=binary", "method=mean", "keep=true")
    assert (code, len(list(Path("runs/binary").glob("*ensemble_mean*")))) == (0, 1)
    assert "does not beat" in out


@pytest.mark.slow
def test_members_are_named_with_weights_in_the_config_and_paths_move_with_the_runs(
    study, ensemble, here
):
    folders = study("binary")
    summary = ensemble("runs=binary", "method=mean", "max_members=3", *QUICK)
    members = yaml.safe_load((summary.folder / "config.yaml").read_text())["ensemble"]["members"]
    assert [m["weight"] for m in members] == [pytest.approx(1 / 3)] * 3
    assert {m["run"] for m in members} < {folder.name for folder in folders}
    frame = raw("binary")
    before = load_model(summary.folder).predict_raw(frame)
    (here / "runs").rename(here / "moved")
    moved = Path("moved", *summary.folder.parts[1:])
    assert load_model(moved).predict_raw(frame).equals(before)
    shutil.rmtree(moved.with_name(members[0]["run"]))
    with pytest.raises(LeptonError, match=f"its input {members[0]['run']} is gone") as e:
        load_model(moved)
    assert len(str(e.value).splitlines()) == 1


@pytest.mark.slow
def test_a_member_that_was_trained_again_and_predicts_otherwise_is_told(study, ensemble):
    folders = study("binary")
    summary = ensemble("runs=binary", "method=mean", *QUICK)
    path = folders[0] / "predictions" / "test.parquet"
    frame = pd.read_parquet(path)
    frame.assign(prediction=frame["prediction"] / 2).to_parquet(path)
    with pytest.raises(LeptonError, match=f"{folders[0].name} was made again"):
        load_model(summary.folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stack.skops", "spec.json", "config.yaml"])
def test_a_file_of_an_ensemble_that_is_gone_or_wrong_is_told_in_a_line(study, ensemble, name):
    study("binary")
    folder = ensemble("runs=binary", "method=stacking", *QUICK).folder
    path = folder / name
    path.unlink() if name != "config.yaml" else path.write_text("ensemble: {kind: predictions}")
    with pytest.raises(LeptonError) as e:
        load_model(folder)
    assert str(e.value).startswith(str(folder))
    assert len(str(e.value).splitlines()) == 1


@pytest.mark.slow
def test_an_ensemble_whose_report_is_damaged_is_told_and_made_again(study, ensemble):
    study("binary")
    summary = ensemble("runs=binary", "method=mean", *QUICK)
    (forget_digests(summary.folder) / "ensemble.json").write_text("{")
    with pytest.raises(LeptonError, match="rerun=true makes it again"):
        ensemble("runs=binary", "method=mean", *QUICK)
    assert ensemble("runs=binary", "method=mean", "rerun=true", *QUICK).facts == summary.facts


@pytest.mark.slow
def test_folds_are_joined_by_the_rows_that_they_did_not_train_on(study, ensemble, stored):
    folders = [f for f in study("folds") if "linear" in f.name]
    summary = ensemble('runs="runs/folds/*linear*"', "method=kfold")
    tests = pd.concat([pd.read_parquet(f / "predictions" / "test.parquet") for f in folders])
    vals = pd.concat([pd.read_parquet(f / "predictions" / "val.parquet") for f in folders])
    assert sorted(tests["id"]) == list(range(250))
    expected = tests.set_index("id").sort_index()["prediction"]
    np.testing.assert_allclose(stored(summary.folder, "test")[0], expected, rtol=1e-6)
    expected = vals.groupby("id")["prediction"].mean()
    assert expected.size < len(vals)
    np.testing.assert_allclose(stored(summary.folder, "val")[0], expected, rtol=1e-6)
    frame = raw("folds").iloc[:20]
    predictions = [load_model(folder).predict_raw(frame)["prediction"] for folder in folders]
    predicted = load_model(summary.folder).predict_raw(frame)["prediction"]
    np.testing.assert_allclose(predicted, np.mean(predictions, axis=0), rtol=1e-6)


@pytest.mark.slow
def test_settings_are_stacked_on_joined_folds_and_predict(study, ensemble):
    study("folds")
    overrides = ("method=stacking", "method.learns_from=out_of_fold")
    summary = ensemble("runs=folds", *overrides, *QUICK)
    assert summary.facts["considered"] == 2
    assert json.loads((summary.folder / "result.json").read_text())["rows"]["test"] == 250
    predicted = load_model(summary.folder).predict_raw(raw("folds").iloc[:5])["prediction"]
    assert predicted.between(0, 1).all()


@pytest.mark.slow
def test_validation_folds_are_joined_by_any_method_and_a_test_row_has_the_mean_of_their_models(
    study, ensemble, stored
):
    folders = study("val_folds")
    summary = ensemble("runs=val_folds", "method=greedy", *QUICK)
    assert (summary.facts["considered"], summary.facts["scored"]) == (2, "crossed")
    weights = dict(zip(summary.members["run"], summary.members["weight"], strict=True))
    tests, vals = 0, 0
    for model in ("linear", "mlp_small"):
        own = [f for f in folders if f"-{model}-" in f.name]
        (weight,) = [weights[f.name] for f in own if f.name in weights]
        tests += weight * np.mean([stored(f, "test")[0] for f in own], axis=0)
        val = [pd.read_parquet(f / "predictions" / "val.parquet") for f in own]
        vals += len(pd.concat(val)["id"].unique())
    np.testing.assert_allclose(stored(summary.folder, "test")[0], tests, rtol=1e-6)
    assert vals == 2 * len(stored(summary.folder, "val")[0]) == 2 * (250 - len(tests))
    test = pd.read_parquet(summary.folder / "predictions" / "test.parquet").set_index("id")
    predicted = load_model(summary.folder).predict_raw(raw("val_folds").loc[test.index])
    np.testing.assert_allclose(predicted["prediction"], test["prediction"], rtol=1e-5)


@pytest.mark.slow
def test_a_setting_that_lacks_a_fold_is_named_and_left_out(study, ensemble):
    folders = study("val_folds")
    lacking = [f for f in folders if "linear" in f.name]
    shutil.rmtree(lacking.pop())
    summary = ensemble("runs=val_folds", "method=mean")
    assert [*summary.members["runs"]] == [3]
    skipped = {entry["folder"]: entry["why"] for entry in summary.facts["skipped"]}
    assert {*skipped} == {*map(str, lacking)}
    assert all("of its 3 folds these are missing: " in why for why in skipped.values())


@pytest.mark.slow
def test_folds_that_are_missing_are_counted_where_no_setting_has_all(study, ensemble):
    folders = study("folds")
    for model in ("linear", "mlp_small"):
        shutil.rmtree(next(f for f in folders if f"-{model}-" in f.name))
    with pytest.raises(ConfigError, match=r"of its 3 folds these are missing: \d; train"):
        ensemble("runs=folds", "method=kfold")
    study("binary")
    with pytest.raises(ConfigError, match="has no fold to join"):
        ensemble("runs=binary", "method=kfold")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("multiclass", "differ in their tasks"),
        ("regression", "differ in their tasks"),
        ("folds", "differ in their validation rows"),
    ],
)
def test_members_of_other_data_are_refused_and_named(study, ensemble, other, message):
    study("binary"), study(other)
    with pytest.raises(ConfigError, match=message) as e:
        ensemble("runs=[binary,runs/" + other + "]", "method=mean")
    assert len(e.value.problems) == 1
    assert "synthetic-linear-s0-" in str(e.value)


@pytest.mark.slow
def test_ids_and_targets_must_be_the_same_row_by_row(study, ensemble):
    folders = study("binary")
    for column, difference in (("id", "validation rows"), ("target", "validation targets")):
        path = folders[0] / "predictions" / "val.parquet"
        frame = pd.read_parquet(path)
        changed = frame.assign(
            **{column: np.where(frame.index == 3, 1 - frame[column], frame[column])}
        )
        changed.to_parquet(path)
        with pytest.raises(
            ConfigError, match=f"{folders[0].name} and .* differ in their {difference}"
        ):
            ensemble("runs=binary", "method=mean")
        frame.to_parquet(path)


@pytest.mark.slow
def test_rows_in_another_order_are_the_same_rows(study, ensemble):
    folders = study("binary")
    first = ensemble("runs=binary", "method=mean", "study=a", *QUICK)
    for name in ("val", "test"):
        path = folders[0] / "predictions" / f"{name}.parquet"
        pd.read_parquet(path).iloc[::-1].to_parquet(path)
    assert ensemble("runs=binary", "method=mean", "study=b", *QUICK).facts == first.facts


@pytest.mark.slow
def test_folders_that_are_no_members_are_named_and_counted(study, ensemble, caplog):
    folders = study("binary")
    (folders[0] / "result.json").write_text("{")
    (folders[1] / "predictions" / "val.parquet").write_bytes(b"damaged")
    shutil.copytree(folders[2], folders[2].with_name(folders[2].name + ".part"))
    failed = folders[2].with_name("x.failed")
    failed.mkdir()
    failure = {"run": "x", "error": "Diverged: loss is nan", "traceback": "", "status": "diverged"}
    (failed / "failure.json").write_text(json.dumps(failure))
    caplog.set_level("INFO", logger="lepton")
    ensemble("runs=binary", "method=mean", *QUICK)
    assert "4 left out" in caplog.text
    for reason in (
        "not a result of lepton's",
        "cannot be read",
        "unfinished",
        "diverged (Diverged: loss",
    ):
        assert reason in caplog.text
    search = find_inputs("binary", command="ensemble")
    assert (len(search.inputs), len(search.skipped), search.derived["ensemble"]) == (2, 4, 1)


@pytest.mark.parametrize("missing", ["weights", "nan", "no predictions"])
def test_a_run_without_weights_or_numbers_is_no_member(study, missing):
    folder, *_ = study("binary")
    path = folder / "predictions" / "val.parquet"
    if missing == "weights":
        next(folder.glob("model.*")).unlink()
    elif missing == "nan":
        pd.read_parquet(path).assign(prediction=float("nan")).to_parquet(path)
    else:
        path.unlink()
    with pytest.raises(LeptonError) as e:
        read_input(folder)
    assert str(e.value).startswith(f"{folder}: ")


@pytest.mark.slow
def test_a_run_named_twice_is_one_member(study):
    folders = study("binary")
    shutil.copytree("runs/binary", "runs/copy")
    search = find_inputs(
        ["binary", "runs/binary/*", str(folders[0].absolute()), "copy"], command="ensemble"
    )
    assert len(search.inputs) == 4
    assert [why.split(" as ")[0] for _, why in search.skipped] == ["the same run"] * 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "most_members"),
    [(["max_members=2"], 2), (["max_size={two}"], 2), (["max_size={three}"], 3)],
)
@pytest.mark.parametrize("method", ["mean", "stacking", "greedy"])
def test_limits_hold_for_members_and_bytes(study, ensemble, method, limits, most_members):
    sizes = sorted(read_input(folder).size for folder in study("binary"))
    overrides = [limit.format(two=sum(sizes[:2]), three=sum(sizes[:3])) for limit in limits]
    summary = ensemble("runs=binary", f"method={method}", *overrides, *QUICK)
    members = summary.members[summary.members["weight"] > 0]
    assert 1 <= len(members) <= most_members
    if "max_size" in overrides[0]:
        assert members["size"].sum() <= int(overrides[0].partition("=")[2])
    with pytest.raises(ConfigError, match=rf"max_size: 10 bytes hold no member.* has {sizes[0]}"):
        ensemble("runs=binary", f"method={method}", "max_size=10")


@pytest.mark.slow
def test_diversity_and_calibration_are_reported(study, ensemble, stored):
    folders = study("binary")
    summary = ensemble("runs=binary", "method=mean", *QUICK)
    p = np.stack([stored(folder, "val")[0] for folder in folders])
    target = stored(folders[0], "val")[1]
    pairs = [(i, j) for i in range(4) for j in range(i)]
    differ = np.mean([((p[i] > 0.5) != (p[j] > 0.5)).mean() for i, j in pairs])
    together = np.mean([np.corrcoef(p[i] - target, p[j] - target)[0, 1] for i, j in pairs])
    assert summary.facts["disagreement"] == pytest.approx(differ)
    assert summary.facts["error_correlation"] == pytest.approx(together, rel=1e-5)
    best = summary.members["run"].iloc[0]
    truth = torch.tensor(target)
    for split, name in (("val", "ece"), ("val", "log_loss")):
        row = summary.facts["scores"][f"{split}/{name}"]
        expected = score(
            torch.tensor(stored(Path("runs/binary", best), split)[0]), truth, task="binary"
        )
        assert row["best"] == pytest.approx(expected[name])
        assert row["ensemble"] == pytest.approx(
            score(torch.tensor(stored(summary.folder, split)[0]), truth, task="binary")[name]
        )


@pytest.mark.slow
def test_members_of_several_studies_go_to_a_study_of_ensembles(study, ensemble):
    folders, other_study = study("binary")[:2], Path("runs/other")
    other_study.mkdir()
    shutil.move(folders[1], other_study / folders[1].name)
    summary = ensemble(f"runs=[{folders[0]},other]", "method=mean", *QUICK)
    assert summary.folder.parent == Path("runs/ensembles")
    assert (
        load_model(summary.folder)
        .predict_raw(raw("binary").iloc[:3])["prediction"]
        .between(0, 1)
        .all()
    )
    assert compose_ensemble("runs=x")["study"] is None
