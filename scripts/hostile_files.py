"""Hostile files of a run's folder, each made of the run's own: code, bombs, escapes and links."""

import io
import json
import os
import pickle
import random
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

MARKER = "hacked"  # what hostile code would make
SECRET = "a text from outside of the study"
TARGETS = (
    *(
        "os.mkdir",
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "builtins.exec",
        "pickle.loads",
    ),
    *("torch.load", "shutil.rmtree", "functools.partial", "importlib.import_module", "evil.Run"),
    *("hydra.utils.instantiate", "hydra.utils.get_method", "lepton.cli.main", "lepton.run.train"),
    *("lepton.model.mlp.os.mkdir", "torch.nn.Module.__init__", "torch.hub.load", "yaml.load"),
    *("torch.utils.cpp_extension.load", "numpy.f2py.compile", "webbrowser.open", "runpy.run_path"),
)
PLACES = (
    *("model", "optimizer", "scheduler", "preprocessing", "dataset", "task", "loss", "logger"),
    *("trainer", "finetune", "model.hidden", "model.activation", "optimizer.lr", "dataset.columns"),
    *("regularization.x", "callbacks.x", "evaluation.x", "metric.x", "model.dropout", "seed"),
)
ESCAPES = (
    "\x1b[2J\x1b[H",
    "[bold red]",
    "\x1b]0;title\x07",
    "\r\x1b[K",
    "[/]",
    "\u202e",
    "\ud800",
    "\0",
)


class Runs:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, (MARKER,)


def code(run: Path, rng: random.Random) -> str:
    """A call in the config of a run, as a node, a text that is looked up, or one inside others."""
    place, target = rng.choice(PLACES), rng.choice(TARGETS)
    call = {"_target_": target, "path": MARKER, "name": MARKER, "command": f"mkdir {MARKER}"}
    if rng.random() < 0.3:
        call = {"_target_": target, "_args_": [rng.choice([MARKER, f"mkdir {MARKER}"])]}
    late = f"${{oc.create:{{_target_:{target},path:{MARKER}}}}}"
    value = rng.choice(
        [call, [call], {"a": [call]}, late, "\\" + late, {**call, "_partial_": True}]
    )

    def put(config: dict) -> None:
        *parents, last = place.split(".")
        for parent in parents:
            config = config.setdefault(parent, {})
            if not isinstance(config, dict):
                return
        config[last] = value

    config = yaml.safe_load((run / "config.yaml").read_text())
    put(config)
    _write(run / "config.yaml", yaml.safe_dump(config).encode())
    result = json.loads((run / "result.json").read_text())
    put(result["config"])
    _write(run / "result.json", json.dumps(result).encode())
    return f"{target} at {place}"


def unpickled(run: Path, rng: random.Random) -> str:
    """A pickle in place of a file, by itself or in what archives hold."""
    name = rng.choice(["model.safetensors", "preprocessing.skops", "spec.json", "history.parquet"])
    content = pickle.dumps(Runs())
    if rng.random() < 0.5:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for member in ("data.pkl", "archive/data.pkl", "schema.json", "x.npy"):
                archive.writestr(member, content)
        content = packed.getvalue()
    _write(run / name, content)
    return name


def skops_type(run: Path, rng: random.Random) -> str:
    """A skops file that asks for a type or a function that no run holds."""
    module, _, name = rng.choice(TARGETS).rpartition(".")
    node = {"__class__": name, "__module__": module, "__loader__": rng.choice(SKOPS_LOADERS)}
    inner = {**node, "__loader__": "TypeNode", "__id__": 3}
    schema = {**node, "__id__": 2, "content": inner, "type": inner, "attrs": inner, "kwargs": {}}
    schema |= {"args": inner, "func": inner, "constructor": inner, "state": inner}
    schema |= {"protocol": 2, "_skops_version": "0.11"}
    with zipfile.ZipFile(run / "new", "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    os.replace(run / "new", run / "preprocessing.skops")
    return f"{module}.{name} as {node['__loader__']}"


SKOPS_LOADERS = (
    "ObjectNode",
    "FunctionNode",
    "TypeNode",
    "PartialNode",
    "MethodNode",
    "ReduceNode",
)


def deep_text(run: Path, rng: random.Random) -> str:
    """JSON or YAML that is deep, long, multiplies, or names what no file may."""
    name, n = rng.choice(TEXT_FILES), rng.choice([8, 12, 30])
    doubling = [f"{'abcdefghi'[0]}0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    doubling += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, n)]
    interpolated = ["a0: xxxxxxxxxx", *(f"a{i}: {f'${{a{i - 1}}}' * 10}" for i in range(1, n))]
    texts = {
        "lists": "[" * 10 ** rng.choice([3, 5, 6]),
        "dicts": '{"a":' * 10 ** rng.choice([3, 5]),
        "anchors": "\n".join(doubling),
        "interpolations": "\n".join(interpolated),
        "itself": "a: &a [*a]",
        "merged": "\n".join(
            [
                "a0: &a0 {x: 1}",
                *(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, n)),
            ]
        ),
        "python": f"a: !!python/object/apply:os.mkdir [{MARKER}]",
        "digits": "9" * 10**6,
        "many": "[" + "0," * 6_000_000 + "0]",
        "NaN": '{"format": 1, "metrics": {"test/auroc": NaN, "x": 1e999}}',
    }
    kind = rng.choice([*texts])
    _write(run / name, texts[kind].encode())
    return f"{kind} in {name}"


TEXT_FILES = ("config.yaml", "result.json", "spec.json", "environment.json", "overrides.yaml")


def large_table(run: Path, rng: random.Random) -> str:
    """A small Parquet file that unfolds to hundreds of millions of cells, or to long texts."""
    name = rng.choice(["predictions/val.parquet", "predictions/test.parquet", "history.parquet"])
    (run / name).unlink()
    if rng.random() < 0.5:
        zeros = pa.chunked_array([pa.array(np.zeros(4_000_000, np.int8))] * rng.choice([25, 100]))
        column = rng.choice(["id", "val/score", "prediction"])
        pq.write_table(pa.table({column: zeros}), run / name, compression="zstd")
        return f"rows in {name}"
    indices = np.zeros(20_000, np.int32)
    texts = pa.DictionaryArray.from_arrays(indices, ["x" * rng.choice([10**5, 10**6])])
    pq.write_table(pa.table({"id": texts}), run / name)
    return f"texts in {name}"


def large_archive(run: Path, rng: random.Random) -> str:
    """A small skops file that unpacks to gigabytes, or one in another."""
    size = rng.choice([1, 4]) * 10**9
    name = rng.choice(["schema.json", "1.npy"])
    with (
        zipfile.ZipFile(run / "new", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w", force_zip64=True) as file,
    ):
        for _ in range(size // 10**7):
            file.write(bytes(10**7))
    os.replace(run / "new", run / "preprocessing.skops")
    return f"{size} bytes"


def header(run: Path, rng: random.Random) -> str:
    """A size or a shape in the header of a file of weights that the file does not have."""
    size = rng.choice([2**62, 2**40, 2**31, 10**8])
    shape = {"w": {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 2**62]}}
    text = json.dumps(shape).encode()
    choices = [size.to_bytes(8, "little") + b"{}", len(text).to_bytes(8, "little") + text]
    _write(run / "model.safetensors", rng.choice(choices))
    return f"{size}"


def elsewhere(run: Path, rng: random.Random) -> str:
    """A link, a pipe, a device or a folder in the place of a file; or a huge empty one."""
    path = run / rng.choice(
        [*TEXT_FILES, "model.safetensors", "log.txt", "predictions/val.parquet"]
    )
    path.unlink()
    kind = rng.choice(["secret", "zero", "pipe", "loop", "folder", "sparse", "parent"])
    match kind:
        case "secret":
            path.symlink_to(Path("secret.txt").absolute())
        case "zero":
            path.symlink_to("/dev/zero")
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path.name)
        case "folder":
            path.mkdir()
        case "sparse":
            with path.open("wb") as file:
                file.truncate(2**40)
        case "parent":
            shutil.rmtree(run / "predictions")
            (run / "predictions").symlink_to("/etc")
    return f"{kind} at {path.relative_to(run)}"


def escapes(run: Path, rng: random.Random) -> str:
    """Markup, control characters and paths that lead out, in names and texts."""
    text = rng.choice([*ESCAPES, "../../..", "/etc/passwd", "=cmd()", "x" * 10**6])
    result = json.loads((run / "result.json").read_text())
    key = rng.choice(["run", "study", "runs", "model", "trained"])
    if key in ("study", "runs"):
        result["config"][key] = text
    elif key == "model":
        result["choices"][key] = result["config"]["choices"][key] = text
    else:
        result[key] = text
    _write(run / "result.json", json.dumps(result).encode())
    return f"{text[:20]!r} at {key}"


def misfits(run: Path, rng: random.Random) -> str:
    """A value of another type than lepton writes, in a config that is well-formed otherwise."""
    value = rng.choice([["a"], [], {"a": 1}, {"a": {"b": [1]}}, "a", 2.5, True, None, -1])
    key, inner = rng.choice(MISFIT_PLACES)
    result = json.loads((run / "result.json").read_text())
    config = yaml.safe_load((run / "config.yaml").read_text())
    for values in (result["config"], config):
        if inner is None:
            values[key] = value
        else:
            values[key] = {**(values.get(key) or {}), inner: value}
    _write(run / "result.json", json.dumps(result).encode())
    _write(run / "config.yaml", yaml.safe_dump(config).encode())
    return f"{value!r} at {key}.{inner}"


MISFIT_PLACES = (
    *((key, None) for key in ("choices", "revisions", "seed", "study", "dataset", "model", "task")),
    *((key, "model") for key in ("choices", "revisions")),
    *(("model", "hidden"), ("dataset", "target"), ("trainer", "devices"), ("optimizer", "lr")),
)


KINDS = (
    *(code, code, unpickled, skops_type, deep_text, deep_text, large_table, large_archive),
    *(header, elsewhere, elsewhere, escapes, misfits),
)


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)
