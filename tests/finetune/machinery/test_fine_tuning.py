"""A fine-tuned run from its start to its folder, and back."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file

from lepton import build, load, load_model
from lepton.config.check import check
from lepton.config.options import find_options
from lepton.errors import LeptonError
from lepton.finetune.machinery import linear_probe_baseline
from lepton.finetune.machinery.backbone_features import backbone_features
from lepton.finetune.machinery.fine_tuning import FineTuning
from lepton.finetune.machinery.layers import named_layers, parameters_under
from lepton.pretrained.weight_files import weights_digest
from lepton.storage.results import read_result
from lepton.storage.run_folder import read_config
from lepton.training.learner import load_network
from tests.finetune.conftest import MODELS, OTHER, TABLE, begin
from tests.quick import quick, quick_rows

STRATEGIES = sorted(set(find_options()["finetune"]) - {"none", "prompt"})
ADAPTERS = ("lora", "dora", "ia3")


def data_of(folder):
    """The data that a run learned from."""
    config = OmegaConf.create(read_config(folder / "config.yaml"))
    return build.data(check(config, files=False))


def predictions(folder):
    """Predictions of a run read back from its folder, beside those that it wrote."""
    written = pd.read_parquet(folder / "predictions" / "test.parquet").filter(regex="^p_")
    ours = load_network(folder).predict(data_of(folder).splits["test"])
    return ours.numpy(), written.to_numpy()


QUICK = {  # of each way of saving
    "resnet": ("full", "head", "lp_ft", "lora", "ia3"),
    "reader": ("lora", "prompt"),
}
SAVED = [
    pytest.param(model, name, marks=[] if name in QUICK[model] else pytest.mark.slow)
    for model, names in (("resnet", STRATEGIES), ("reader", [*STRATEGIES, "prompt"]))
    for name in names
]


@pytest.mark.parametrize(("model", "name"), SAVED)
def test_a_run_rebuilt_from_its_folder_predicts_identically(model, name, tune):
    ours, written = predictions(tune(name, model, "optimizer.lr=0.01"))
    if name in ("head",):  # trained on features, read back as a whole
        np.testing.assert_allclose(ours, written, atol=1e-6)
    else:
        assert np.array_equal(ours, written)


@pytest.mark.parametrize(
    ("name", "model"),
    quick_rows(
        [(name, model) for name in ADAPTERS for model in ("mlp", "ft_transformer", "reader")],
        *zip(ADAPTERS, ("ft_transformer", "mlp", "reader"), strict=True),
    ),
)
def test_a_merged_network_computes_what_the_adapted_one_does(name, model, tune):
    folder = tune(name, model, "optimizer.lr=0.03")
    network = load_network(folder)
    merged = network.merged()
    assert not [n for n, _ in merged.named_parameters() if "lora" in n or "ia3" in n]
    plain = load_network(next(folder.parents[1].glob("source/*-*"))).model
    assert {n for n, _ in merged.named_parameters()} == {n for n, _ in plain.named_parameters()}
    ours, _ = predictions(folder)
    network.model = network.trained_module = merged
    theirs = network.predict(data_of(folder).splits["test"]).numpy()
    assert np.abs(ours - theirs).max() < 1e-5
    start, head = plain.state_dict(), parameters_under(plain, named_layers(plain)[-1])
    below = [(n, p) for n, p in merged.named_parameters() if n not in head]
    assert any(not torch.equal(p, start[n]) for n, p in below)  # the adapters did something


def test_an_adapter_alone_is_kept_and_finds_its_base_by_content(tune, pretrained, tmp_path):
    source = pretrained("ft_transformer")
    folder = tune("lora", "ft_transformer", source=source)
    saved = load_file(folder / "adapter.safetensors")
    assert not (folder / "model.safetensors").exists()
    assert {n for n in saved if "lora" not in n} == {
        f"backbone.output.linear.{n}" for n in ("weight", "bias")
    }
    ours, _ = predictions(folder)
    moved = source.rename(source.with_name("elsewhere"))
    with pytest.raises(LeptonError, match=r"adapter for .*, which is gone; put the weights of SHA"):
        load_model(folder)
    known = json.loads((folder / "base.json").read_text())
    (folder / "base.json").write_text(json.dumps(known | {"path": str(moved)}))
    assert np.array_equal(predictions(folder)[0], ours)
    spoilt = load_file(moved / "model.safetensors")
    save_file(
        {n: t + 1 if t.is_floating_point() else t for n, t in spoilt.items()},
        moved / "model.safetensors",
    )
    with pytest.raises(LeptonError, match=r"adapter for .*, which has changed; put"):
        load_model(folder)


def test_a_whole_run_needs_no_base(tune, pretrained):
    source = pretrained()
    folder = tune("lora", "mlp", "finetune.keep=whole", source=source)
    ours, written = predictions(folder)
    shutil.rmtree(source)
    assert np.array_equal(predictions(folder)[0], written)
    assert np.array_equal(ours, written)


def test_a_run_may_start_from_an_adapted_run(tune, network):
    first = tune("lora", "mlp", "optimizer.lr=0.05")
    start = (f"init_from={first}", "finetune=full")
    second, _ = network(*TABLE, *MODELS["mlp"], *OTHER, *start)
    merged = load_network(first).merged().state_dict()
    state = second.model.state_dict()
    assert state.keys() == merged.keys()
    for name, tensor in state.items():
        assert torch.equal(tensor, merged[name]), name


@pytest.mark.parametrize("model", quick(["mlp", "resnet", "tabm"], "resnet"))
def test_a_head_on_cached_features_is_the_head_trained_without_them(
    model, tune, pretrained, monkeypatch
):
    source, plain = pretrained(model), ("optimizer.lr=0.01", "finetune.standardize=false")
    cached = tune("head", model, *plain, source=source)
    monkeypatch.setattr(FineTuning, "_is_backbone_loaded_whole", staticmethod(lambda model: False))
    whole = tune("head", model, *plain, "study=whole", source=source)
    one, two = (load_network(folder).model.state_dict() for folder in (cached, whole))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], atol=1e-6, rtol=1e-5)
    tables = [pd.read_parquet(f / "predictions/test.parquet") for f in (cached, whole)]
    a, b = (table.to_numpy(float) for table in tables)
    np.testing.assert_allclose(a, b, atol=1e-5)
    start = load_network(source).model.state_dict()
    for name, tensor in one.items():
        if not name.startswith("output") and "output.linear" not in name:
            assert torch.equal(tensor, start[name]), name


def test_features_are_computed_once_and_a_damaged_cache_is_computed_anew(tune, pretrained, cache):
    from lepton.training.network import Network

    source, calls, real = pretrained(), [], Network.features
    Network.features = lambda *given: calls.append(1) or real(*given)
    try:
        first = tune("head", source=source)
        tune("head", "mlp", "seed=1", "optimizer.lr=0.1", "model.dropout=0.3", source=source)
        tune("lora", "mlp", source=source)
        assert len(calls) == 3  # a split each
        kept, *_ = (cache / "features").iterdir()
        kept.write_bytes(kept.read_bytes()[:99])
        again = tune("head", "mlp", "study=again", source=source)
        assert len(calls) == 4
    finally:
        Network.features = real
    a, b = (load_file(folder / "model.safetensors") for folder in (first, again))
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    ("package", "features_anew", "baseline_anew"),
    [
        *((package, True, True) for package in ("torch", "transformers", "peft")),
        *((package, True, True) for package in ("lepton_experiments", "tabm")),
        *((package, False, True) for package in ("scikit_learn", "torchmetrics")),
        *((package, False, False) for package in ("tokenizers", "pandas")),
    ],
)
def test_what_another_version_would_compute_is_computed_anew(
    package, features_anew, baseline_anew, network, pretrained, upgrade, monkeypatch
):
    start = (f"init_from={pretrained()}", "finetune=full")
    made, _ = network(*TABLE, *MODELS["mlp"], *start)
    computed, fit = [], linear_probe_baseline._best_metrics

    def fit_baseline(splits, task):
        computed.append("baseline")
        return fit(splits, task)

    monkeypatch.setattr(linear_probe_baseline, "_best_metrics", fit_baseline)

    def compute(inputs):
        computed.append("features")
        return made.features(inputs)

    def compute_all():
        computed.clear()
        _, data = network(*TABLE, *MODELS["mlp"], *start)
        splits, key = backbone_features(made.model, made.config, data, compute)
        linear_probe_baseline.linear_probe_metrics(splits, made.task, key)
        return {*computed}

    upgrade(**{package: "before"})
    assert compute_all() == {"features", "baseline"}
    assert compute_all() == set()
    upgrade(**{package: "after"})
    anew = {"features": features_anew, "baseline": baseline_anew}
    assert compute_all() == {name for name, expected in anew.items() if expected}
    assert compute_all() == set()
    upgrade(**{package: "before"})
    assert compute_all() == set()


def test_fewer_examples_leave_the_features_of_validation_and_test(network, pretrained):
    start = (f"init_from={pretrained()}", "finetune=full")
    seen = []
    for rows, computed in ((99, ["train", "val", "test"]), (12, ["train"])):
        made, data = network(*TABLE, *MODELS["mlp"], *start)
        data.splits["train"] = {n: t[:rows] for n, t in data.splits["train"].items()}
        seen.clear()

        def compute(inputs, made=made):
            seen.append(len(inputs["num"]))
            return made.features(inputs)

        splits, _ = backbone_features(made.model, made.config, data, compute)
        for split, part in data.splits.items():
            assert torch.equal(splits[split]["features"], made.features(part))
        assert seen == [len(data.splits[split]["id"]) for split in computed]


@pytest.mark.parametrize("model", ["mlp", "reader"])
def test_the_second_part_starts_from_the_best_probe(model, tune, pretrained, monkeypatch):
    source, seen = pretrained(model), []
    from lepton.finetune.lp_ft import ProbeThenFull

    real = ProbeThenFull.thaw

    def thaw(self, model):
        seen.append({n: t.clone() for n, t in model.state_dict().items()})
        real(self, model)

    monkeypatch.setattr(ProbeThenFull, "thaw", thaw)
    words = ("finetune.probe_epochs=6", "finetune.probe_lr=0.05")
    folder = tune("lp_ft", model, *words, source=source)
    probed = tune(
        "head",
        model,
        "optimizer.lr=0.05",
        "trainer.max_epochs=6",
        "scheduler=warmup_linear",
        "regularization=gradient_clipping",
        source=source,
    )
    [start], probe = seen, load_file(probed / "model.safetensors")
    assert all(torch.equal(start[name], probe[name]) for name in probe)
    history = pd.read_parquet(folder / "history.parquet")
    assert list(history["epoch"]) == list(range(9))
    assert read_result(folder).best_epoch >= 6
    first = pd.read_parquet(probed / "history.parquet")
    assert list(history["val/score"][:6]) == list(first["val/score"])
    final = load_file(folder / "model.safetensors")
    head = parameters_under(
        load_network(folder).model, named_layers(load_network(folder).model)[-1]
    )
    assert any(not torch.equal(final[name], start[name]) for name in final if name not in head)


SETTINGS = {
    "gradual_unfreeze": ("trainer.max_epochs=5",),
    "lora": ("model.dropout=0.3", "finetune.dropout=0.2", "trainer.max_epochs=3"),
    "l2sp": ("regularization=[ema,label_smoothing]", "trainer.max_epochs=3"),
    "layerwise_lr": ("scheduler=one_cycle", "trainer.max_epochs=3"),
    "head": ("trainer.max_epochs=3", "regularization=[ema]"),
    "lp_ft": ("finetune.probe_epochs=2", "trainer.max_epochs=2", "regularization=[ema]"),
}


STOPPED = [("mlp", name) for name in SETTINGS]
STOPPED += [("reader", "lp_ft"), ("reader", "gradual_unfreeze")]
EACH_WAY = (("mlp", "lora"), ("mlp", "head"), ("reader", "lp_ft"))  # of saving, and of parts


@pytest.mark.parametrize("every", quick([10, 3], 10))
@pytest.mark.parametrize(("model", "name"), quick_rows(STOPPED, *EACH_WAY))
def test_a_tuning_stopped_again_and_again_ends_as_one_that_was_not(
    model, name, every, pretrained, stopped, run, fingerprint
):
    start = (f"finetune={name}", f"init_from={pretrained(model)}")
    words = (*begin(model, other=True), *start, *SETTINGS[name])
    folder, stops = stopped(every, *words)
    assert stops >= 2
    whole = run(*words)
    assert fingerprint(folder) == fingerprint(whole)
    kept = "adapter" if name == "lora" else "model"
    ours, theirs = (load_file(f / f"{kept}.safetensors") for f in (folder, whole))
    assert all(torch.equal(ours[n], theirs[n]) for n in theirs)


def test_a_row_says_before_and_after_and_what_it_cost(tune, pretrained, only):
    folder = tune("last_k", "mlp", "forgetting=true", "dataset.classes=3", source=pretrained())
    known = read_result(folder)
    assert set(known.before) == set(known.metrics)
    assert 0 < known.trainable < known.parameters
    assert known.memory_mb > 10
    [row] = load("tuned").to_dict("records")
    assert row["before/test/auroc"] == known.before["test/auroc"]
    assert row["source/before/test/auroc"] == pytest.approx(
        read_result(only("source")).metrics["test/auroc"]
    )
    assert row["source/after/test/auroc"] == known.forgetting["after/test/auroc"]


def test_forgetting_is_the_sources_head_on_the_tuned_backbone(tune, pretrained):
    from lepton.metric.scoring import score
    from lepton.run import read_data

    source = pretrained()
    folder = tune("full", "mlp", "forgetting=true", "optimizer.lr=0.05", source=source)
    network, tuned = load_network(source), load_network(folder).model.state_dict()
    state = network.model.state_dict()
    for name, tensor in state.items():
        if not name.startswith("output"):
            tensor.copy_(tuned[name])
    test = read_data(read_result(source).config).splits["test"]
    expected = score(network.predict(test), test["target"], task="multiclass")
    known = read_result(folder).forgetting
    assert known["after/test/log_loss"] == pytest.approx(expected["log_loss"])
    assert known["after/test/log_loss"] != known["before/test/log_loss"]


@pytest.mark.parametrize(
    "task", quick(["multiclass", "binary", "regression", "multilabel"], "binary", "regression")
)
def test_before_is_the_best_of_scikit_learns_heads(task, network, pretrained):
    from sklearn.linear_model import LogisticRegression, Ridge

    own = {
        "multiclass": [],
        "binary": ["dataset.classes=2"],
        "regression": ["dataset.classes=0"],
        "multilabel": ["dataset.labels=2"],
    }[task]
    start = (f"init_from={pretrained()}", "finetune=full")
    made, data = network(*TABLE, *MODELS["mlp"], *OTHER[:1], *own, *start)
    made.prepare_phases(data)
    rows = {s: made.features(data.splits[s]).double().numpy() for s in ("train", "val", "test")}
    mean, std = rows["train"].mean(0), rows["train"].std(0)
    std[std == 0] = 1
    rows = {split: (x - mean) / std for split, x in rows.items()}
    y = {split: data.splits[split]["target"].numpy() for split in rows}
    found = []
    for c in (1e-3, 1e-2, 1e-1, 1, 10):
        if task == "regression":
            model = Ridge(1 / c).fit(rows["train"], y["train"])
            errors = [
                np.sqrt(((model.predict(rows[s]) - y[s]) ** 2).mean()) for s in ("val", "test")
            ]
        else:
            columns = y["train"][:, None] if y["train"].ndim == 1 else y["train"]
            models = [
                LogisticRegression(C=c, max_iter=500).fit(rows["train"], k) for k in columns.T
            ]
            errors = []
            for split in ("val", "test"):
                target = y[split][:, None] if y[split].ndim == 1 else y[split]
                p = [m.predict_proba(rows[split]) for m in models]
                p = [q[np.arange(len(q)), t.astype(int)] for q, t in zip(p, target.T, strict=True)]
                errors.append(-np.log(np.stack(p)).mean())
        found.append(errors)
    name = "rmse" if task == "regression" else "log_loss"
    val, test = min(found)
    assert made.fine_tuning.linear_probe_metrics[f"val/{name}"] == pytest.approx(val, rel=1e-3)
    assert made.fine_tuning.linear_probe_metrics[f"test/{name}"] == pytest.approx(test, rel=1e-3)


def test_the_identity_of_a_run_holds_the_content_of_its_start_and_not_its_place(
    pretrained, here, run
):
    source = pretrained()
    words = (*TABLE, *MODELS["mlp"], "finetune=head")
    first = run(*words, f"init_from={source}")
    shutil.copytree(source, here / "copy")
    assert run(*words, "init_from=copy") == first
    other = pretrained("mlp", "seed=4")
    assert run(*words, f"init_from={other}") != first
    assert weights_digest(source) == weights_digest(here / "copy") != weights_digest(other)


def test_a_run_from_scratch_has_the_id_it_had_before_there_was_tuning(network):
    from lepton.config.check import check
    from lepton.config.identity import canonical_config
    from tests.quick import compose

    kept = canonical_config(check(compose(*TABLE)))
    assert not {"finetune", "init_from", "forgetting", "kind", "suggested"} & set(kept)
    assert not {"shots", "fraction"} & set(kept["dataset"])


def test_an_old_run_is_read_back(run):
    import yaml

    folder = run(*TABLE, *MODELS["mlp"])
    config = yaml.safe_load((folder / "config.yaml").read_text())
    for key in ("finetune", "init_from", "forgetting", "kind", "suggested"):
        del config[key]
    del config["dataset"]["shots"], config["dataset"]["fraction"]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    spec = json.loads((folder / "spec.json").read_text())
    del spec["categories"]
    (folder / "spec.json").write_text(json.dumps(spec))
    assert load_model(folder).spec.categories == ()


def test_a_search_looks_at_strategies_and_learning_rates(pretrained, lepton):
    words = (*TABLE, *MODELS["mlp"], *OTHER, f"init_from={pretrained()}", "study=searched")
    space = ("finetune=head,full", "optimizer.lr=tag(log,interval(1e-4,1e-1))")
    search = ("hydra/sweeper=search", "hydra.sweeper.n_trials=3", "hydra/launcher=basic")
    code, _, said = lepton("train", "-m", *words, *space, *search)
    assert code == 0, said
    frame = load("searched")
    assert len(frame) == 3
    assert frame["optimizer.lr"].nunique() == 3
    assert not frame["before/test/auroc"].isna().any()
