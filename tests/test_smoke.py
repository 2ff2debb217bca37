"""A short training with every option of conf/ that needs no network, into a whole run folder."""

import importlib.util
import math
from itertools import cycle

import pandas as pd
import pytest
import torch

from lepton import load, train
from lepton.config.compose import compose
from lepton.config.options import find_options
from lepton.errors import ConfigError, LeptonError
from tests.quick import quick, quick_rows
from tests.sound_files import write_tones

OPTIONS = find_options()
TASKS = {
    "binary": [],
    "multiclass": ["dataset.classes=3"],
    "multilabel": ["dataset.labels=3"],
    "regression": ["dataset.classes=0"],
}
KINDS = {"numbers": "dataset.categories=[]", "categories": "dataset.numbers=0"}
TINY = ["dataset=synthetic", "dataset.rows=120", "dataset.missing=0.05", "batch_size=16"]
NARROW = {  # sizes that cost less and go the same way
    "tabm": ["model.width=16", "model.k=4"],
    "ft_transformer": ["model.width=16", "model.heads=2"],
    "resnet": ["model.width=16"],
    "mlp": ["model.hidden=[16]"],
    "realmlp": ["model.hidden=[16]"],
    "tabm_small": ["model.width=16", "model.k=4"],
    "gradient_boosting": ["model.max_iter=5"],
    "catboost": ["model.iterations=5"],
    "lightgbm": ["model.n_estimators=5"],
    "xgboost": ["model.n_estimators=5"],
    "image_resnet": ["model.width=4"],
    "vit": ["model.width=8", "model.blocks=1", "model.heads=2", "model.patch_size=4"],
    "convnext": ["model.widths=[4,4,8,8]", "model.blocks=[1,1,1,1]"],
    "mobilenet": ["model.width=0.1"],
    "audio_cnn": ["model.channels=[4,6]"],
    "bc_resnet": ["model.width=0.3"],
    "audio_transformer": ["model.width=16", "model.blocks=1", "model.heads=2"],
}
TEXT = ["bag_of_embeddings", "text_cnn", "tfidf_linear", "transformer_tiny"]
AUDIO = ["audio_cnn", "bc_resnet", "audio_transformer"]
VIDEO = ["frame_network"]
IMAGE = ["cnn_small", "image_resnet", "vit", "convnext", "mobilenet"]
PRETRAINED = ["minilm", "transformer", "image_encoder", "efficientnet_lite0", "mobilenet_v2"]
PRETRAINED += ["speech_embedding", "audio_encoder"]
INSPECTING = ["patch_memory", "feature_gaussian"]
OTHERS = {*TEXT, *IMAGE, *AUDIO, *VIDEO, *PRETRAINED, *INSPECTING}
OTHERS |= {"vit_small", "multimodal", "two_towers"}
TABULAR = sorted(set(OPTIONS["model"]) - OTHERS)
NOT_OFFLINE = {  # needs a file or a network
    *("openml", "csv", "parquet", "text_csv", "huggingface", "image_folder", "idx", "npz"),
    *("audio_folder", "video_folder", "multimodal", "huggingface_images"),
}
OFFLINE = sorted(set(OPTIONS["dataset"]) - NOT_OFFLINE - {"vader", "digits", "moving_digits"})
PRESETS = {  # beside the preset, what makes it short
    "default": ["trainer.max_epochs=2"],
    "cpu": ["trainer.max_epochs=2"],
    "debug": ["trainer.max_epochs=2"],
    "overfit": ["trainer.max_epochs=3"],
    "profile": [],
    "smoke": [],
}
ADAPTERS = ("lora", "adalora", "dora", "ia3", "vera")
LORA = dict.fromkeys(ADAPTERS, "finetune.keep=whole")  # the file looked for
FILES = {
    "config.yaml",
    "overrides.yaml",
    "environment.json",
    "history.parquet",
    "log.txt",
    "result.json",
    "spec.json",
}


@pytest.fixture
def smoke(tmp_path):
    """Trains for two batches, and holds the result and its folder to what every run promises."""

    def smoke(*overrides):
        keys = {override.partition("=")[0] for override in overrides}
        short = [] if "trainer" in keys else ["trainer=smoke"]
        model = next((o.partition("=")[2] for o in overrides if o.startswith("model=")), None)
        model_size = ["model=mlp_small"] if model is None else NARROW.get(model, [])
        result = train(compose(*short, *model_size, *overrides, f"runs={tmp_path}", "study=smoke"))
        check_result_and_folder(result, tmp_path / "smoke")
        return result

    return smoke


def check_result_and_folder(result, study):
    folder, is_estimator = study / result.run, result.config["trainer"] is None
    assert len(result.metrics) >= 6
    assert all(map(math.isfinite, [*result.metrics.values(), *result.constant.values()]))
    assert set(result.constant) == set(result.metrics)
    assert {path.name for path in folder.iterdir()} >= FILES
    assert (folder / "preprocessing.skops").is_file() == bool(result.config["preprocessing"])
    suffixes = ("skops", "json") if is_estimator else ("safetensors",)
    assert sum((folder / f"model.{suffix}").is_file() for suffix in suffixes) == 1
    for split in ("val", "test"):
        frame = pd.read_parquet(folder / "predictions" / f"{split}.parquet")
        assert len(frame) == result.rows[split] > 0
        assert not frame.isna().any(axis=None)
    assert is_estimator or 0 < result.trainable <= result.parameters
    strategy = result.config["finetune"] or {}
    first = strategy.get("probe_epochs", int("rounds" in strategy))  # those of another phase
    assert is_estimator or 0 < result.epochs - first <= result.config["trainer"]["max_epochs"]
    table = load(study)
    [row] = table[table["run"] == result.run].to_dict("records")
    assert row["status"] == "finished"
    assert {name: row[name] for name in result.metrics} == result.metrics
    assert {group: row[group] for group in result.choices} == result.choices
    assert not list(study.glob("*.part"))


DEFAULT_PAIRS = [*zip(TABULAR, cycle(TASKS), strict=False)]


@pytest.mark.parametrize(
    ("model", "task"),
    quick_rows([(model, task) for model in TABULAR for task in TASKS], *DEFAULT_PAIRS),
)
def test_every_model_learns_every_task(model, task, smoke):
    result = smoke(*TINY, *TASKS[task], f"model={model}")
    assert ("test/rmse" in result.metrics) == (task == "regression")


@pytest.mark.parametrize("model", IMAGE)
def test_every_model_of_images_learns(model, smoke):
    smoke("dataset=digits", f"model={model}")


@pytest.mark.parametrize("model", VIDEO)
def test_every_model_of_clips_learns(model, smoke):
    smoke("dataset=moving_digits", "dataset.clips=60", f"model={model}")


@pytest.mark.parametrize("model", AUDIO)
def test_every_model_of_sounds_learns(model, smoke, tmp_path):
    pytest.importorskip("soundfile")
    write_tones(tmp_path / "tones")
    smoke("dataset=audio_folder", f"dataset.path={tmp_path / 'tones'}", f"model={model}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "model", quick(TABULAR, "ft_transformer", "gradient_boosting", "mlp", "realmlp")
)
def test_every_model_learns_from_one_kind_of_column(model, kind, smoke):
    smoke(*TINY, KINDS[kind], f"model={model}")


@pytest.mark.parametrize("model", quick(["resnet", "gradient_boosting"], "gradient_boosting"))
@pytest.mark.parametrize("dataset", quick(OFFLINE, "diabetes", "german_credit", "wine"))
def test_every_dataset_is_learned_from(dataset, model, smoke):
    result = smoke(f"dataset={dataset}", f"model={model}")
    assert result.choices["dataset"] == dataset


@pytest.mark.parametrize("model", ["mlp_small", "gradient_boosting"])
@pytest.mark.parametrize("option", ["csv", "parquet"])
def test_a_file_is_learned_from(option, model, smoke, tmp_path):
    rows = range(90)
    frame = pd.DataFrame({"x": rows, "c": [f"k{i % 3}" for i in rows], "y": [i % 2 for i in rows]})
    path = tmp_path / f"table.{option}"
    frame.to_csv(path, index=False) if option == "csv" else frame.to_parquet(path)
    overrides = [f"dataset={option}", f"dataset.path={path}", "dataset.target=y"]
    smoke(*overrides, f"model={model}")


@pytest.mark.parametrize("option", quick(OPTIONS["preprocessing"], "none", "robust"))
def test_every_preprocessing_prepares(option, smoke):
    smoke(*TINY, f"preprocessing={option}")
    smoke(*TINY, f"preprocessing={option}", "model=gradient_boosting")


@pytest.mark.parametrize(
    "option", quick(OPTIONS["optimizer"], "adafactor", "muon", "schedule_free_adamw")
)
def test_every_optimizer_moves_the_weights(option, smoke):
    smoke(*TINY, f"optimizer={option}")


@pytest.mark.parametrize("option", quick(OPTIONS["scheduler"], "none", "one_cycle", "plateau"))
def test_every_scheduler_goes_along(option, smoke):
    smoke(*TINY, f"scheduler={option}", "trainer=cpu", "trainer.max_epochs=2")


RESNET = ("model=resnet", *NARROW["resnet"])


@pytest.mark.parametrize("option", quick(OPTIONS["regularization"], "early_stopping", "ema", "l1"))
def test_every_regularization_goes_along(option, smoke, tmp_path):
    words = ()
    if option == "l2sp":  # draws back to the weights of another run
        start = smoke(*TINY, "dataset.data_seed=3")
        words = ("finetune=full", f"init_from={tmp_path}/smoke/{start.run}")
    elif option == "stochastic_depth":  # leaves out residual blocks
        words = RESNET
    elif option == "distill":  # learns from another run
        teacher = smoke(*TINY, "model=linear", "regularization=none")
        words = (f"regularization.distill.teacher={tmp_path}/smoke/{teacher.run}",)
    smoke(*TINY, *words, f"regularization={option}")


TUNED = [name for name in OPTIONS["finetune"] if name not in ("none", "prompt")]


OF_CLASSES = {"contrastive": "multiclass"}  # which learns from pairs of rows of these
PAIRS = [
    (name, OF_CLASSES.get(name, task)) for name, task in zip(TUNED, cycle(TASKS), strict=False)
]


@pytest.mark.parametrize(("option", "task"), quick_rows(PAIRS, *PAIRS[::6]))
def test_every_strategy_goes_along(option, task, smoke, tmp_path):
    source = smoke(*TINY, *RESNET)
    overrides = [*RESNET, f"finetune={option}", f"init_from={tmp_path}/smoke/{source.run}"]
    result = smoke(
        *TINY, *TASKS[task], "dataset.data_seed=3", *overrides, LORA.get(option, "seed=1")
    )
    assert set(result.added["before"]) == set(result.metrics)


@pytest.mark.parametrize(
    ("option", "others"),
    [("multiclass", {"asam", "swa"}), ("multilabel", {"sam", "ema", "early_stopping"})],
)
def test_all_regularizations_go_together(option, others, smoke):
    names = sorted(set(OPTIONS["regularization"]) - {"none", "distill", "l2sp", *others})
    overrides = [*RESNET, f"regularization=[{','.join(names)}]", "scheduler=cosine"]
    result = smoke(*TINY, *TASKS[option], *overrides)
    assert result.choices["regularization"] == "+".join(names)


@pytest.mark.parametrize("option", quick(PRESETS, "debug", "overfit", "profile"))
def test_every_trainer_that_runs_anywhere_runs(option, smoke):
    result = smoke(*TINY, f"trainer={option}", *PRESETS[option])
    assert result.epochs == result.config["trainer"]["max_epochs"]


def test_no_trainer_is_left_out():
    assert set(OPTIONS["trainer"]) == {*PRESETS, "gpu", "ddp", "fsdp"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_the_gpu_trainer_refuses_without_one_and_leaves_no_run(tmp_path):
    with pytest.raises(
        ConfigError, match=r"^trainer\.accelerator: .* no gpu here; write trainer=cpu"
    ):
        train(compose(*TINY, "trainer=gpu", f"runs={tmp_path}"))
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize("option", quick(OPTIONS["logger"], "csv", "none", "tensorboard"))
def test_every_logger_is_told_or_says_what_to_install(option, smoke, tmp_path):
    needed = {"tensorboard": "tensorboard", "mlflow": "mlflow", "wandb": "wandb"}.get(option)
    overrides = [*TINY, f"logger={option}"]
    if needed and importlib.util.find_spec(needed) is None:
        with pytest.raises(LeptonError, match=rf"logger={option}: .*lepton-experiments\[track\]"):
            smoke(*overrides)
        return
    folder = tmp_path / "smoke" / smoke(*overrides).run
    if option == "csv":
        table = pd.read_csv(folder / "csv" / "metrics.csv")
        assert {"step", "train/loss", "val/log_loss"} <= set(table)
    if option == "tensorboard":
        assert list((tmp_path / "tensorboard" / "smoke" / folder.name).glob("events.*"))
