"""Fine-tuning of networks on tokens, where it is not that of tables."""

import pytest
import torch
from safetensors.torch import load_file

from lepton.dataset.inputs.text import TextInputs
from lepton.dataset.load.batch_cutter import BatchCutter
from lepton.finetune.machinery.backbone_features import backbone_features
from lepton.pretrained.location import TOKENIZER_FILE
from lepton.pretrained.weight_files import WEIGHTS_FILE
from lepton.storage.run_folder import RESULT_FILE
from lepton.training.learner import load_network
from tests.finetune.conftest import training_overrides

DETERMINISTIC = (  # nothing drawn, and steps in proportion to gradients
    *("model.dropout=0", "model.architecture.hidden_dropout_prob=0"),
    *("+model.architecture.attention_probs_dropout_prob=0", "optimizer=sgd", "optimizer.lr=0.5"),
)


@pytest.mark.slow
def test_features_are_those_of_each_text_alone_in_the_order_of_the_rows(build_network, pretrained):
    tuning = ("finetune=head", f"init_from={pretrained('reader')}")
    network, data = build_network(*training_overrides("reader", other=True), *tuning)
    features, _ = backbone_features(network.model, network.config, data, network.features)
    model = network.model.eval()
    for split, rows in data.splits.items():
        assert rows["length"].unique().numel() > 3
        assert torch.equal(features[split]["id"], rows["id"])
        for row in range(0, len(rows["id"]), 5):
            alone = BatchCutter(rows, [TextInputs]).padded(rows, torch.tensor([row]))
            assert alone["mask"].all()
            expected = model.features(alone)[0]
            torch.testing.assert_close(features[split]["features"][row], expected)


@pytest.mark.slow
def test_another_data_set_is_read_with_the_tokens_that_the_weights_know(
    pretrained, tune, texts, here, lepton
):
    source = pretrained("reader")
    path = here / "texts.csv"
    path.write_text(path.read_text().replace("film", "play").replace("dull", "grim"))
    folder = tune("full", "reader", source=source)
    assert (folder / TOKENIZER_FILE).read_text() == (source / TOKENIZER_FILE).read_text()
    overrides = (
        *training_overrides("reader"),
        "finetune=full",
        f"init_from={source}/model.safetensors",
    )
    code, _, output = lepton("train", *overrides, "study=bad")
    assert code == 2
    assert "has no tokenizer.json, and a vocabulary learned anew would give" in output
    (here / "table").mkdir()
    for name in (RESULT_FILE, WEIGHTS_FILE):
        (here / "table" / name).write_text("{}")
    code, _, output = lepton(
        "train", *training_overrides("reader"), "finetune=full", "init_from=table"
    )
    assert code == 2
    assert "init_from=table: a run without tokenizer.json, so of a model that reads no" in output
    assert not (here / "runs" / "bad").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "other"),
    [
        (("model.gradient_checkpointing=false",), ("model.gradient_checkpointing=true",)),
        (("batch_size=77",), ("batch_size=11", "trainer.accumulate_grad_batches=7")),
    ],
    ids=["checkpointing", "accumulation"],
)
def test_what_spares_memory_trains_adapters_the_same(first, other, tune, pretrained):
    source, states = pretrained("reader", *DETERMINISTIC[:3]), []
    for overrides in (first, other):
        folder = tune("lora", "reader", *DETERMINISTIC, *overrides, "scheduler=none", source=source)
        states.append(load_file(folder / "adapter.safetensors"))
    tuned_state = load_network(folder).model.state_dict()
    assert states[0].keys() == states[1].keys() <= tuned_state.keys()
    for name, tensor in states[0].items():
        torch.testing.assert_close(tensor, states[1][name], atol=1e-5, rtol=1e-4)
    assert any(tensor.any() for name, tensor in states[0].items() if "lora_B" in name)
