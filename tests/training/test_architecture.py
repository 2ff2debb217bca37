"""A run whose pretrained network stands inside of another model needs no file beside its folder."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.model.image_network import build_encoder
from lepton.training.learner import load_learner
from tests.picture_files import write_parts
from tests.shop_files import SHOP, write_shop
from tests.video_files import write_clips

WIDTH = 0.1
NETWORK = {
    "_target_": "lepton.model.mobilenet.MobileNet",
    **{"width": WIDTH, "stem": "imagenet", "path": "weights.pth", "pretrained": "true"},
    **{"mean": "null", "std": "null", "dropout": 0.0},
}
NODE = "{" + ",".join(f"{key}:{value}" for key, value in NETWORK.items()) + "}"
BACKBONE = ("~model.backbone", f"+model.backbone={NODE}")
FAST = ("trainer=cpu", "trainer.max_epochs=1", "trainer.progress=false")
INSPECTION = (
    *("dataset=image_folder", "dataset.path=train", "dataset.test_path=test"),
    *("dataset.size=32", "task=anomaly", "task.normal=good", "model=patch_memory"),
    *("model.patches=5", "model.layers=[encoder.conv_stem]", *BACKBONE),
)
CLIPS = (
    *("dataset=video_folder", "dataset.path=clips", "dataset.size=32", "dataset.frames=2"),
    *("model=frame_network", "model.layer=null", "model.pooling=mean", "finetune=head"),
    *(*BACKBONE, *FAST),
)
KINDS = (
    *(word for word in SHOP if not word.startswith(("model.encoders.image", "trainer"))),
    *("dataset.use=[table,image]", "dataset.inputs.image.size=32", *FAST),
    *("model.encoders.image=mobilenet_v2", "model.encoders.image.path=weights.pth"),
    f"model.encoders.image.width={WIDTH}",
)
FILES = {
    INSPECTION: write_parts,
    CLIPS: lambda folder: write_clips(folder / "clips"),
    KINDS: write_shop,
}


@pytest.mark.slow
@pytest.mark.parametrize("words", FILES, ids=["patch_memory", "frame_network", "multimodal"])
def test_a_run_predicts_without_the_weights_that_a_network_inside_began_with(words, here, run):
    if words is CLIPS:
        pytest.importorskip("av")
    torch.manual_seed(0)
    sizes = {"num_channels": 3, "depth_multiplier": WIDTH, "tf_padding": False}
    encoder = build_encoder("mobilenet_v2", layer_norm_eps=1e-5, **sizes)
    torch.save(encoder.state_dict(), "weights.pth")
    FILES[words](here)
    folder, config = run(*words), check(compose(*words))
    Path("weights.pth").unlink()
    learner, _ = load_learner(folder)
    written = pd.read_parquet(folder / "predictions" / "test.parquet")
    rows = build.data(config).splits["test"]
    assert rows["id"].tolist() == written["id"].tolist()
    np.testing.assert_allclose(learner.predict(rows), written["prediction"], rtol=1e-4)


def test_weights_of_a_network_inside_are_looked_for_before_anything_is_read(here):
    write_parts(here)
    with pytest.raises(ConfigError, match=r"model\.backbone\.path: 'weights.pth': no such file"):
        check(compose(*INSPECTION))
