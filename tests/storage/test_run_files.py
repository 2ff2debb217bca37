"""Files of runs that ask for too much, or are none: each is one line, at once."""

import ast
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lepton
from lepton.errors import Damaged, LeptonError
from lepton.storage.limits import read_limit
from lepton.storage.run_files import (
    read_run_bytes,
    read_run_json,
    read_run_skops,
    read_run_table,
    read_run_tensors,
    read_run_yaml,
)
from lepton.storage.run_folder import read_config
from lepton.storage.study_table import load

BOMB = "\n".join(
    ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    + [f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]" for i in range(8)]
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 200_000, "recursion"),
        ("[" * 150 + "]" * 150, "depth of 101"),
        ("[" + "0," * 6_000_000 + "0]", "values of 6000001"),
        ("1" * 100_000, "integer string conversion"),
        ("[99999999999999999999]", "more than 64 bits"),
        ("{", "Expecting"),
    ],
)
def test_json_that_is_deep_long_or_broken_is_one_line(tmp_path, text, why):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(Damaged, match=why) as error:
        read_run_json(tmp_path, "x.json")
    assert len(str(error.value).splitlines()) == 1
    assert str(error.value).startswith(f"{tmp_path}/x.json: ")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "expanded of"),
        ("a: &a [*a]", "holds itself"),
        ("[" * 100_000, "depth of 101|nesting"),
        ("a: " * 2 + "1", "not allowed"),
        ("? [1]\n: 2", "unhashable|cannot be read"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: 2001-99-99", "month must be"),
    ],
)
def test_yaml_that_multiplies_or_is_deep_or_no_plain_value_is_one_line(tmp_path, text, why):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(Damaged, match=why) as error:
        read_run_yaml(tmp_path, "x.yaml")
    assert len(str(error.value).splitlines()) == 1


def test_interpolations_that_multiply_are_no_config_but_overrides_may_hold_some(tmp_path):
    lines = ["a: xxxxxxxxxx", *(f"b{i}: {f'${{b{i - 1}}}' * 10}" for i in range(9))]
    (tmp_path / "config.yaml").write_text("\n".join(lines))
    with pytest.raises(Damaged, match="a config with 90 interpolations"):
        read_config(tmp_path / "config.yaml")
    (tmp_path / "config.yaml").write_text(json.dumps({"overrides": ["a=${b}"] * 100}))
    assert len(read_config(tmp_path / "config.yaml")["overrides"]) == 100


def test_a_table_of_too_many_cells_or_of_texts_that_unfold_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_LIMITS", "cells=500000 unpacked_mb=9")
    rows = 600_000
    zeros = pa.chunked_array([pa.array(np.zeros(rows // 60, np.int8))] * 60)
    pq.write_table(pa.table({"x": zeros}), tmp_path / "long.parquet", compression="zstd")
    assert (tmp_path / "long.parquet").stat().st_size < 10_000
    with pytest.raises(Damaged, match="cells of 600000 where 500000 is the limit"):
        read_run_table(tmp_path, "long.parquet")
    texts = pa.DictionaryArray.from_arrays(np.zeros(2000, np.int32), ["x" * 10_000])
    pq.write_table(pa.table({"t": texts.cast(pa.string())}), tmp_path / "wide.parquet")
    assert (tmp_path / "wide.parquet").stat().st_size < 20_000
    with pytest.raises(Damaged, match=r"unpacked of .* MB where 9 is the limit"):
        read_run_table(tmp_path, "wide.parquet")
    pq.write_table(pa.table({"x": [1.0, 2.0], "t": ["a", "b"]}), tmp_path / "fine.parquet")
    assert read_run_table(tmp_path, "fine.parquet")["x"].tolist() == [1.0, 2.0]


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_LIMITS", "unpacked_mb=5")
    with zipfile.ZipFile(tmp_path / "x.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(6):
            with archive.open(f"{i}.npy", "w") as file:
                file.write(bytes(1_000_000))
    with pytest.raises(Damaged, match="unpacked of 6 MB where 5 is the limit"):
        read_run_skops(tmp_path, "x.skops", (), str)


def test_a_header_larger_than_any_is_not_read(tmp_path):
    size = 20_000_000
    (tmp_path / "x.safetensors").write_bytes(size.to_bytes(8, "little") + b" " * size)
    with pytest.raises(Damaged, match="header of 20 MB where 16 is the limit"):
        read_run_tensors(tmp_path, "x.safetensors")
    (tmp_path / "x.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with pytest.raises(Damaged, match="cannot be read"):
        read_run_tensors(tmp_path, "x.safetensors")


def test_pipes_links_and_places_outside_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "inner").symlink_to("/etc")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "link", "inner/passwd", "../x", "/etc/passwd", "folder"):
        with pytest.raises(Damaged):
            read_run_bytes(tmp_path, name)
    with pytest.raises(FileNotFoundError):
        read_run_bytes(tmp_path, "nothing")


def test_a_limit_is_raised_by_the_environment_alone(tmp_path, monkeypatch):
    (tmp_path / "x.json").write_text("[" * 150 + "]" * 150)
    monkeypatch.setenv("LEPTON_LIMITS", "depth=200 cells=7")
    assert isinstance(read_run_json(tmp_path, "x.json"), list)
    assert (read_limit("cells"), read_limit("values")) == (7, 5_000_000)
    for wrong in ("depth", "deep=3", "depth=-1", "depth=1e9"):
        monkeypatch.setenv("LEPTON_LIMITS", wrong)
        with pytest.raises(LeptonError, match="LEPTON_LIMITS"):
            read_limit("depth")


ODD_VALUES = (None, [], "x", 3, {"a": {"b": []}}, True, [[]], -1.5, 2**70, "\ud800")


def test_wrong_values_in_a_readable_result_are_damage_or_harmless_never_another_error(run_once):
    from tests.tampering import forget_digests

    folder = forget_digests(run_once("dataset=wine", "model=mlp_small", "trainer.max_epochs=2"))
    good = json.loads((folder / "result.json").read_text())
    for key in [*good, "config.model", "config.choices", "metrics.test/auroc", "config.seed"]:
        for value in ODD_VALUES:
            content = json.loads(json.dumps(good))
            *parents, last = key.split(".")
            node = content
            for parent in parents:
                node = node[parent]
            node[last] = value
            variant = folder.with_name(f"variant{len(list(folder.parent.iterdir()))}")
            variant.mkdir()
            (variant / "result.json").write_text(json.dumps(content))
    table = load(folder.parent)
    assert not table["run"].eq("?").any()  # half of a character is no name
    statuses = table["status"].value_counts()
    assert set(statuses.index) == {"finished", "unreadable"}
    assert statuses.sum() > 200


OPENERS = {
    *("read_text", "read_bytes", "open", "read_parquet", "load_file", "safe_open"),
    *("safe_load", "full_load"),
}
OPENED_BY_MODULE = {("json", "load"), ("yaml", "load"), ("np", "load"), ("torch", "load")}
OTHER_FILES = {  # what these read is no file of a run
    "audio": "sounds of data",
    "cli": "the terminal",
    "compat": "other packages",
    "config": "options and source code",
    "commands.completion": "options",
    "commands.help_text": "options",
    "commands.streams": "the terminal",
    "dataset": "data",
    "derived.learners": "data described anew, beside a run's own",
    "evaluation.augmentation_nodes": "options",
    "evaluation.file_rows": "the user's rows",
    "finetune.machinery.linear_probe_baseline": "entries of the cache",
    "finetune.machinery.source_weights": "weights that are no run's",
    "image": "pictures of data",
    "in_memory.hub_dataset": "pictures of data",
    "in_memory.kept_models": "copies of an estimator, whose run is opened afterwards",
    "launch.worker_process": "a worker's output",
    "model.catboost": "what CatBoost has just written",
    "preprocessing": "none",
    "pretrained.image_scaling": "pretrained encoders",
    "pretrained.onnx_weights": "weights of a package",
    "pretrained.ordered_weights": "weights of a package",
    "report.html": "the page's own parts",
    "report.single_page": "the page that it replaces",
    "scaffold": "the template of a project",
    "storage": "this is where files of runs are read",
    "sweep.option_configs": "options",
    "testing": "what contracts made themselves",
    "tokenizer": "pretrained tokenizers",
    "training.checkpoint": "checkpoints, which have digests of their own",
    "training.memory": "what the system says of the process",
    "vectorize.stack_size": "what the system says of memory",
    "video": "clips of data",
}


def test_no_module_but_storage_opens_a_file_of_a_run():
    root = Path(lepton.__file__).parent
    found = {}
    for path in sorted(root.rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        if any(module == name or module.startswith(f"{name}.") for name in OTHER_FILES):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            name = getattr(function, "attr", getattr(function, "id", ""))
            owner = getattr(getattr(function, "value", None), "id", None)
            if (
                name in OPENERS
                or (owner, name) in OPENED_BY_MODULE
                or ast.unparse(function) == "skops.io.load"
            ):
                found[f"{module}:{node.lineno}"] = ast.unparse(node)
    assert found == {}
