"""A fine-tuned run from its start to its folder, and back."""

import itertools
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
from lepton.finetune.machinery.adapters import is_adapter
from lepton.finetune.machinery.backbone_features import backbone_features
from lepton.finetune.machinery.fine_tuning import FineTuning
from lepton.finetune.machinery.layers import named_layers, parameters_under
from lepton.pretrained.weight_files import weights_digest
from lepton.storage import environment
from lepton.storage.results import read_result
from lepton.storage.run_folder import read_config
from lepton.training.learner import load_network
from tests.finetune.conftest import MODELS, OTHER_DATA, TABLE, TRAINING, training_overrides
from tests.quick import quick, quick_rows
from tests.tampering import forget_digests

STRATEGIES = sorted(set(find_options()["finetune"]) - {"none", "prompt"})
ADAPTERS = ("lora", "adalora", "dora", "ia3", "vera")


def training_data(folder):
    """The data that a run learned from."""
    config = OmegaConf.create(read_config(folder / "config.yaml"))
    return build.data(check(config, files=False))


def predictions_and_written(folder, rows=None):
    """Predictions of a run that is read back from its folder, and those that it wrote.

    `rows`: those of its test split, where the run that it started from is not there to make them.
    """
    written = pd.read_parquet(folder / "predictions" / "test.parquet").filter(regex="^p_")
    rows = training_data(folder).splits["test"] if rows is None else rows
    predictions = load_network(folder).predict(rows)
    return predictions.numpy(), written.to_numpy()


QUICK_STRATEGIES = {  # of each way of saving
    "resnet": ("full", "head", "lora"),
    "reader": ("prompt",),
}
SAVED_RUNS = [
    pytest.param(model, name, marks=[] if name in QUICK_STRATEGIES[model] else pytest.mark.slow)
    for model, names in (("resnet", STRATEGIES), ("reader", [*STRATEGIES, "prompt"]))
    for name in names
]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "name"), SAVED_RUNS)
def test_a_run_rebuilt_from_its_folder_predicts_identically(model, name, tune):
    predictions, written = predictions_and_written(tune(name, model, "optimizer.lr=0.01"))
    if name in ("head", "contrastive"):  # trained on features, read back as a whole
        np.testing.assert_allclose(predictions, written, atol=1e-6)
    else:
        assert np.array_equal(predictions, written)


@pytest.mark.parametrize(
    ("name", "model"),
    quick_rows(
        [(name, model) for name in ADAPTERS for model in ("mlp", "ft_transformer", "reader")],
        ("dora", "mlp"),
    ),
)
def test_a_merged_network_computes_what_the_adapted_one_does(name, model, tune):
    folder = tune(name, model, "optimizer.lr=0.03")
    network = load_network(folder)
    merged = network.merged()
    assert not [n for n, _ in merged.named_parameters() if "lora" in n or "ia3" in n or "vera" in n]
    source_model = load_network(next(folder.parents[1].glob("source/*-*"))).model
    assert {n for n, _ in merged.named_parameters()} == {
        n for n, _ in source_model.named_parameters()
    }
    adapted_predictions, _ = predictions_and_written(folder)
    network.model = network.trained_module = merged
    merged_predictions = network.predict(training_data(folder).splits["test"]).numpy()
    assert np.abs(adapted_predictions - merged_predictions).max() < 1e-5
    source_state, head = (
        source_model.state_dict(),
        parameters_under(source_model, named_layers(source_model)[-1]),
    )
    below = [(n, p) for n, p in merged.named_parameters() if n not in head]
    assert any(not torch.equal(p, source_state[n]) for n, p in below)  # the adapters did something


def test_an_adapter_alone_is_kept_and_finds_its_base_by_content(tune, pretrained, tmp_path):
    source = pretrained("ft_transformer")
    folder = tune("lora", "ft_transformer", source=source)
    adapter = load_file(folder / "adapter.safetensors")
    assert not (folder / "model.safetensors").exists()
    assert {n for n in adapter if "lora" not in n} == {
        f"backbone.output.linear.{n}" for n in ("weight", "bias")
    }
    predictions, _ = predictions_and_written(folder)
    rows = training_data(folder).splits["test"]
    moved = source.rename(source.with_name("elsewhere"))
    with pytest.raises(LeptonError, match=r"adapter for .*, which is gone; put the weights of SHA"):
        load_model(folder)
    base = json.loads((forget_digests(folder) / "base.json").read_text())
    (folder / "base.json").write_text(json.dumps(base | {"path": str(moved)}))
    assert np.array_equal(predictions_and_written(folder, rows)[0], predictions)
    state = load_file(forget_digests(moved) / "model.safetensors")
    save_file(
        {n: t + 1 if t.is_floating_point() else t for n, t in state.items()},
        moved / "model.safetensors",
    )
    with pytest.raises(LeptonError, match=r"adapter for .*, which has changed; put"):
        load_model(folder)


@pytest.mark.slow
def test_runs_on_one_base_hold_it_in_memory_once_and_predict_as_alone(tune, pretrained):
    source = pretrained("ft_transformer")
    words = {"lora": (), "ia3": ("seed=1",), "norm": ("finetune.keep=adapter",)}
    folders = {name: tune(name, "ft_transformer", *words[name], source=source) for name in words}
    models = {name: load_model(folder) for name, folder in folders.items()}
    alone = {name: load_network(folder) for name, folder in folders.items()}
    rows = training_data(folders["lora"]).splits["test"]

    def places(name):
        frozen = {p for p in alone[name].model.named_parameters() if not p[1].requires_grad}
        named = dict(models[name].learner.model.named_parameters())
        return {n.replace(".base_layer", ""): named[n].data_ptr() for n, _ in frozen}

    def trained_places(name):
        parameters = models[name].learner.model.parameters()
        return {p.data_ptr() for p in parameters if p.requires_grad}

    for other in ("ia3", "norm"):
        shared = places("lora").keys() & places(other).keys()
        assert len(shared) > 10
        assert all(places("lora")[name] == places(other)[name] for name in shared)
        assert not trained_places("lora") & trained_places(other)
    for name, model in models.items():
        assert torch.equal(model.learner.predict(rows), alone[name].predict(rows))
    next(iter(p for p in models["lora"].learner.model.parameters() if not p.requires_grad)).add_(1)
    assert torch.equal(load_model(folders["ia3"]).learner.predict(rows), alone["ia3"].predict(rows))


@pytest.mark.slow
def test_a_whole_run_needs_no_base(tune, pretrained):
    source = pretrained()
    folder = tune("lora", "mlp", "finetune.keep=whole", source=source)
    predictions, written = predictions_and_written(folder)
    rows = training_data(folder).splits["test"]
    shutil.rmtree(source)
    assert np.array_equal(predictions_and_written(folder, rows)[0], written)
    assert np.array_equal(predictions, written)


@pytest.mark.slow
def test_a_run_may_start_from_an_adapted_run(tune, build_network):
    adapted_run = tune("lora", "mlp", "optimizer.lr=0.05")
    tuning = (f"init_from={adapted_run}", "finetune=full")
    tuned, _ = build_network(*TABLE, *MODELS["mlp"], *OTHER_DATA, *tuning)
    merged_state = load_network(adapted_run).merged().state_dict()
    state = tuned.model.state_dict()
    assert state.keys() == merged_state.keys()
    for name, tensor in state.items():
        assert torch.equal(tensor, merged_state[name]), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"),
    [("lora", "lora"), ("dora", "lora"), ("lora", "adalora")],
)
def test_adapters_on_an_adapted_run_begin_as_it_predicts_and_leave_what_it_learned(
    first, second, tune, build_network
):
    source = tune(first, "mlp", "optimizer.lr=0.005")
    adapted, data = load_network(source), training_data(source)
    start, _ = build_network(
        *TABLE, *MODELS["mlp"], *OTHER_DATA, f"finetune={second}", f"init_from={source}"
    )
    for rows in data.splits.values():
        torch.testing.assert_close(start.predict(rows), adapted.predict(rows), rtol=0, atol=1e-6)
    folder = tune(second, "mlp", "optimizer.lr=0.02", "study=again", source=source)
    result = read_result(folder)
    expected = {name: read_result(source).metrics[name] for name in result.added["start"]}
    assert "test/auroc" in expected
    assert result.added["start"] == pytest.approx(expected, abs=1e-5)
    network = load_network(folder).model
    tuned, merged = network.state_dict(), adapted.merged().state_dict()
    moved = {n for n in tuned if is_adapter(n)} | set(parameters_under(network, ["output"]))
    frozen = {n.replace(".base_layer", ""): n for n in tuned.keys() - moved if "ranknum" not in n}
    assert {*frozen} == {name for name in merged if not name.startswith("output")}
    assert all(torch.equal(tuned[name], merged[plain]) for plain, name in frozen.items())
    assert result.best_epoch >= 0
    state = start.model.state_dict()
    assert all(not torch.equal(tuned[name], state[name]) for name in moved)
    assert {*load_file(folder / "adapter.safetensors")} == moved
    assert np.array_equal(*predictions_and_written(folder))


LORA_VARIANTS = {
    "pissa": ("finetune.start=pissa", "finetune.rank=2"),
    "root": ("finetune.rank_stabilized=true", "finetune.rate_ratio=16"),
}


@pytest.mark.slow
@pytest.mark.parametrize("variant", LORA_VARIANTS)
def test_a_variant_of_lora_is_read_back_and_may_be_started_from(variant, tune, build_network):
    words = ("optimizer.lr=0.05", *LORA_VARIANTS[variant])
    folder = tune("lora", "mlp", *words)
    predictions, written = predictions_and_written(folder)
    assert np.array_equal(predictions, written)
    assert (folder / "model.safetensors").is_file() == (variant == "pissa")
    tuning = (f"init_from={folder}", "finetune=full")
    tuned, _ = build_network(*TABLE, *MODELS["mlp"], *OTHER_DATA, *tuning)
    merged_state = load_network(folder).merged().state_dict()
    for name, tensor in tuned.model.state_dict().items():
        assert torch.equal(tensor, merged_state[name]), name


@pytest.mark.parametrize("model", quick(["mlp", "resnet", "tabm"], "resnet"))
def test_a_head_on_cached_features_is_the_head_trained_without_them(
    model, tune, pretrained, monkeypatch
):
    source = pretrained(model)
    unscaled = ("optimizer.lr=0.01", "finetune.standardize=false", "finetune.start=null")
    cached = tune("head", model, *unscaled, source=source)
    monkeypatch.setattr(FineTuning, "_is_backbone_loaded_whole", staticmethod(lambda model: False))
    uncached = tune("head", model, *unscaled, "study=whole", source=source)
    cached_state, whole_state = (
        load_network(folder).model.state_dict() for folder in (cached, uncached)
    )
    assert cached_state.keys() == whole_state.keys()
    for name, tensor in cached_state.items():
        torch.testing.assert_close(tensor, whole_state[name], atol=1e-6, rtol=1e-5)
    tables = [pd.read_parquet(f / "predictions/test.parquet") for f in (cached, uncached)]
    cached_predictions, whole_predictions = (table.to_numpy(float) for table in tables)
    np.testing.assert_allclose(cached_predictions, whole_predictions, atol=1e-5)
    source_state = load_network(source).model.state_dict()
    for name, tensor in cached_state.items():
        if not name.startswith("output") and "output.linear" not in name:
            assert torch.equal(tensor, source_state[name]), name


@pytest.mark.slow
def test_features_are_computed_once_and_a_damaged_cache_is_computed_anew(tune, pretrained, cache):
    from lepton.training.network import Network

    source, calls, features = pretrained(), [], Network.features
    Network.features = lambda *arguments: calls.append(1) or features(*arguments)
    try:
        first = tune("head", source=source)
        tune("head", "mlp", "seed=1", "optimizer.lr=0.1", "model.dropout=0.3", source=source)
        tune("lora", "mlp", source=source)
        assert len(calls) == 3  # a split each
        cached_file, *_ = (cache / "features").iterdir()
        cached_file.write_bytes(cached_file.read_bytes()[:99])
        again = tune("head", "mlp", "study=again", source=source)
        assert len(calls) == 4
    finally:
        Network.features = features
    first_state, second_state = (
        load_file(folder / "model.safetensors") for folder in (first, again)
    )
    assert all(torch.equal(first_state[name], second_state[name]) for name in first_state)


PROBE = linear_probe_baseline.ProbeSettings([0.1, 1.0], 100)


@pytest.mark.slow
def test_what_another_version_would_compute_is_computed_anew(
    build_network, pretrained, upgrade, monkeypatch
):
    tuning = (f"init_from={pretrained()}", "finetune=full")
    network, _ = build_network(*TABLE, *MODELS["mlp"], *tuning)
    computed, fit = [], linear_probe_baseline._best_probe

    def fit_baseline(*arguments):
        computed.append("baseline")
        return fit(*arguments)

    monkeypatch.setattr(linear_probe_baseline, "_best_probe", fit_baseline)

    def compute(inputs):
        computed.append("features")
        return network.features(inputs)

    def compute_all():
        computed.clear()
        _, data = build_network(*TABLE, *MODELS["mlp"], *tuning)
        splits, key = backbone_features(network.model, network.config, data, compute)
        linear_probe_baseline.linear_probe(splits, network.task, key, PROBE)
        return {*computed}

    assert compute_all() == {"features", "baseline"}
    assert compute_all() == set()
    for package, features_anew, baseline_anew in (
        *((package, True, True) for package in ("torch", "transformers", "peft")),
        *((package, True, True) for package in ("lepton_experiments", "tabm")),
        *((package, False, True) for package in ("scikit_learn", "torchmetrics")),
        *((package, False, False) for package in ("tokenizers", "pandas")),
    ):
        anew = {"features": features_anew, "baseline": baseline_anew}
        installed = environment._version(package.replace("_", "-"))
        upgrade(**{package: "99"})
        assert compute_all() == {name for name, expected in anew.items() if expected}, package
        assert compute_all() == set(), package
        upgrade(**{package: installed})
        assert compute_all() == set(), package


@pytest.mark.slow
def test_fewer_examples_leave_the_features_of_validation_and_test(build_network, pretrained):
    tuning = (f"init_from={pretrained()}", "finetune=full")
    computed_rows = []
    for train_rows, expected_splits in ((99, ["train", "val", "test"]), (12, ["train"])):
        network, data = build_network(*TABLE, *MODELS["mlp"], *tuning)
        data.splits["train"] = {n: t[:train_rows] for n, t in data.splits["train"].items()}
        computed_rows.clear()

        def compute(inputs, network=network):
            computed_rows.append(len(inputs["num"]))
            return network.features(inputs)

        splits, _ = backbone_features(network.model, network.config, data, compute)
        for split, split_rows in data.splits.items():
            assert torch.equal(splits[split]["features"], network.features(split_rows))
        assert computed_rows == [len(data.splits[split]["id"]) for split in expected_splits]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp", "reader"])
def test_the_second_phase_starts_from_the_best_probe(model, tune, pretrained, monkeypatch):
    source, thawed_states = pretrained(model), []
    from lepton.finetune.lp_ft import ProbeThenFull

    thaw_all = ProbeThenFull.thaw

    def thaw(self, model):
        thawed_states.append({n: t.clone() for n, t in model.state_dict().items()})
        thaw_all(self, model)

    monkeypatch.setattr(ProbeThenFull, "thaw", thaw)
    overrides = ("finetune.probe_epochs=6", "finetune.probe_lr=0.05", "finetune.start=null")
    folder = tune("lp_ft", model, *overrides, source=source)
    probe_folder = tune(
        "head",
        model,
        "finetune.start=null",
        "optimizer.lr=0.05",
        "trainer.max_epochs=6",
        "scheduler=warmup_linear",
        "regularization=gradient_clipping",
        source=source,
    )
    [start], probe_state = thawed_states, load_file(probe_folder / "model.safetensors")
    assert all(torch.equal(start[name], probe_state[name]) for name in probe_state)
    history = pd.read_parquet(folder / "history.parquet")
    assert list(history["epoch"]) == list(range(9))
    best_epoch = int(history["val/score"].idxmax())
    assert read_result(folder).best_epoch == best_epoch
    probe_history = pd.read_parquet(probe_folder / "history.parquet")
    assert list(history["val/score"][:6]) == list(probe_history["val/score"])
    final = load_file(folder / "model.safetensors")
    head = parameters_under(
        load_network(folder).model, named_layers(load_network(folder).model)[-1]
    )
    has_moved = any(not torch.equal(final[name], start[name]) for name in final if name not in head)
    assert has_moved == (best_epoch >= 6)  # a probe that nothing beats is kept


OVERRIDES_BY_STRATEGY = {
    "gradual_unfreeze": ("trainer.max_epochs=5",),
    "lora": ("model.dropout=0.3", "finetune.dropout=0.2", "trainer.max_epochs=3"),
    "adalora": ("model.dropout=0.3", "finetune.dropout=0.2", "trainer.max_epochs=3"),
    "l2sp": ("regularization=[ema,label_smoothing]", "trainer.max_epochs=3"),
    "layerwise_lr": ("scheduler=one_cycle", "trainer.max_epochs=3"),
    "head": ("trainer.max_epochs=3", "regularization=[ema]"),
    "lp_ft": ("finetune.probe_epochs=2", "trainer.max_epochs=2", "regularization=[ema]"),
    "contrastive": ("finetune.rounds=3", "trainer.max_epochs=3", "regularization=[ema]"),
}


STOPPED_RUNS = [("mlp", name) for name in OVERRIDES_BY_STRATEGY]
STOPPED_RUNS += [("reader", name) for name in ("lp_ft", "gradual_unfreeze", "contrastive")]
QUICK_STOPPED_RUNS = (  # each way of saving, and of phases
    ("mlp", "lora"),
    ("mlp", "contrastive"),
    ("reader", "lp_ft"),
)


@pytest.mark.slow
@pytest.mark.parametrize("every", [10, 3])
@pytest.mark.parametrize(("model", "name"), STOPPED_RUNS)
def test_a_tuning_stopped_again_and_again_ends_as_one_that_was_not(
    model, name, every, pretrained, stopped, run, fingerprint
):
    tuning = (f"finetune={name}", f"init_from={pretrained(model)}")
    overrides = (*training_overrides(model, other=True), *tuning, *OVERRIDES_BY_STRATEGY[name])
    folder, stops = stopped(every, *overrides)
    assert stops >= 2
    uninterrupted = run(*overrides)
    assert fingerprint(folder) == fingerprint(uninterrupted)
    weights = "adapter" if name in ADAPTERS else "model"
    stopped_state, whole_state = (
        load_file(f / f"{weights}.safetensors") for f in (folder, uninterrupted)
    )
    assert all(torch.equal(stopped_state[n], whole_state[n]) for n in whole_state)


@pytest.mark.slow
def test_a_row_says_before_and_after_and_what_it_cost(tune, pretrained, only_folder):
    folder = tune("last_k", "mlp", "forgetting=true", "dataset.classes=3", source=pretrained())
    result = read_result(folder)
    assert set(result.added["before"]) == set(result.metrics)
    assert 0 < result.trainable < result.parameters
    assert result.memory_mb > 10
    [row] = load("tuned").to_dict("records")
    assert row["before/test/auroc"] == result.added["before"]["test/auroc"]
    assert row["source/before/test/auroc"] == pytest.approx(
        read_result(only_folder("source")).metrics["test/auroc"]
    )
    assert row["source/after/test/auroc"] == result.added["source"]["after/test/auroc"]


@pytest.mark.slow
def test_forgetting_is_the_sources_head_on_the_tuned_backbone(tune, pretrained):
    from lepton.metric.scoring import score
    from lepton.run import read_data

    source = pretrained()
    folder = tune("full", "mlp", "forgetting=true", "optimizer.lr=0.05", source=source)
    network, tuned_state = load_network(source), load_network(folder).model.state_dict()
    state = network.model.state_dict()
    for name, tensor in state.items():
        if not name.startswith("output"):
            tensor.copy_(tuned_state[name])
    test = read_data(read_result(source).config).splits["test"]
    expected = score(network.predict(test), test["target"], task="multiclass")
    forgetting = read_result(folder).added["source"]
    assert forgetting["after/test/log_loss"] == pytest.approx(expected["log_loss"])
    assert forgetting["after/test/log_loss"] != forgetting["before/test/log_loss"]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["multiclass", "binary", "regression", "multilabel"])
def test_before_is_the_best_of_scikit_learns_heads(task, build_network, pretrained):
    from sklearn.linear_model import LogisticRegression, Ridge

    task_overrides = {
        "multiclass": [],
        "binary": ["dataset.classes=2"],
        "regression": ["dataset.classes=0"],
        "multilabel": ["dataset.labels=2"],
    }[task]
    tuning = (f"init_from={pretrained()}", "finetune=full")
    network, data = build_network(*TABLE, *MODELS["mlp"], *OTHER_DATA[:1], *task_overrides, *tuning)
    network.prepare_phases(data)
    features = {
        s: network.features(data.splits[s]).double().numpy() for s in ("train", "val", "test")
    }
    mean, std = features["train"].mean(0), features["train"].std(0)
    std[std == 0] = 1
    standardized = {split: (x - mean) / std for split, x in features.items()}
    targets = {split: data.splits[split]["target"].numpy() for split in features}
    errors_by_penalty = []
    for inverse_penalty, of_split in itertools.product(
        (1e-3, 1e-2, 1e-1, 1, 10), (standardized, features)
    ):
        if task == "regression":
            model = Ridge(1 / inverse_penalty).fit(of_split["train"], targets["train"])
            errors = [
                np.sqrt(((model.predict(of_split[s]) - targets[s]) ** 2).mean())
                for s in ("val", "test")
            ]
        else:
            columns = targets["train"][:, None] if targets["train"].ndim == 1 else targets["train"]
            models = [
                LogisticRegression(C=inverse_penalty, max_iter=500).fit(of_split["train"], column)
                for column in columns.T
            ]
            errors = []
            for split in ("val", "test"):
                target = targets[split][:, None] if targets[split].ndim == 1 else targets[split]
                probabilities = [model.predict_proba(of_split[split]) for model in models]
                probabilities = [
                    of_head[np.arange(len(of_head)), true.astype(int)]
                    for of_head, true in zip(probabilities, target.T, strict=True)
                ]
                errors.append(-np.log(np.stack(probabilities)).mean())
        errors_by_penalty.append(errors)
    name = "rmse" if task == "regression" else "log_loss"
    val, test = min(errors_by_penalty)
    assert network.fine_tuning.probe.metrics[f"val/{name}"] == pytest.approx(val, rel=1e-3)
    assert network.fine_tuning.probe.metrics[f"test/{name}"] == pytest.approx(test, rel=1e-3)


def predictions(folder, split="test"):
    return pd.read_parquet(folder / "predictions" / f"{split}.parquet").filter(regex="^p_")


STARTS_KEPT = [name for name in STRATEGIES if name != "contrastive"]  # whose pairs move it


@pytest.mark.parametrize("strategy", quick(STARTS_KEPT, "full", "head", "lora", "lp_ft"))
def test_a_start_of_the_same_classes_is_shown_and_kept_where_no_epoch_beats_it(
    strategy, run, pretrained
):
    source = pretrained()
    words = [f"finetune={strategy}", f"init_from={source}", "optimizer.lr=50"]
    words += ["finetune.probe_lr=50"] if strategy == "lp_ft" else []
    words += ["finetune.start=null"] if strategy in ("head", "lp_ft") else []
    folder = run(*training_overrides("mlp"), *words)
    result, source_result = read_result(folder), read_result(source)
    start = {name: source_result.metrics[name] for name in result.added["start"]}
    assert result.added["start"] == pytest.approx(start, abs=1e-5)
    assert result.best_epoch == -1
    assert {**result.metrics} == pytest.approx({**source_result.metrics}, abs=1e-5)
    pd.testing.assert_frame_equal(predictions(folder), predictions(source), atol=1e-5, rtol=0)


@pytest.mark.slow
def test_a_start_of_other_classes_is_not_shown_and_no_random_head_is_kept(tune):
    result = read_result(tune("full"))
    assert "start" not in result.added
    assert result.best_epoch >= 0


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "is_kept"), [("prompt", False), ("full", True)])
def test_random_tokens_before_the_text_are_no_start_that_may_be_kept(
    strategy, is_kept, build_network, pretrained
):
    start = (f"init_from={pretrained('reader')}", f"finetune={strategy}")
    network, data = build_network(*training_overrides("reader"), *start)
    [phase] = network.prepare_phases(data)
    assert phase.starts_learned == is_kept


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        *([f"finetune={name}", "finetune.keep=whole"] for name in ADAPTERS if name != "adalora"),
        ["finetune=adalora", "finetune.keep=whole", "finetune.rank=2", "finetune.initial_rank=4"],
        ["finetune=lora", "finetune.start=pissa", "finetune.rank=2"],
    ],
    ids=" ".join,
)
def test_adapters_beside_layers_that_are_made_new_are_stored_whole_and_read_back(
    words, run, pretrained
):
    start = (f"init_from={pretrained()}", *words)
    folder = run("dataset=wine", *TRAINING, *MODELS["mlp"], *start)
    predictions, written = predictions_and_written(folder)
    assert np.abs(predictions - written).max() < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["head", "lp_ft"])
def test_a_head_that_begins_as_scikit_learns_best_is_at_least_that(strategy, tune, pretrained):
    rates = ["finetune.probe_lr=50"] if strategy == "lp_ft" else []
    words = ("finetune.start=probe", "optimizer.lr=50", *rates)
    result = read_result(tune(strategy, "mlp", *words))
    assert result.best_epoch == -1  # no epoch of such steps is better
    for metric, value in result.added["before"].items():
        assert result.metrics[metric] == pytest.approx(value, abs=2e-3), metric
    random = read_result(tune(strategy, "mlp", *words[1:], "finetune.start=null"))
    assert random.best_epoch >= 0
    assert random.metrics["val/log_loss"] > result.metrics["val/log_loss"]


@pytest.mark.slow
def test_a_loaded_head_that_is_better_than_scikit_learns_stays(run, pretrained):
    source = pretrained("mlp", "trainer.max_epochs=40", "optimizer.lr=0.01")
    start = (f"init_from={source}", "finetune=head", "finetune.start=probe", "optimizer.lr=50")
    words = (*training_overrides("mlp"), *start)
    worse = ("linear_probe.strengths=[1e-9]", "linear_probe.iterations=1")
    result = read_result(run(*words, *worse))
    assert result.metrics["test/log_loss"] == pytest.approx(
        read_result(source).metrics["test/log_loss"], abs=1e-5
    )
    assert result.metrics["test/log_loss"] != result.added["before"]["test/log_loss"]


@pytest.mark.slow
@pytest.mark.parametrize("words", [("tabm",), ("mlp", "dataset.classes=0")], ids=" ".join)
def test_a_head_that_is_not_of_classes_or_not_linear_begins_as_ever(words, tune, pretrained):
    model, *overrides = words
    first, second = (
        tune("head", model, *overrides, f"finetune.start={start}") for start in ("probe", "null")
    )
    assert first != second
    pd.testing.assert_frame_equal(
        *(pd.read_parquet(folder / "predictions" / "test.parquet") for folder in (first, second))
    )


@pytest.mark.slow
def test_a_head_that_begins_at_zero_is_not_the_start(run, pretrained):
    start = (f"init_from={pretrained()}", "finetune=head", "finetune.start=zeros")
    assert "start" not in read_result(run(*training_overrides("mlp"), *start)).added


@pytest.mark.slow
def test_the_strengths_of_the_baseline_can_be_chosen_and_are_part_of_the_id(tune, pretrained):
    source = pretrained()
    folders = [
        tune("full", "mlp", f"linear_probe.strengths={strengths}", source=source)
        for strengths in ("[0.001,0.01,0.1,1.0,10.0]", "[0.0001]")
    ]
    usual = tune("full", "mlp", source=source)
    assert folders[0] == usual != folders[1]
    losses = [read_result(folder).added["before"]["val/log_loss"] for folder in folders]
    assert losses[0] < losses[1]  # the best of five is no worse than the strongest penalty


@pytest.mark.slow
def test_the_identity_of_a_run_holds_the_content_of_its_start_and_not_its_place(
    pretrained, here, run
):
    source = pretrained()
    overrides = (*TABLE, *MODELS["mlp"], "finetune=head")
    first = run(*overrides, f"init_from={source}")
    shutil.copytree(source, here / "copy")
    assert run(*overrides, "init_from=copy") == first
    other = pretrained("mlp", "seed=4")
    assert run(*overrides, f"init_from={other}") != first
    assert weights_digest(source) == weights_digest(here / "copy") != weights_digest(other)


def test_a_run_from_scratch_has_the_id_it_had_before_there_was_tuning(build_network):
    from lepton.config.check import check
    from lepton.config.compose import compose
    from lepton.config.identity import canonical_config

    canonical = canonical_config(check(compose(*TABLE)))
    assert not {"finetune", "init_from", "forgetting", "kind", "suggested"} & set(canonical)
    assert not {"shots", "fraction", "max_numeric_classes"} & set(canonical["dataset"])


@pytest.mark.slow
def test_an_old_run_is_read_back(run):
    import yaml

    folder = run(*TABLE, *MODELS["mlp"])
    config = yaml.safe_load((forget_digests(folder) / "config.yaml").read_text())
    for key in ("finetune", "init_from", "forgetting", "suggested"):
        del config[key]
    config["kind"] = "table"  # which runs said of their network once
    for key in ("shots", "fraction", "max_numeric_classes", "min_identifier_values"):
        del config["dataset"][key]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    spec = json.loads((folder / "spec.json").read_text())
    del spec["categories"]
    (folder / "spec.json").write_text(json.dumps(spec))
    assert load_model(folder).spec.categories == ()


@pytest.mark.slow
def test_a_search_looks_at_strategies_and_learning_rates(pretrained, lepton):
    overrides = (*TABLE, *MODELS["mlp"], *OTHER_DATA, f"init_from={pretrained()}", "study=searched")
    space = ("finetune=head,full", "optimizer.lr=tag(log,interval(1e-4,1e-1))")
    search = ("hydra/sweeper=search", "hydra.sweeper.n_trials=3", "hydra/launcher=basic")
    code, _, output = lepton("train", "-m", *overrides, *space, *search)
    assert code == 0, output
    frame = load("searched")
    assert len(frame) == 3
    assert frame["optimizer.lr"].nunique() == 3
    assert not frame["before/test/auroc"].isna().any()
