"""Every option of conf/ keeps the contract of its group."""

from functools import cache

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.model_kind import fits_itself
from lepton.config.options import CONF_DIR, find_options
from lepton.dataset.synthetic import make_table
from lepton.testing import (
    CombinerContract,
    DatasetContract,
    MethodContract,
    ModelContract,
    OptimizerContract,
    SavedModelContract,
)
from tests.quick import quick

OPTIONS = find_options()
TEXT_NETWORKS = ["bag_of_embeddings", "text_cnn", "transformer_tiny"]
IMAGE_NETWORKS = ["cnn_small", "image_resnet", "vit", "convnext", "mobilenet"]
AUDIO_NETWORKS = ["audio_cnn", "bc_resnet", "audio_transformer"]
VIDEO_NETWORKS = ["frame_network"]
PRETRAINED = [  # classes that are held to it with small weights elsewhere
    *("minilm", "transformer", "image_encoder", "efficientnet_lite0", "mobilenet_v2"),
    *("speech_embedding", "audio_encoder"),
    "vit_small",  # vit of another size
]
ESTIMATORS = ["gradient_boosting", "tfidf_linear", "catboost", "lightgbm", "xgboost"]
INSPECTING = ["patch_memory", "feature_gaussian"]  # fit themselves too
OF_OTHER_INPUTS = [
    *TEXT_NETWORKS,
    *IMAGE_NETWORKS,
    *AUDIO_NETWORKS,
    *VIDEO_NETWORKS,
    *PRETRAINED,
    *ESTIMATORS,
    *INSPECTING,
    *("multimodal", "two_towers"),  # tests/multimodal holds them to it
]
NETWORKS = [name for name in OPTIONS["model"] if name not in OF_OTHER_INPUTS]
DATASETS = ["breast_cancer", "diabetes", "digits_flat", "german_credit", "wine", "synthetic"]
SMALL_DATASETS = [name for name in DATASETS if name != "digits_flat"]
OF_A_TEACHER_OR_BLOCKS = ["distill", "stochastic_depth"]  # held to it in tests/regularization
METHODS = sorted(set(OPTIONS["regularization"]) - {"none", *OF_A_TEACHER_OR_BLOCKS})
SOUPS = ["soup", "greedy_soup"]  # average weights, no predictions
COMBINERS = sorted(path.stem for path in (CONF_DIR / "ensemble").glob("*.yaml"))
COMBINERS = [name for name in COMBINERS if name not in SOUPS]
MADE_UP = ("dataset=synthetic", "dataset.missing=0.1")
SMALL_NETWORK = {"width": 32, "k": 4, "filters": 8, "hidden": [32, 32]}
SMALL_IMAGE_NETWORK = {
    "image_resnet": {"width": 4},
    "vit": {"width": 8, "blocks": 2, "heads": 2, "patch_size": 4},
    "convnext": {"widths": [4, 4, 8, 8], "blocks": [1, 1, 1, 1]},
    "mobilenet": {"width": 0.1},
}
SMALL_SOUND_NETWORK = {
    "audio_cnn": {"channels": [4, 6]},
    "bc_resnet": {"width": 0.3},
    "audio_transformer": {"width": 16, "blocks": 2, "heads": 2},
}
SHORT_SELECTION = {"size": 10, "bags": 3}  # of greedy
REVIEWS = (
    *("dataset=vader", "model=text_cnn", "dataset.source=reviews"),
    *("dataset.split=random", "dataset.split_column=null"),
)


@cache
def config_of(*overrides):
    return check(compose(*overrides))


def with_values(node, values):
    """The node with those of the values that it has a key for."""
    return node | {key: value for key, value in values.items() if key in node}


def from_yaml(group, option, values, **arguments):
    """An instance of the class that an option names, with its file's values or these."""
    node = OmegaConf.to_container(OmegaConf.load(CONF_DIR / group / f"{option}.yaml"))
    target = get_object(node.pop("_target_"))
    return target(**arguments, **with_values(node, values))


class Chosen:
    """Part of a contract of several options, each a case of the fixture `option`."""

    @pytest.fixture(autouse=True)
    def choose(self, option):
        self.option = option


@pytest.mark.parametrize("option", NETWORKS)
class TestNetworks(Chosen, ModelContract):
    tasks = ("multiclass", "regression")

    def build(self, spec):
        node = config_of(f"model={self.option}")["model"]
        return build.instantiate(with_values(node, SMALL_NETWORK), "model", spec=spec)


@pytest.mark.slow
class TestNetworksOnOtherTasks(TestNetworks):
    tasks = ("binary", "multilabel")


@pytest.mark.parametrize("option", TEXT_NETWORKS)
class TestTextNetworks(Chosen, ModelContract):
    kind, tasks = "text", ("multiclass", "regression")

    def build(self, spec):
        node = config_of(f"model={self.option}", "dataset=vader")["model"]
        return build.instantiate(with_values(node, SMALL_NETWORK), "model", spec=spec)


@pytest.mark.parametrize("option", quick(IMAGE_NETWORKS, "cnn_small", "image_resnet", "vit"))
class TestImageNetworks(Chosen, ModelContract):
    kind, tasks = "image", ("multiclass", "regression")

    def build(self, spec):
        node = config_of(f"model={self.option}", "dataset=digits")["model"]
        small = SMALL_IMAGE_NETWORK.get(self.option, SMALL_NETWORK)
        return build.instantiate(with_values(node, small), "model", spec=spec)


@pytest.mark.parametrize("option", AUDIO_NETWORKS)
class TestAudioNetworks(Chosen, ModelContract):
    kind, tasks = "audio", ("multiclass",)

    def build(self, spec):
        words = (f"model={self.option}", "dataset=audio_folder", f"dataset.path={CONF_DIR}")
        node = config_of(*words)["model"]
        small = SMALL_SOUND_NETWORK[self.option]
        return build.instantiate(with_values(node, small), "model", spec=spec)


@pytest.mark.parametrize("option", VIDEO_NETWORKS)
class TestVideoNetworks(Chosen, ModelContract):
    kind, tasks = "video", ("multiclass",)

    def build(self, spec):
        node = config_of(f"model={self.option}", "dataset=moving_digits")["model"]
        return build.instantiate(with_values(node, {"width": 8, "blocks": 1}), "model", spec=spec)


@pytest.mark.slow
class TestAudioNetworksOnOtherTasks(TestAudioNetworks):
    tasks = ("binary", "multilabel", "regression")


@pytest.mark.slow
@pytest.mark.parametrize("option", NETWORKS)
class TestSavedNetworks(Chosen, SavedModelContract):
    tasks = ("multiclass", "regression")

    def build(self, spec):
        node = config_of(f"model={self.option}")["model"]
        return build.instantiate(with_values(node, SMALL_NETWORK), "model", spec=spec)


@pytest.mark.slow
class TestTextNetworksOnOtherTasks(TestTextNetworks):
    tasks = ("binary", "multilabel")


@pytest.mark.slow
class TestImageNetworksOnOtherTasks(TestImageNetworks):
    tasks = ("binary", "multilabel")


@pytest.mark.parametrize("option", quick(DATASETS, *SMALL_DATASETS))
class TestDatasets(Chosen, DatasetContract):
    @property
    def overrides(self):
        return [f"dataset={self.option}"]


@pytest.mark.parametrize(
    "option",
    [
        pytest.param((*MADE_UP, "dataset.labels=3"), id="labels"),
        pytest.param((*MADE_UP, "dataset.classes=0"), id="numbers"),
        pytest.param(REVIEWS, id="texts"),
        pytest.param(("dataset=digits", "model=cnn_small"), id="images"),
        pytest.param((*REVIEWS, "dataset.target=rating"), id="ratings", marks=pytest.mark.slow),
    ],
)
class TestDatasetsWithOtherValues(Chosen, DatasetContract):
    @property
    def overrides(self):
        return self.option


@pytest.fixture(scope="module")
def table_folder(tmp_path_factory):
    """A folder with a table as table.csv and as table.parquet."""
    frame = make_table(
        rows=200,
        numbers=3,
        categories=[3],
        classes=3,
        labels=0,
        noise=0.3,
        missing=0.1,
        data_seed=0,
    )
    folder = tmp_path_factory.mktemp("tables")
    frame.to_csv(folder / "table.csv", index=False)
    frame.to_parquet(folder / "table.parquet")
    return folder


@pytest.mark.parametrize("option", ["csv", "parquet"])
class TestDatasetsOfAFile(Chosen, DatasetContract):
    @pytest.fixture(autouse=True)
    def choose_path(self, table_folder):
        self.folder = table_folder

    @property
    def overrides(self):
        path = self.folder / f"table.{self.option}"
        return [f"dataset={self.option}", f"dataset.path={path}", "dataset.target=target"]


@pytest.mark.parametrize("option", quick(METHODS, "early_stopping", "ema", "l1"))
class TestRegularizations(Chosen, MethodContract):
    def build(self):
        start = ("finetune=full",) if self.option == "l2sp" else ()
        node = config_of(f"regularization={self.option}", *start)["regularization"][self.option]
        return build.instantiate(node, "regularization")


@pytest.mark.parametrize("option", ["dataset.classes=3", "dataset.labels=3"])
class TestLabelSmoothingOfMoreClasses(Chosen, MethodContract):
    @property
    def overrides(self):
        return [self.option]

    def build(self):
        node = config_of("regularization=label_smoothing")["regularization"]["label_smoothing"]
        return build.instantiate(node, "regularization")


@pytest.mark.parametrize("option", OPTIONS["optimizer"])
class TestOptimizers(Chosen, OptimizerContract):
    def build(self, params):
        return from_yaml("optimizer", self.option, {}, params=params)


@pytest.mark.parametrize("option", COMBINERS)
class TestCombiners(Chosen, CombinerContract):
    def build(self, task):
        return from_yaml("ensemble", self.option, SHORT_SELECTION, task=task)


def test_no_option_is_left_out():
    assert len(NETWORKS) >= 6
    assert len(METHODS) >= 7
    assert len(OPTIONS["optimizer"]) >= 9
    assert len(COMBINERS) >= 8
    assert set(OPTIONS["dataset"]) - set(DATASETS) == {
        *("csv", "parquet", "openml", "vader", "text_csv", "huggingface", "huggingface_images"),
        *("digits", "idx", "npz", "image_folder", "audio_folder", "multimodal"),
        *("video_folder", "moving_digits"),
    }
    assert set(OPTIONS["model"]) == {*NETWORKS, *OF_OTHER_INPUTS}


def test_some_models_fit_themselves():
    inspected = ("dataset=digits", "task=anomaly", "task.normal=3")
    configs = [
        config_of("model=gradient_boosting"),
        config_of("model=tfidf_linear", "dataset=vader"),
        *(config_of(f"model={name}", *inspected) for name in INSPECTING),
    ]
    assert all(map(fits_itself, configs))
