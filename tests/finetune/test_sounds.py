"""Fine-tuning of networks on sounds: every strategy, and kept features."""

import pytest
import torch

from lepton.finetune.machinery.backbone_features import backbone_features
from lepton.testing import check_method
from tests.finetune.test_strategies import STRATEGIES, build_strategy
from tests.sound_files import write_tones

pytest.importorskip("soundfile")
TRAINING = ("batch_size=8", "trainer=cpu", "trainer.max_epochs=2", "trainer.progress=false")
MODELS = {
    "audio_cnn": ("model=audio_cnn", "model.channels=[8,8]"),
    "audio_transformer": (
        *("model=audio_transformer", "model.width=8", "model.blocks=2", "model.heads=2"),
    ),
    "bc_resnet": ("model=bc_resnet", "model.width=0.3"),
}
WITHOUT_LINEAR = ("audio_cnn", "bc_resnet")  # below their heads
PAIRS = [
    (name, model)
    for name in STRATEGIES
    for model in MODELS
    if not (name == "vera" and model in WITHOUT_LINEAR)
]


@pytest.fixture
def tones(tmp_path):
    write_tones(tmp_path / "tones")
    return ("dataset=audio_folder", f"dataset.path={tmp_path / 'tones'}", *TRAINING)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "model"), PAIRS)
def test_frozen_parameters_stay_and_trainable_ones_move(name, model, tones):
    stacked = ("optimizer=sgd", "optimizer.lr=0.01")
    is_narrow = name == "adalora" and model in WITHOUT_LINEAR
    narrow = ["finetune.initial_rank=8", "finetune.rank=7"] if is_narrow else []
    check_method(
        build_strategy(name, *narrow),
        *tones,
        *MODELS[model],
        "optimizer.lr=0.01",
        stack_overrides=stacked,
    )


@pytest.mark.slow
@pytest.mark.parametrize("keep", ["true", "false"])
def test_kept_features_are_those_of_each_sound_alone(keep, tones, build_network):
    network, data = build_network(*tones, *MODELS["audio_cnn"], f"model.spectrum.keep={keep}")
    features, _ = backbone_features(network.model, network.config, data, network.features)
    model = network.model.eval()
    (kind,) = data.input_kinds()
    for split, rows in data.splits.items():
        assert rows["audio_length"].unique().numel() > 3
        for row in range(len(rows["id"])):
            length = int(rows["audio_length"][row])
            alone = kind.cut(rows, torch.tensor([row]), length)
            torch.testing.assert_close(features[split]["features"][row], model.features(alone)[0])
