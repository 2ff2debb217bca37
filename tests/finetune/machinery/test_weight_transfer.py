"""Weights of a run, a folder or a file in another network: what is loaded, what is refused."""

import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from lepton import build
from lepton.config.check import check
from lepton.errors import ConfigError
from lepton.example import make_batch, make_spec
from lepton.finetune.machinery.source_weights import SourceWeights
from lepton.finetune.machinery.weight_transfer import align_names, transfer_weights
from lepton.spec import DataSpec
from lepton.training.learner import load_network
from tests.finetune.conftest import MODELS, OTHER, TABLE
from tests.quick import compose


def spec_of(numbers, categories, *, classes="abc"):
    """The spec of a table: names of numbers; categories by column."""
    known = make_spec("multiclass", numbers=len(numbers), cardinalities=())
    return DataSpec(
        **vars(known)
        | {
            "num_features": tuple(numbers),
            "cat_features": tuple(categories),
            "cat_cardinalities": tuple(2 + len(names) for names in categories.values()),
            "categories": tuple(tuple(names) for names in categories.values()),
            "classes": tuple(classes),
            "outputs": len(classes),
        }
    )


OLD = spec_of(["age", "size"], {"job": ["cook", "smith"], "home": ["rent", "own"]})
NEW = spec_of(["size", "price"], {"job": ["baker", "cook", "smith"], "car": ["no", "yes"]})
BATCH = ("model.normalization=batch",)  # as the source has it
EMBEDDED = {
    "mlp": "model.num_embedding=periodic",
    "resnet": "model.num_embedding=piecewise_linear",
    "tabm": "model.num_embedding=periodic",
}


def model(name, spec, *words):
    torch.manual_seed(len(spec.num_features[0]))
    return build.component(check(compose(*MODELS[name], *words)), "model", spec=spec)


def given(old, spec):
    return SourceWeights("source", old.state_dict(), old.columns(spec), spec)


def rows(spec, *, size=0.0, job="cook"):
    """A batch in which all that the two tables do not share is absent from the sums."""
    batch = {"num": torch.zeros(2, len(spec.num_features)), "id": torch.arange(2)}
    batch["num"][:, spec.num_features.index("size")] = torch.tensor([size, -size])
    at = spec.cat_features.index("job")
    batch["cat"] = torch.zeros(2, len(spec.cat_features), dtype=torch.int64)
    batch["cat"][:, at] = 2 + spec.categories[at].index(job)
    return batch


def test_a_shared_column_means_the_same_to_the_first_layer_of_a_plain_network():
    """Differences between rows that differ in shared columns alone pass the first layer equally."""
    words = ("model.normalization=none",)
    old, new = model("mlp", OLD, *words), model("mlp", NEW, *words)
    loaded = transfer_weights(new, NEW, given(old, OLD))
    assert set(loaded.partial) == {"inputs.categories.table.weight", "blocks.0.weight"}
    assert loaded.partial["inputs.categories.table.weight"] == (4, 9)  # of job: all but baker
    for job in ("cook", "smith"):
        steps = [
            m.blocks[0](m.inputs(rows(s, size=1.5, job=job))) for m, s in ((old, OLD), (new, NEW))
        ]
        torch.testing.assert_close(steps[0][0] - steps[0][1], steps[1][0] - steps[1][1])
    jobs = [
        m.blocks[0](m.inputs(rows(s, job="cook"))) - m.blocks[0](m.inputs(rows(s, job="smith")))
        for m, s in ((old, OLD), (new, NEW))
    ]
    torch.testing.assert_close(*jobs)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("embedded", [False, True])
def test_the_same_columns_in_another_order_give_the_same_predictions(name, embedded):
    words = (EMBEDDED.get(name, "model.num_embedding=periodic"),) if embedded else ()
    turned = spec_of(["size", "age"], {"home": ["own", "rent"], "job": ["smith", "cook"]})
    old, new = model(name, OLD, *words), model(name, turned, *words)
    loaded = transfer_weights(new, turned, given(old, OLD))
    assert (loaded.partial, loaded.new) == ({}, [])
    a = make_batch(OLD)
    b = {"id": a["id"], "num": a["num"].flip(1), "cat": a["cat"].flip(1)}
    b["cat"] = torch.where(b["cat"] > 1, 5 - b["cat"], b["cat"])  # 2 and 3 swapped in both columns
    torch.testing.assert_close(old.eval()(a), new.eval()(b), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_that_depends_on_columns_is_said_to(name):
    one, other = (
        model(name, spec).state_dict() for spec in (OLD, spec_of(["a"] * 5, {"b": "xyz"}))
    )
    differ = {n for n in one if one[n].shape != other[n].shape}
    assert differ <= set(model(name, OLD).columns(OLD))


def test_a_head_is_kept_for_the_same_classes_and_new_for_others():
    old, same = model("mlp", OLD), model("mlp", NEW)
    assert "output.weight" in transfer_weights(same, NEW, given(old, OLD)).whole
    renamed = spec_of(
        ["age", "size"], {"job": ["cook", "smith"], "home": ["rent", "own"]}, classes="xyz"
    )
    assert transfer_weights(model("mlp", renamed), renamed, given(old, OLD)).new == [
        "output.weight",
        "output.bias",
    ]


def test_what_is_made_new_is_trained_by_every_strategy(pretrained, network):
    start = (f"init_from={pretrained('mlp')}", "finetune=head")
    made, data = network(*TABLE, *MODELS["mlp"], *OTHER, "dataset.numbers=9", *start)
    trained = {n for n, p in made.model.named_parameters() if p.requires_grad}
    assert trained == {"blocks.0.weight", "output.weight", "output.bias"}
    [part] = made.prepare_phases(data)
    assert part.module is made.model
    assert "features" not in part.data.splits["train"]


def test_what_was_loaded_is_said_in_a_line(pretrained, network, caplog):
    caplog.set_level("DEBUG", logger="lepton")
    source = pretrained("mlp")
    network(
        *TABLE, *MODELS["mlp"], *OTHER, "dataset.numbers=9", f"init_from={source}", "finetune=full"
    )
    assert caplog.messages[-1] == (
        f"init_from={source}: 12 of 15 tensors loaded; by the names of columns blocks.0.weight "
        "(24 of 25); made new: output.weight, output.bias"
    )


@pytest.mark.parametrize("kind", ["safetensors", "pt", "lightning.ckpt", "folder"])
def test_weights_of_a_file_are_those_of_the_run(kind, pretrained, network, here):
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
    made, _ = network(*TABLE, *MODELS["mlp"], f"init_from={path}", "finetune=full")
    for name, tensor in made.model.state_dict().items():
        assert torch.equal(tensor, state[name]), name


def test_prefixes_of_foreign_names_are_found():
    own = {"encoder.block.weight": torch.ones(2, 2), "head.weight": torch.ones(1)}
    foreign = {"bert.block.weight": torch.zeros(2, 2), "cls.bias": torch.ones(3)}
    assert set(align_names(foreign, own)) == {"encoder.block.weight", "cls.bias"}


@pytest.mark.parametrize(
    ("spoil", "said"),
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
def test_weights_that_do_not_fit_are_told_by_number_and_name(spoil, said, pretrained, lepton, here):
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
    words = (*TABLE, *MODELS["mlp"], "init_from=w.pt", "finetune=full", "study=bad")
    code, _, heard = lepton("train", *words)
    assert code == 2
    [line] = [line for line in heard.splitlines() if line.startswith("lepton: ")]
    assert re.search(said, line), line
    assert not (here / "runs" / "bad").exists()


@pytest.mark.parametrize(
    ("words", "said"),
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
            ["init_from={file}", "finetune=full", "forgetting=true", *BATCH],
            "model.safetensors is no run",
        ),
        (["dataset.shots=99"], "dataset.shots=99: class 'class_"),
        (["dataset.shots=0"], "dataset.shots=0: rows of each class; at least 1"),
        (["dataset.fraction=2"], "dataset.fraction=2: a share, above 0 and at most 1"),
        (["dataset.shots=2", "dataset.classes=0"], "this target has no classes to take rows of"),
        (["dataset.shots=2", "dataset.fraction=0.5"], "dataset.shots and dataset.fraction shrink"),
    ],
)
def test_a_mistake_is_told_in_a_line_and_leaves_no_run(words, said, pretrained, lepton, here):
    source = pretrained("mlp")
    (here / "here.txt").write_text("x")
    (here / "empty").mkdir()
    shutil.copytree(source, here / "begun")
    (here / "begun" / "result.json").unlink()
    known = {"run": source, "file": source / "model.safetensors"}
    words = [word.format(**known) for word in words]
    small = [] if any(word.startswith("model=") for word in words) else MODELS["mlp"][:2]
    code, _, heard = lepton("train", *TABLE, *small, *words, "study=bad")
    assert code == 2
    [line] = [line for line in heard.splitlines() if line.startswith("lepton: ")]
    assert said in line
    assert not (here / "runs" / "bad").exists()


def test_a_network_of_which_nothing_would_be_left_is_refused():
    old = model("mlp", OLD, "model.hidden=[8]")
    new = model("mlp", spec_of(["x"], {"y": ["z"]}), "model.hidden=[8]")
    with pytest.raises(ConfigError, match="no layer below the head could be loaded whole"):
        transfer_weights(new, spec_of(["x"], {"y": ["z"]}), given(old, OLD))


def test_the_weights_of_a_run_are_read_as_it_predicts(pretrained, network):
    source = pretrained("resnet")
    made, data = network(*TABLE, *MODELS["resnet"], f"init_from={source}", "finetune=full")
    rows = data.splits["test"]
    assert torch.equal(made.predict(rows), load_network(source).predict(rows))
