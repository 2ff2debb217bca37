"""MLflow by a server of its own and W&B's files, told by whole commands through every launcher.

Needs the extras track and trackserver.
"""

import json
import math
import os
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # what MLflow and W&B warn of is their own
]
ROOT = str(Path(__file__).parents[2])
SMALL = ("dataset=wine", "trainer.max_epochs=3", "batch_size=64", "trainer.progress=false")
BLOCK, WHOLE, LAST = 32768, 1, 4  # of a LevelDB log: bytes, and kinds of pieces
TWICE_TWO = ("model=linear,gradient_boosting", "seed=0,1")


def started_server(folder, port):
    words = ("server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    stores = ("--backend-store-uri", "sqlite:///server.db", "--artifacts-destination", "./files")
    with (folder / "server.txt").open("w") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words, *stores],
            cwd=folder,
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},  # four more processes
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of an MLflow server on loopback."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process, address = started_server(folder, port), f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            with suppress(OSError), urllib.request.urlopen(f"{address}/health") as answer:
                if answer.status == 200:
                    break
            assert process.poll() is None, (folder / "server.txt").read_text()
            time.sleep(0.5)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait()


@pytest.fixture
def shell(here):
    """Runs the command in a process of its own; gives what it said."""

    def shell(*words):
        own = {"PYTHONPATH": ROOT, "WANDB_DATA_DIR": str(here / "staged")}
        others = {name: value for name, value in os.environ.items() if "WANDB" not in name}
        environment = others | own  # wandb leaves in a process's environment where its service is
        ended = subprocess.run(
            [sys.executable, "-m", "lepton", *words],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout + ended.stderr

    return shell


def finished(study):
    """The results of the finished runs of a study, by name."""
    paths = Path("runs", study).glob("*/result.json")
    return {path.parent.name: json.loads(path.read_text()) for path in paths}


def finite(metrics):
    return {key: value for key, value in metrics.items() if math.isfinite(value)}


def as_float32(values):
    return pytest.approx(values, rel=1e-6)


def told_mlflow(address, study):
    """The runs that MLflow has of a study, by name, with the history of each metric."""
    from mlflow import MlflowClient

    client = MlflowClient(address)
    experiment = client.get_experiment_by_name(study)
    runs = client.search_runs([experiment.experiment_id])
    names = [run.info.run_name for run in runs]
    assert len({*names}) == len(names)
    histories, files = {}, {}
    for run in runs:
        points = {key: client.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
        histories[run.info.run_name] = {
            key: [(point.step, point.value) for point in history] for key, history in points.items()
        }
        files[run.info.run_name] = {f.path for f in client.list_artifacts(run.info.run_id)}
    return {run.info.run_name: run for run in runs}, histories, files


def assert_mlflow_holds(address, study):
    """A run of MLflow's for each of the study, with what its files say, once."""
    results = finished(study)
    runs, histories, files = told_mlflow(address, study)
    assert runs.keys() == results.keys()
    for name, result in results.items():
        run, folder = runs[name], Path("runs", study, name).absolute()
        assert run.info.status == "FINISHED"
        tags = {"study": study, "data": "wine", "model": result["choices"]["model"]}
        tags |= {"seed": str(result["config"]["seed"]), "folder": folder.as_uri()}
        assert tags.items() <= run.data.tags.items()
        assert run.data.params["choices.model"] == result["choices"]["model"]
        assert run.data.params["dataset._target_"] == "lepton.dataset.wine.Wine"
        expected = {
            k.replace("@", "_"): v for k, v in result["metrics"].items() if math.isfinite(v)
        }
        assert {key: run.data.metrics[key] for key in expected} == as_float32(expected)
        history = pd.read_parquet(folder / "history.parquet")
        for key in [name for name in history if "/" in name]:
            points = sorted(point for point in histories[name][key] if point[0] < len(history))
            assert [step for step, _ in points] == list(range(len(history)))
            assert [value for _, value in points] == as_float32(history[key].tolist())
        assert {"config.yaml", "result.json"} <= files[name]
    params = {tuple(sorted(run.data.params.items())) for run in runs.values()}
    assert len(params) == len(runs)
    return runs, histories, files


def wandb_records(path):
    """The records in a file of W&B's, which are laid out as in a log of LevelDB."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if (room := BLOCK - at % BLOCK) < 7:
            at += room
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + 7])
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (WHOLE, LAST):
            yield Record.FromString(whole)
            whole = b""


def told_wandb():
    """The runs in W&B's offline files, by name."""
    told = {}
    for path in Path("runs", "wandb").glob("offline-run-*/*.wandb"):
        run = {"history": [], "summary": {}, "config": {}, "ended": None}
        for record in wandb_records(path):
            kind = record.WhichOneof("record_type")
            part = getattr(record, kind)
            if kind == "run":
                run |= {"name": part.display_name, "group": part.run_group, "tags": [*part.tags]}
            elif kind in ("config", "summary"):
                run[kind] |= _items(part.update)
            elif kind == "history":
                run["history"].append(_items(part.item))
            elif kind == "exit":
                run["ended"] = part.exit_code
            elif kind == "artifact":
                run["files"] = {entry.path for entry in part.manifest.contents}
        assert run["name"] not in told
        told[run["name"]] = run
    return told


def _items(items):
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def assert_wandb_holds(study):
    results, told = finished(study), told_wandb()
    assert told.keys() == results.keys()
    for name, result in results.items():
        run = told[name]
        assert (run["group"], run["ended"]) == (study, 0)
        assert f"model:{result['choices']['model']}" in run["tags"]
        assert run["config"]["seed"] == result["config"]["seed"]
        expected = finite(result["metrics"])
        assert {key: run["summary"][key] for key in expected} == as_float32(expected)
        history = pd.read_parquet(Path("runs", study, name, "history.parquet"))
        for key in [name for name in history if "/" in name]:
            values = [row[key] for row in run["history"] if key in row]
            assert values == as_float32(history[key].tolist())
        assert {"config.yaml", "result.json"} <= run["files"]
    configs = {json.dumps(run["config"], sort_keys=True) for run in told.values()}
    assert len(configs) == len(told)


@pytest.mark.parametrize("launcher", ["auto", "basic", "parallel", "vectorized"])
def test_each_run_of_a_sweep_is_one_of_each_tracker(shell, server, launcher):
    study = f"by-{launcher}"
    words = ("logger=[mlflow,wandb]", f"logger.mlflow.tracking_uri={server}", f"study={study}")
    said = shell("train", "-m", *SMALL, *TWICE_TWO, *words, f"hydra/launcher={launcher}")
    assert "hears no more" not in said
    assert len(finished(study)) == 4
    assert_mlflow_holds(server, study)
    assert_wandb_holds(study)


def test_what_is_finished_is_published_twice_without_doubles(shell, server):
    shell("train", "-m", *SMALL, *TWICE_TWO, "study=later")
    shell("ensemble", "runs=later", "method=mean", "keep=true")
    words = ("publish", "later", "to=[mlflow,wandb]", f"to.mlflow.tracking_uri={server}")
    assert "later: 5 runs in mlflow, wandb" in shell(*words)
    runs, histories, files = assert_mlflow_holds(server, "later")
    assert all("report" in names for names in files.values())
    shell(*words)
    again, histories_again, _ = assert_mlflow_holds(server, "later")
    assert {name: run.info.run_id for name, run in runs.items()} == {
        name: run.info.run_id for name, run in again.items()
    }
    assert histories_again == histories
    assert_wandb_holds("later")


def test_a_run_that_is_trained_again_or_goes_on_is_told_once(shell, server):
    words = ("train", *SMALL, "model=linear", "study=again", "logger=[mlflow,wandb]")
    words = (*words, f"logger.mlflow.tracking_uri={server}")
    shell(*words)
    shell(*words, "rerun=true", "evaluation=slices")
    assert_mlflow_holds(server, "again")
    assert_wandb_holds("again")


def test_a_database_of_this_machine_needs_no_server_and_keeps_files_beside_it(shell):
    shell("train", *SMALL, "model=linear", "study=here", "logger=mlflow")
    assert_mlflow_holds("sqlite:///runs/mlflow.db", "here")
    assert list(Path("runs", "mlartifacts", "here").glob("*/artifacts/config.yaml"))
    assert not Path("mlruns").exists()


def test_a_server_that_is_not_there_is_one_warning_and_the_run_is_kept(shell):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        words = ("logger=mlflow", f"logger.mlflow.tracking_uri={address}", "study=down")
        said = shell("train", *SMALL, "model=linear", *words)
    assert said.count("logger=mlflow fails and hears no more of this run, which goes on") == 1
    assert len(finished("down")) == 1
