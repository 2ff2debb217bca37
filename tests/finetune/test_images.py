"""Fine-tuning of networks on images: every strategy, updates of convolutions, kept features."""

import pytest
import torch

from lepton.finetune.machinery.adapters import merge_adapters
from lepton.testing import check_method
from tests.finetune.test_strategies import STRATEGIES, build_strategy

TRAINING = ("batch_size=16", "trainer=cpu", "trainer.max_epochs=2", "trainer.progress=false")
DIGITS = ("dataset=digits", "dataset.fraction=0.05", *TRAINING)
MODELS = {
    "image_resnet": ("model=image_resnet", "model.width=4"),
    "vit": (
        *("model=vit", "model.width=8", "model.blocks=2", "model.heads=2", "model.patch_size=4"),
    ),
    "convnext": ("model=convnext", "model.widths=[4,4,8,8]", "model.blocks=[1,1,1,1]"),
}
PAIRS = [
    (name, model)
    for name in STRATEGIES
    for model in MODELS
    if (name, model) != ("vera", "image_resnet")  # which has no linear layer below its head
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "model"),
    PAIRS,
)
def test_frozen_parameters_stay_and_trainable_ones_move(name, model):
    stacked = ("optimizer=sgd", "optimizer.lr=0.01")
    check_method(
        build_strategy(name), *DIGITS, *MODELS[model], "optimizer.lr=0.01", stack_overrides=stacked
    )


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["lora", "dora", "ia3"])
def test_updates_of_convolutions_are_changes_of_their_weights(strategy, build_network):
    network, data = build_network(*DIGITS, *MODELS["image_resnet"])
    network.model.double()
    batch = {"image": data.splits["val"]["image"][:4]}
    base = {name: p.detach().clone() for name, p in network.model.named_parameters()}
    before = network.model.eval()(batch)
    tuned = build_strategy(strategy, "finetune.rank=2" if strategy != "ia3" else "seed=0").prepare(
        network.model, data.spec
    )
    torch.testing.assert_close(tuned.eval()(batch), before)
    parameters = dict(tuned.named_parameters())
    for name, parameter in parameters.items():
        if "lora_B" in name or "ia3_l" in name:
            torch.nn.init.normal_(parameter, 1.0, 0.1)
    merged = merge_adapters(tuned)
    torch.testing.assert_close(merged(batch), tuned(batch))
    assert not torch.equal(merged(batch), before)
    name = "encoder.encoder.stages.1.layers.0.layer.0.convolution"
    if strategy == "lora":
        down, up = (parameters[f"{name}.lora_{part}.default.weight"] for part in "AB")
        update = torch.einsum("or,rikl->oikl", up[:, :, 0, 0], down) * 16 / 2
        expected = base[f"{name}.weight"] + update
        torch.testing.assert_close(merged.get_parameter(f"{name}.weight"), expected)
    merged_names = {n for n, _ in merged.named_parameters()}
    assert merged_names == {*base}
