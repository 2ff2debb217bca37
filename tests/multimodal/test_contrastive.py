"""task=contrastive: the losses in closed form, recall against sorting, ties, and whole runs."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from lepton import load_model
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.inputs.find import input_kind
from lepton.errors import ConfigError
from lepton.example import make_specs
from lepton.model.two_towers import PairHead
from lepton.task.contrastive import RANKS, Contrastive
from tests.shop_files import SHOP, write_shop

SPEC = next(make_specs("binary", [input_kind("text"), input_kind("image")]))
PAIRS = (
    *(w for w in SHOP if not w.startswith(("model", "dataset.target", "dataset.inputs"))),
    *("dataset.target=null", "dataset.use=[image,text]", "dataset.absent=drop"),
    *("dataset.inputs.image.size=8", "model=two_towers", "task=contrastive", "task.dimensions=8"),
    *("model.encoders.image.channels=[4]", "model.encoders.text.width=8"),
    *("model.encoders.text.tokenizer.vocabulary=60", "dataset.columns.sold=ignore"),
)


def task(objective="infonce", dimensions=6):
    settings = {"monitor": None, "loss": None, "added_metrics": []}
    return Contrastive(SPEC, objective=objective, dimensions=dimensions, **settings)


def head(**changes):
    values = {
        **{"widths": [5, 7], "hidden": [], "outputs": 6, "dropout": 0.0},
        **{"temperature": 0.2, "min_temperature": 0.01, "bias": None},
    }
    torch.manual_seed(0)
    return PairHead(**{**values, **changes}).double()


def cosines(head, features):
    first, second = features[:, :5], features[:, 5:12]
    a, b = head.towers[0](first), head.towers[1](second)
    return nn.functional.cosine_similarity(a[:, None], b[None], dim=-1)


FEATURES = torch.randn(9, 14, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_infonce_is_the_cross_entropy_of_the_partner_both_ways():
    pairs = head()
    products = cosines(pairs, FEATURES).detach().numpy() / 0.2
    expected = 0.0
    for way in (products, products.T):
        shares = np.exp(way) / np.exp(way).sum(1, keepdims=True)
        expected -= np.log(np.diag(shares)).mean() / 2
    assert task().loss(pairs(FEATURES), torch.empty(9, 0)).item() == pytest.approx(expected)


def test_siglip_is_the_binary_loss_of_each_pair_with_a_bias():
    pairs = head(bias=-3.0)
    products = cosines(pairs, FEATURES).detach().numpy() / 0.2 - 3
    own = np.eye(9)
    chances = 1 / (1 + np.exp(-products))
    expected = -(own * np.log(chances) + (1 - own) * np.log(1 - chances)).sum() / 9
    loss = task("siglip").loss(pairs(FEATURES), torch.empty(9, 0))
    assert loss.item() == pytest.approx(expected)


def test_the_temperature_is_learned_and_never_below_its_bound():
    pairs = head(temperature=0.02, min_temperature=0.01)
    with torch.no_grad():
        pairs.log_scale.fill_(50.0)
    lengths = pairs(FEATURES).square().sum(-1)
    assert torch.allclose(lengths, torch.full_like(lengths, 100))
    pairs(FEATURES).sum().backward()
    assert pairs.log_scale.grad.abs() > 0  # so that it can come back


def sorted_recall(queries, answers, k):
    order = np.argsort(-(queries @ answers.T), axis=1)
    return np.mean([row in order[row, :k] for row in range(len(queries))])


def test_recall_is_that_of_sorting_all_rows_of_the_split_and_chance_stands_beside():
    vectors = torch.randn(40, 12, generator=torch.Generator().manual_seed(0))
    vectors[:, 6:] += 0.7 * vectors[:, :6]
    first, second = vectors.double().numpy()[:, :6], vectors.double().numpy()[:, 6:]
    scores = task().score(vectors, torch.empty(40, 0))
    assert next(iter(task().metrics)) == "recall_10"
    for k in RANKS:
        ways = sorted_recall(first, second, k), sorted_recall(second, first, k)
        assert scores[f"recall_{k}_text_to_image"] == pytest.approx(ways[0])
        assert scores[f"recall_{k}_image_to_text"] == pytest.approx(ways[1])
        assert scores[f"recall_{k}"] == pytest.approx(np.mean(ways))
        assert scores[f"chance_{k}"] == k / 40


def test_vectors_that_are_all_the_same_find_their_partners_by_chance_alone():
    scores = task().score(torch.ones(30, 12), torch.empty(30, 0))
    for k in RANKS:
        assert scores[f"recall_{k}"] == pytest.approx(scores[f"chance_{k}"])
    assert scores["median_rank"] == 15.5


MISTAKES = {
    "model=multimodal": "task=contrastive: is for model=two_towers alone",
    "task=supervised": "model=two_towers: is for task=contrastive alone",
    "loss=focal": "contrastive has a loss and metrics of its own",
    "dataset.absent=keep": "a pair needs both of its inputs; give dataset.absent=drop",
    "dataset.use=all": "pairs are of two kinds, and there are table, text, image; choose two",
    "dataset.use=[text]": "pairs are of two kinds, and there are text; choose two",
    "model.temperature=0.001": "model.temperature: 0.001 is below model.min_temperature=0.01",
    "task.monitor=recall_11": "has no metric 'recall_11'; did you mean 'recall_1",
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_a_line(here, lepton, mistake):
    write_shop(here)
    words = [w for w in PAIRS if mistake != "model=multimodal" or not w.startswith("model.")]
    words = [w for w in words if not mistake.startswith("task=") or not w.startswith("task.")]
    code, _, said = lepton("check", *words, mistake)
    assert code == 2
    assert MISTAKES[mistake] in said
    assert said.count("\n") == 1


@pytest.mark.slow
def test_a_run_stores_the_vectors_that_it_scores_and_makes_again(here, run):
    table = write_shop(here)
    folder = run(*PAIRS)
    written = pd.read_parquet(folder / "predictions" / "test.parquet")
    names = [f"p_{kind}_{i}" for kind in ("text", "image") for i in range(8)]
    assert list(written.columns) == ["id", *names]
    rows = table.iloc[written["id"]]
    assert (rows["photo"] != "").all()
    assert (rows["note"] != "").all()
    rows = rows.assign(photo="photos/" + rows["photo"])
    predicted = load_model(folder).predict_raw(rows)
    np.testing.assert_allclose(predicted[names], written[names], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_option_is_part_of_a_checked_config(here):
    write_shop(here)
    config = check(compose(*PAIRS))
    assert config["choices"]["task"] == "contrastive"
    with pytest.raises(ConfigError, match=r"task\.dimensions: 0 is not int"):
        check(compose(*PAIRS, "task.dimensions=0"))


@pytest.mark.slow
def test_vectors_of_several_runs_are_not_averaged(here, lepton):
    write_shop(here)
    assert lepton("train", "-m", *PAIRS, "trainer.max_epochs=1", "seed=0,1")[0] == 0
    code, _, said = lepton("ensemble", "runs=default", "method=mean")
    assert code == 2
    assert "those of task contrastive lie in a space of each run's own" in said


@pytest.mark.slow
def test_names_of_classes_alone_classify_above_chance_what_captions_tell(here, run):
    table = write_shop(here, rows=240)
    captions = table["sold"].map({"yes": "green shade", "no": "red shade"})
    table = table.assign(note=captions, sold=captions)[table["photo"] != ""]
    table[["note", "photo", "sold"]].to_csv("shop.csv", index=False)
    words = [w for w in PAIRS if w != "dataset.columns.sold=ignore"]
    words = [w.replace("target=null", "target=sold") for w in words]
    folder = run(
        *words, "dataset.columns.note=text", "trainer.max_epochs=15", "evaluation=zero_shot"
    )
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    assert metrics["test@zero_shot/chance"] == 0.5
    assert metrics["test@zero_shot/accuracy"] > 0.8
    classes = pd.read_parquet(folder / "evaluation" / "zero_shot" / "classes.parquet")
    assert list(classes["prompt"]) == ["green shade", "red shade"]
