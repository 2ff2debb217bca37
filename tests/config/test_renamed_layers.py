"""The runs whose ids changed when blocks, and not modules, became the layers of encoders."""

import json

import pytest
from omegaconf import OmegaConf

from lepton.config.compose import compose
from lepton.config.younger_keys import changes_of

SENTENCE = "a block is a layer, with what follows it; all before the blocks is one"

TEXTS = ("dataset=text_csv", "dataset.path=texts.csv", "dataset.text=text", "dataset.target=y")
GOES_BY_LAYERS = ["last_k", "gradual_unfreeze", "layerwise_lr"]
OTHERS = ["full", "head", "lora", "norm", "bitfit", "l2sp", "lp_ft"]


@pytest.fixture(autouse=True)
def files(here):
    """What the configs name."""
    (here / "texts.csv").write_text("text,y\na,0\nb,1\n")
    (here / "weights.safetensors").touch()


def revised(*overrides):
    """The options of a config whose results the change has touched."""
    config = OmegaConf.to_container(compose(*overrides))
    return {path for path, lines in changes_of(config).items() if SENTENCE in lines}


def folder_of(here, model_type):
    folder = here / model_type
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    for name in "model.safetensors", "tokenizer.json":
        (folder / name).touch()
    return f"model.path={folder}"


@pytest.mark.slow
@pytest.mark.parametrize("strategy", GOES_BY_LAYERS)
def test_runs_of_encoders_whose_layers_changed_have_another_id(strategy, here):
    texts = (*TEXTS, "init_from=weights.safetensors", f"finetune={strategy}")
    for model_type, is_other in [("gpt2", True), ("bert", False), ("roberta", False)]:
        by_architecture = ("model=transformer_tiny", f"model.architecture.model_type={model_type}")
        by_folder = ("model=transformer", folder_of(here, model_type))
        for words in by_architecture, by_folder:
            assert ("finetune" in revised(*texts, *words)) == is_other, words
    assert "finetune" in revised(*texts, "model=transformer_tiny", "model.pooling=attention")


@pytest.mark.slow
@pytest.mark.parametrize("strategy", GOES_BY_LAYERS)
def test_runs_of_other_networks_keep_their_ids(strategy, here):
    start = ("init_from=weights.safetensors", f"finetune={strategy}")
    for model in ["mlp_small", "resnet", "ft_transformer", "tabm"]:
        assert "finetune" not in revised("dataset=wine", f"model={model}", *start)
    images = ("dataset=digits", *start)
    for model, is_other in [("vit", True), ("convnext", True), ("image_resnet", False)]:
        assert ("finetune" in revised(*images, f"model={model}")) == is_other


@pytest.mark.parametrize("strategy", OTHERS)
def test_strategies_that_do_not_go_by_layers_keep_their_ids(strategy, here):
    words = (
        "model=transformer_tiny",
        "model.architecture.model_type=gpt2",
        "init_from=weights.safetensors",
    )
    assert "finetune" not in revised(*TEXTS, *words, f"finetune={strategy}")


def test_an_encoder_inside_of_a_network_counts(here):
    words = ("finetune=last_k", "init_from=weights.safetensors", "model=multimodal")
    texts = ("dataset=multimodal", "dataset.path=texts.csv", "dataset.target=y")
    tiny = "model.encoders.text=transformer_tiny"
    gpt2 = "model.encoders.text.architecture.model_type=gpt2"
    assert "finetune" not in revised(*texts, *words, tiny)
    assert "finetune" in revised(*texts, *words, tiny, gpt2)
