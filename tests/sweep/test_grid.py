"""A sweep trains what is missing, the same whichever way, and survives failures and kills."""

from pathlib import Path

import pytest

import lepton.run
from lepton import load
from lepton.errors import ConfigError, FailedRuns
from lepton.sweep.multirun import multirun

BASIC = "hydra/launcher=basic"  # bit for bit, whatever the machine finds faster
WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2")
FRAGILE = ("dataset=wine", "model=fragile", "trainer.max_epochs=1")
FOREIGN = "_target_: hydra._internal.core_plugins.basic_launcher.BasicLauncher\n"


@pytest.fixture
def trainings(monkeypatch):
    """The names of the runs that are trained, in order."""
    names, real = [], lepton.run._train

    def recorded(cfg, folder, *, name, **options):
        names.append(name)
        return real(cfg, folder, name=name, **options)

    monkeypatch.setattr(lepton.run, "_train", recorded)
    return names


def study(name="default"):
    return Path("runs") / name


def runs(name="default"):
    """The folders of a study's runs."""
    return sorted(path for path in study(name).iterdir() if path.is_dir())


@pytest.mark.slow
def test_the_order_of_a_sweep_does_not_matter(here, fingerprint):
    multirun([BASIC, *WINE, "seed=1,2", "model=mlp_small,linear", "study=one"])
    multirun([BASIC, *WINE, "model=linear,mlp_small", "seed=2,1", "study=two"])
    first, second = runs("one"), runs("two")
    assert [p.name for p in first] == [p.name for p in second]
    assert len(first) == 4
    assert [fingerprint(p) for p in first] == [fingerprint(p) for p in second]


def test_a_run_alone_is_the_run_of_a_sweep_and_is_not_repeated(here, run, fingerprint, trainings):
    multirun([BASIC, *WINE, "seed=1,2", "study=swept"])
    alone = run(*WINE, "seed=2", "study=alone")
    assert fingerprint(alone) == fingerprint(study("swept") / alone.name)
    assert len(trainings) == 3
    run(*WINE, "seed=2", "study=swept")
    multirun([BASIC, *WINE, "seed=2,3", "study=alone"])
    assert len(trainings) == 4


def test_enlarging_a_grid_trains_only_the_new_points(here, trainings):
    multirun([BASIC, *WINE, "seed=1,2"])
    first = list(trainings)
    multirun([BASIC, *WINE, "seed=1,2,3", "optimizer.lr=0.001,0.1"])
    assert len(trainings) == 2 + 4
    assert not set(first) & set(trainings[2:])
    multirun([BASIC, *WINE, "seed=1,2,3", "optimizer.lr=0.001,0.1"])
    assert len(trainings) == 6


@pytest.mark.slow
def test_doubled_combinations_train_once(here, trainings):
    multirun([*WINE, "model=gradient_boosting", "model.max_iter=2", "optimizer.lr=0.1,0.2,0.3"])
    assert len(trainings) == 1


@pytest.mark.slow
def test_a_mistake_in_the_last_combination_trains_nothing(here, trainings):
    with pytest.raises(ConfigError, match="'fast'"):
        multirun([*WINE, "seed=1,2", "optimizer.lr=0.1,0.2,fast"])
    assert trainings == []
    assert not study().exists()


@pytest.mark.slow
def test_a_sweep_shows_its_table(here, capsys):
    multirun([*WINE, "model=mlp_small,linear", "seed=1,2"])
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[:2] == ["model", "runs"]
    assert {row.split()[0] for row in rows[:2]} == {"mlp_small", "linear"}


def test_a_failure_does_not_stop_the_rest_and_is_told_and_tried_again(fragile, trainings, capsys):
    (fragile / "2").touch()
    for expected in (["s1", "s2", "s3"], ["s2"]):
        trainings.clear()
        with pytest.raises(FailedRuns) as error:
            multirun([*FRAGILE, "seed=1,2,3"])
        assert [name.split("-")[2] for name in trainings] == expected
        first, second = str(error.value).splitlines()
        assert first == "1 of 3 runs failed; the same command tries them again"
        assert "seed=2: " in second
        assert "no luck with 2" in second
        assert (Path(second.split("(")[-1].rstrip(")")) / "failure.json").is_file()
        assert "failed: wine-fragile-s2" in capsys.readouterr().out
        assert load("default")["status"].value_counts().to_dict() == {"finished": 2, "failed": 1}
    assert error.value.exit_code == 1
    (fragile / "2").unlink()
    multirun([*FRAGILE, "seed=1,2,3"])
    assert load("default")["status"].tolist() == ["finished"] * 3


@pytest.mark.slow
def test_a_mistake_that_a_job_alone_meets_leaves_nothing_and_the_others_are_trained(
    here, trainings, monkeypatch
):
    monkeypatch.setattr("lepton.sweep.grid.look_at_plan", lambda plan: (plan, []))  # too large, say
    overrides = ["model=linear", "trainer.max_epochs=1", "dataset=wine,diabetes"]
    with pytest.raises(ConfigError, match=r"dataset=diabetes.*columns.alcohol: no such") as error:
        multirun([*overrides, "dataset.columns={alcohol: numeric}", "seed=5"])
    assert (error.value.exit_code, len(error.value.problems)) == (2, 2)
    assert load("default")["dataset"].tolist() == ["wine"]
    assert [path.suffix for path in study().iterdir() if path.is_dir()] == [""]


@pytest.mark.slow
def test_a_rerun_that_fails_is_told_and_the_finished_run_kept(fragile, fingerprint):
    multirun([*FRAGILE, "seed=1,2"])
    before = {p.name: fingerprint(p) for p in runs()}
    (fragile / "2").touch()
    with pytest.raises(FailedRuns, match="1 of 2 runs failed"):
        multirun([*FRAGILE, "seed=1,2", "rerun=true"])
    assert {name: fingerprint(study() / name) for name in before} == before
    multirun([*FRAGILE, "seed=1,2"])
    (fragile / "2").unlink()
    multirun([*FRAGILE, "seed=1,2", "rerun=true"])
    assert load("default")["status"].tolist() == ["finished"] * 2


@pytest.fixture
def foreign(here):
    (here / "conf" / "hydra" / "launcher").mkdir(parents=True)
    (here / "conf" / "hydra" / "launcher" / "foreign.yaml").write_text(FOREIGN)


@pytest.mark.slow
def test_a_launcher_that_is_not_leptons_gives_the_same_runs(foreign, command, fingerprint):
    overrides = [*WINE, "seed=1,2", "model=mlp_small,linear"]
    code, output = command("train", "-m", *overrides, "study=theirs", "hydra/launcher=foreign")
    assert code == 0, output
    multirun([BASIC, *overrides, "study=ours"])
    theirs, ours = runs("theirs"), runs("ours")
    assert [p.name for p in theirs] == [p.name for p in ours]
    assert [fingerprint(p) for p in theirs] == [fingerprint(p) for p in ours]
    assert {p.name for p in Path().iterdir()} == {"conf", "runs", "output.txt"}


@pytest.mark.slow
def test_a_failure_under_a_launcher_that_is_not_leptons_is_kept(foreign, fragile, command):
    (fragile / "2").touch()
    overrides = [*FRAGILE, "seed=1,2,3", "hydra/launcher=foreign"]
    code, output = command("train", "-m", *overrides)
    assert code == 1
    assert "1 of 3 runs failed" in output
    assert load("default")["status"].value_counts().to_dict() == {"finished": 2, "failed": 1}


@pytest.mark.slow
def test_the_exit_code_of_a_sweep_says_what_happened(fragile, command):
    (fragile / "2").touch()
    code, output = command("train", "-m", *FRAGILE, "seed=1,2")
    assert code == 1
    assert "lepton: 1 of 2 runs failed; the same command tries them again" in output
    assert "no luck with 2" in output
    assert "Traceback" not in output
    (fragile / "2").unlink()
    assert command("train", "-m", *FRAGILE, "seed=1,2")[0] == 0
    assert command("train", "-m", *FRAGILE, "seed=1,2", "optimizer.lr=fast")[0] == 2


@pytest.mark.slow
def test_failed_runs_that_are_to_be_left_are_told_and_not_trained(fragile, trainings):
    (fragile / "2").touch()
    overrides = [*FRAGILE, "seed=1,2,3"]
    with pytest.raises(FailedRuns):
        multirun(overrides)
    (fragile / "2").unlink()
    trainings.clear()
    with pytest.raises(FailedRuns, match="1 of 3 runs failed") as error:
        multirun([*overrides, "hydra.sweeper.retry_failed=false"])
    assert trainings == []
    assert "no luck with 2" in str(error.value)
    multirun(overrides)
    assert len(trainings) == 1


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "parallel"])
def test_a_sweep_that_is_to_fail_fast_starts_nothing_after_a_failure(fragile, launcher):
    (fragile / "2").touch()
    overrides = [*FRAGILE, "seed=1,2,3,4,5,6", f"hydra/launcher={launcher}"]
    one_worker = ["hydra.launcher.workers=1"] if launcher == "parallel" else []
    with pytest.raises(FailedRuns) as error:
        multirun([*overrides, *one_worker, "hydra.sweeper.fail_fast=true"])
    assert error.value.exit_code == 1
    assert "fail_fast: a run failed; 4 not trained; the same command goes on" in str(error.value)
    assert load("default")["status"].value_counts().to_dict() == {"finished": 1, "failed": 1}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "parallel"])
def test_a_full_disk_stops_the_sweep_and_takes_nothing_from_it(trap, launcher, fingerprint):
    trap(2, "full")
    overrides = ["dataset=wine", "model=deadly", "trainer.max_epochs=1", "seed=1,2,3,4"]
    overrides += [f"hydra/launcher={launcher}"]
    one_worker = ["hydra.launcher.workers=1"] if launcher == "parallel" else []
    with pytest.raises(FailedRuns) as error:
        multirun([*overrides, *one_worker])
    expected = "no space left on the disk of runs/default; 3 not trained; the same command goes on"
    assert str(error.value) == expected
    (finished,) = runs()
    first = fingerprint(finished)
    Path("trap/2").unlink()
    multirun([*overrides, *one_worker])
    assert load("default")["status"].tolist() == ["finished"] * 4
    assert fingerprint(finished) == first


def test_a_study_that_cannot_be_written_to_is_one_line(here, command):
    Path("runs").write_text("a file")
    code, output = command("train", "-m", *WINE, "seed=1,2")
    assert code == 2
    assert output.splitlines()[-1].startswith("lepton: runs: cannot write to runs/default (")
