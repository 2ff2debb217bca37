"""What a GPU computes beside the CPU. Without one these are skipped: on a machine that has one,
all other tests train on it too, wherever they do not ask for the CPU."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import load_model
from tests.vectorize.conftest import DATA, largest_difference, train_both  # noqa: F401

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

TABLES = {
    "linear": [],
    "mlp": ["model.hidden=[16]", "model.dropout=0"],
    "resnet": ["model.width=16", "model.hidden_dropout=0"],
    "tabm": ["model.width=16", "model.k=4", "model.dropout=0"],
    "ft_transformer": [
        *("model.width=16", "model.heads=2", "model.blocks=1"),
        *("model.attention_dropout=0", "model.ffn_dropout=0"),
    ],
}
TEXTS = {
    "bag_of_embeddings": ["model.width=8", "model.dropout=0"],
    "text_cnn": ["model.width=8", "model.filters=4", "model.dropout=0"],
    "transformer_tiny": [
        *("model.architecture.hidden_size=16", "model.dropout=0"),
        *(f"+model.architecture.{n}_dropout_prob=0" for n in ("hidden", "attention_probs")),
    ],
}
TASKS = ("dataset.classes=0", "dataset.classes=3", "dataset.labels=3")
EXACT = ("trainer.precision=64-true", "trainer.max_epochs=3", "optimizer.eps=1e-6")


@pytest.fixture
def on_both(run):
    """Trains on the CPU and on the GPU; gives both folders."""

    def on_both(*overrides):
        return [
            run(*overrides, f"trainer.accelerator={where}", f"study={where}")
            for where in ("cpu", "gpu")
        ]

    return on_both


@pytest.fixture
def reviews(here):
    n = np.arange(200)
    texts = [f"review {i} of a {'fine' if i % 2 else 'dull'} film, act {i % 3}" for i in n]
    pd.DataFrame({"review": texts, "y": n % 2}).to_csv(here / "reviews.csv", index=False)
    columns = ("dataset.text=review", "dataset.target=y")
    return ["dataset=text_csv", "dataset.path=reviews.csv", *columns, "batch_size=32"]


@pytest.mark.parametrize("model", TABLES)
def test_networks_of_tables_learn_what_they_do_on_the_cpu(on_both, model):
    cpu, gpu = on_both(*DATA, *EXACT, f"model={model}", *TABLES[model])
    assert largest_difference(cpu, gpu, same_run=False) < 1e-7


@pytest.mark.parametrize("task", TASKS)
def test_tasks_are_learned_and_scored_as_on_the_cpu(on_both, task):
    cpu, gpu = on_both(*DATA, *EXACT, "model=mlp", *TABLES["mlp"], task)
    assert largest_difference(cpu, gpu, same_run=False) < 1e-7


@pytest.mark.parametrize("model", TEXTS)
def test_networks_of_texts_learn_what_they_do_on_the_cpu(on_both, reviews, model):
    cpu, gpu = on_both(*reviews, *EXACT, f"model={model}", *TEXTS[model])
    assert largest_difference(cpu, gpu, same_run=False) < 1e-7


def test_streamed_rows_are_those_in_memory(on_both, run, here):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 6))).rename(
        columns="x{}".format
    )
    frame.assign(y=(frame["x0"] > 0).astype(int)).to_parquet(here / "rows.parquet")
    overrides = ("dataset=parquet", "dataset.path=rows.parquet", "dataset.target=y", *EXACT)
    overrides += ("model=mlp", "trainer.accelerator=gpu")
    whole = run(*overrides, "study=whole")
    streamed = run(*overrides, "dataset.memory_gb=1e-6", "study=streamed")
    assert largest_difference(whole, streamed, same_run=False) == 0


@pytest.mark.parametrize("model", ["mlp", "resnet", "ft_transformer"])
def test_a_stack_in_32_bits_ends_as_its_runs_alone(train_both, model):  # noqa: F811
    overrides = (*DATA, f"model={model}", *TABLES[model], "trainer.accelerator=gpu")
    overrides += ("trainer.max_epochs=3", "optimizer.eps=1e-6", "optimizer.lr=0.001,0.003")
    pairs = train_both(*overrides, "seed=1,2")
    assert max(largest_difference(alone, stacked) for alone, stacked in pairs) < 1e-3


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_half_precision_learns_about_what_32_bits_do(run, precision):
    overrides = (*DATA, "model=mlp", *TABLES["mlp"], "trainer.max_epochs=5", "optimizer.lr=0.01")
    results = [
        json.loads(
            (run(*overrides, f"trainer.precision={p}", f"study={p}") / "result.json").read_text()
        )
        for p in ("32-true", precision)
    ]
    assert results[1]["precision"] == precision
    losses = [result["metrics"]["val/log_loss"] for result in results]
    assert losses[1] == pytest.approx(losses[0], abs=0.05)


def test_memory_is_that_of_the_gpu(run):
    sizes = [
        json.loads((run(*DATA, "model=mlp", f"model.hidden=[{n}]", f"study=n{n}", "trainer=smoke")
                    / "result.json").read_text())["memory_mb"]
        for n in (16, 4096)
    ]  # fmt: skip
    assert sizes[1] - sizes[0] > 4 * 4096 * 8 / 1e6  # weights, gradients and two moments at least


@pytest.mark.parametrize("strategy", ["full", "head", "lora", "lp_ft", "contrastive"])
def test_a_text_network_is_fine_tuned_in_bf16_and_predicts_on_the_cpu(run, reviews, strategy):
    tiny = (*reviews, "model=transformer_tiny", *TEXTS["transformer_tiny"], "trainer.max_epochs=2")
    source = run(*tiny, "study=source")
    tuned = run(
        *(*tiny, f"finetune={strategy}", f"init_from={source}", "seed=3"),
        "trainer.precision=auto",
    )
    result = json.loads((tuned / "result.json").read_text())
    assert strategy == "head" or result["precision"] == "bf16-mixed"
    written = pd.read_parquet(tuned / "predictions" / "test.parquet")
    frame = pd.read_csv("reviews.csv").iloc[written["id"]]
    predicted = load_model(tuned).predict_raw(frame)
    np.testing.assert_allclose(predicted, written[list(predicted)], atol=0.02)
