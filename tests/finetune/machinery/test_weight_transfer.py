"""Weights of a run, a folder or a file are loaded into another network, or refused."""

import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.example import make_batch, make_spec
from lepton.finetune.machinery.source_weights import SourceWeights
from lepton.finetune.machinery.weight_transfer import align_names, transfer_weights
from lepton.spec import DataSpec
from lepton.training.learner import load_network
from tests.finetune.conftest import MODELS, OTHER_DATA, TABLE


def table_spec(numbers, categories, *, classes="abc"):
    """The spec of a table: names of numbers; categories by column."""
    example = make_spec("multiclass", numbers=len(numbers), cardinalities=())
    return DataSpec(
        **vars(example)
        | {
            "num_features": tuple(numbers),
            "cat_features": tuple(categories),
            "cat_cardinalities": tuple(2 + len(names) for names in categories.values()),
            "categories": tuple(tuple(names) for names in categories.values()),
            "classes": tuple(classes),
            "outputs": len(classes),
        }
    )


OLD = table_spec(["age", "size"], {"job": ["cook", "smith"], "home": ["rent", "own"]})
NEW = table_spec(["size", "price"], {"job": ["baker", "cook", "smith"], "car": ["no", "yes"]})
BATCH_NORM = ("model.normalization=batch",)  # as the source has it
EMBEDDED = {
    "mlp": "model.num_embedding=periodic",
    "resnet": "model.num_embedding=piecewise_linear",
    "tabm": "model.num_embedding=periodic",
}


def build_model(name, spec, *overrides):
    torch.manual_seed(len(spec.num_features[0]))
    return build.component(check(compose(*MODELS[name], *overrides)), "model", spec=spec)


def source_weights(model, spec):
    return SourceWeights("source", model.state_dict(), model.columns(spec), spec)


def shared_batch(spec, *, size=0.0, job="cook"):
    """A batch in which all that the two tables do not share is absent from the sums."""
    batch = {"num": torch.zeros(2, len(spec.num_features)), "id": torch.arange(2)}
    batch["num"][:, spec.num_features.index("size")] = torch.tensor([size, -size])
    job_column = spec.cat_features.index("job")
    batch["cat"] = torch.zeros(2, len(spec.cat_features), dtype=torch.int64)
    batch["cat"][:, job_column] = 2 + spec.categories[job_column].index(job)
    return batch


def test_a_shared_column_means_the_same_to_the_first_layer_of_a_plain_network():
    """Differences between rows that differ in shared columns alone pass the first layer equally."""
    overrides = ("model.normalization=none",)
    old, new = build_model("mlp", OLD, *overrides), build_model("mlp", NEW, *overrides)
    report = transfer_weights(new, NEW, source_weights(old, OLD))
    assert set(report.partial) == {"inputs.categories.table.weight", "blocks.0.weight"}
    assert report.partial["inputs.categories.table.weight"] == (4, 9)  # of job: all but baker
    for job in ("cook", "smith"):
        outputs = [
            model.blocks[0](model.inputs(shared_batch(spec, size=1.5, job=job)))
            for model, spec in ((old, OLD), (new, NEW))
        ]
        torch.testing.assert_close(outputs[0][0] - outputs[0][1], outputs[1][0] - outputs[1][1])
    differences = [
        model.blocks[0](model.inputs(shared_batch(spec, job="cook")))
        - model.blocks[0](model.inputs(shared_batch(spec, job="smith")))
        for model, spec in ((old, OLD), (new, NEW))
    ]
    torch.testing.assert_close(*differences)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("embedded", [False, True])
def test_the_same_columns_in_another_order_give_the_same_predictions(name, embedded):
    overrides = (EMBEDDED.get(name, "model.num_embedding=periodic"),) if embedded else ()
    reordered = table_spec(["size", "age"], {"home": ["own", "rent"], "job": ["smith", "cook"]})
    old, new = build_model(name, OLD, *overrides), build_model(name, reordered, *overrides)
    report = transfer_weights(new, reordered, source_weights(old, OLD))
    assert (report.partial, report.new) == ({}, [])
    batch = make_batch(OLD)
    reordered_batch = {"id": batch["id"], "num": batch["num"].flip(1), "cat": batch["cat"].flip(1)}
    reordered_batch["cat"] = torch.where(
        reordered_batch["cat"] > 1, 5 - reordered_batch["cat"], reordered_batch["cat"]
    )  # 2 and 3 swapped in both columns
    torch.testing.assert_close(old.eval()(batch), new.eval()(reordered_batch), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_that_depends_on_columns_is_said_to(name):
    state, other_state = (
        build_model(name, spec).state_dict() for spec in (OLD, table_spec(["a"] * 5, {"b": "xyz"}))
    )
    differing = {n for n in state if state[n].shape != other_state[n].shape}
    assert differing <= set(build_model(name, OLD).columns(OLD))


@pytest.mark.slow
def test_a_head_is_kept_for_the_same_classes_and_new_for_others():
    old, same = build_model("mlp", OLD), build_model("mlp", NEW)
    assert "output.weight" in transfer_weights(same, NEW, source_weights(old, OLD)).whole
    renamed = table_spec(
        ["age", "size"], {"job": ["cook", "smith"], "home": ["rent", "own"]}, classes="xyz"
    )
    assert transfer_weights(build_model("mlp", renamed), renamed, source_weights(old, OLD)).new == [
        "output.weight",
        "output.bias",
    ]


@pytest.mark.slow
def test_what_is_made_new_is_trained_by_every_strategy(pretrained, build_network):
    tuning = (f"init_from={pretrained('mlp')}", "finetune=head")
    network, data = build_network(*TABLE, *MODELS["mlp"], *OTHER_DATA, "dataset.numbers=9", *tuning)
    trained = {n for n, p in network.model.named_parameters() if p.requires_grad}
    assert trained == {"blocks.0.weight", "output.weight", "output.bias"}
    [phase] = network.prepare_phases(data)
    assert phase.module is network.model
    assert "features" not in phase.data.splits["train"]


@pytest.mark.slow
def test_what_was_loaded_is_said_in_a_line(pretrained, build_network, caplog):
    caplog.set_level("DEBUG", logger="lepton")
    source = pretrained("mlp")
    build_network(
        *TABLE,
        *MODELS["mlp"],
        *OTHER_DATA,
        "dataset.numbers=9",
        f"init_from={source}",
        "finetune=full",
    )
    assert caplog.messages[-1] == (
        f"init_from={source}: 12 of 15 tensors loaded; by the names of columns blocks.0.weight "
        "(24 of 25); made new: output.weight, output.bias"
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["safetensors", "pt", "lightning.ckpt", "folder"])
def test_weights_of_a_file_are_those_of_the_run(kind, pretrained, build_network, here):
    source = pretrained("mlp")
    state = load_file(source / "model.safetensors")
    path = here / f"weights.{kind}"
    match kind:
        case "safetensors":
            save_file(state, path)
        case "pt":
            torch.save(state, path)
        case "lightning.ckpt":
            torch.save(
                {"epoch": 3, "state_dict": {f"model.{n}": t for n, t in state.items()}}, path
            )
        case "folder":
            path.mkdir()
            save_file(state | {"pooler.weight": torch.ones(2)}, path / "model.safetensors")
    network, _ = build_network(*TABLE, *MODELS["mlp"], f"init_from={path}", "finetune=full")
    for name, tensor in network.model.state_dict().items():
        assert torch.equal(tensor, state[name]), name


def test_prefixes_of_foreign_names_are_found():
    target = {"encoder.block.weight": torch.ones(2, 2), "head.weight": torch.ones(1)}
    foreign = {"bert.block.weight": torch.zeros(2, 2), "cls.bias": torch.ones(3)}
    assert set(align_names(foreign, target)) == {"encoder.block.weight", "cls.bias"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("missing", r"another network than MLP: 1 missing \(blocks.4.weight\)"),
        ("unknown", r"another network than MLP: 1 unknown here \(extra.weight\)"),
        ("shape", r"1 of another shape \(blocks.4.weight: \[2, 2\] there, \[6, 8\] here\)"),
        ("whole", r"\(blocks.4.weight: \[6, 8\] int64 there, \[6, 8\] here\)"),
        ("endless", "blocks.4.weight holds values that are not finite"),
        ("pickle", "not a file of weights alone"),
        ("number", r"holds other things than named tensors \(\['lr'\]\)"),
    ],
)
def test_weights_that_do_not_fit_are_told_by_number_and_name(
    spoil, message, pretrained, lepton, here
):
    state = load_file(pretrained("mlp") / "model.safetensors")
    match spoil:
        case "missing":
            del state["blocks.4.weight"]
        case "unknown":
            state["extra.weight"] = torch.ones(1)
        case "shape":
            state["blocks.4.weight"] = torch.ones(2, 2)
        case "whole":
            state["blocks.4.weight"] = state["blocks.4.weight"].long()
        case "endless":  # in 32 bits
            state["blocks.4.weight"] = torch.full((6, 8), 1e300, dtype=torch.float64)
        case "number":
            state["lr"] = 3
        case "pickle":
            state["path"] = here
    torch.save(state, here / "w.pt")
    overrides = (*TABLE, *MODELS["mlp"], "init_from=w.pt", "finetune=full", "study=bad")
    code, _, output = lepton("train", *overrides)
    assert code == 2
    [line] = [line for line in output.splitlines() if line.startswith("lepton: ")]
    assert re.search(message, line), line
    assert not (here / "runs" / "bad").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["finetune=full"], "finetune=full: there is nothing to tune yet; give init_from="),
        (
            ["init_from=nowhere", "finetune=full"],
            "no such run, folder or file 'nowhere'",
        ),
        (["init_from=here.txt", "finetune=full"], "init_from: here.txt: not a file of weights"),
        (["init_from=", "finetune=full"], "init_from: is empty"),
        (["init_from=empty", "finetune=full"], "init_from: empty: neither a finished run nor"),
        (["init_from=begun", "finetune=full"], "init_from: begun: a run that is not finished"),
        (["init_from={run}"], "init_from: finetune=none trains from scratch"),
        (["forgetting=true"], "forgetting: needs init_from=RUN"),
        (
            ["init_from={run}", "finetune=full", "model=resnet"],
            "another network than ResNet: ",
        ),
        (
            ["init_from={run}", "finetune=full", "model=linear"],
            "Linear is a head alone, with no layer below it",
        ),
        (
            ["init_from={run}", "finetune=full", "model=gradient_boosting"],
            "fits itself; nothing",
        ),
        (["init_from={run}", "finetune=full", "model.hidden=[8]"], "another network than MLP: "),
        (
            ["init_from={file}", "finetune=full", "forgetting=true", *BATCH_NORM],
            "model.safetensors is no run",
        ),
        (["dataset.shots=99"], "dataset.shots=99: class 'class_"),
        (["dataset.shots=0"], "dataset.shots: 0 is not int, 1 at least or null"),
        (["dataset.fraction=2"], "dataset.fraction: 2 is not float, above 0, 1 at most"),
        (["dataset.shots=2", "dataset.classes=0"], "this target has no classes to take rows of"),
        (["dataset.shots=2", "dataset.fraction=0.5"], "dataset.shots and dataset.fraction shrink"),
    ],
)
def test_a_mistake_is_told_in_a_line_and_leaves_no_run(
    overrides, message, pretrained, lepton, here
):
    source = pretrained("mlp")
    (here / "here.txt").write_text("x")
    (here / "empty").mkdir()
    shutil.copytree(source, here / "begun")
    (here / "begun" / "result.json").unlink()
    places = {"run": source, "file": source / "model.safetensors"}
    overrides = [override.format(**places) for override in overrides]
    small_model = (
        [] if any(override.startswith("model=") for override in overrides) else MODELS["mlp"][:2]
    )
    code, _, output = lepton("train", *TABLE, *small_model, *overrides, "study=bad")
    assert code == 2
    [line] = [line for line in output.splitlines() if line.startswith("lepton: ")]
    assert message in line
    assert not (here / "runs" / "bad").exists()


@pytest.mark.slow
def test_a_network_of_which_nothing_would_be_left_is_refused():
    old = build_model("mlp", OLD, "model.hidden=[8]")
    new = build_model("mlp", table_spec(["x"], {"y": ["z"]}), "model.hidden=[8]")
    with pytest.raises(ConfigError, match="no layer below the head could be loaded whole"):
        transfer_weights(new, table_spec(["x"], {"y": ["z"]}), source_weights(old, OLD))


@pytest.mark.slow
def test_the_weights_of_a_run_are_read_as_it_predicts(pretrained, build_network):
    source = pretrained("resnet")
    network, data = build_network(*TABLE, *MODELS["resnet"], f"init_from={source}", "finetune=full")
    test_rows = data.splits["test"]
    assert torch.equal(network.predict(test_rows), load_network(source).predict(test_rows))
