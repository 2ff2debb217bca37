"""Lightning's callbacks that change how a user's module is trained, against a loop of torch."""

import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.seeds import derive
from tests.training import lightning_modules

EPOCHS, ROWS = 3, 16
OPTIONS = {
    "accumulating": ("GradientAccumulationScheduler", "scheduling: {1: 3}"),
    "thawing": ("BackboneFinetuning", "unfreeze_backbone_at_epoch: 1"),
}


@pytest.fixture(autouse=True)
def options(here, monkeypatch):
    """The module, and an option of the group callbacks for each of Lightning's."""
    for group in ("model", "callbacks"):
        (here / "conf" / group).mkdir(parents=True)
    (here / "conf" / "model" / "staged.yaml").write_text("_target_: lightning_modules.Staged\n")
    for name, (callback, values) in OPTIONS.items():
        target = f"_target_: pytorch_lightning.callbacks.{callback}"
        text = f"{name}:\n  {target}\n  {values}\n"
        (here / "conf" / "callbacks" / f"{name}.yaml").write_text(text)
    shutil.copy(lightning_modules.__file__, here)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.delitem(sys.modules, "lightning_modules", raising=False)
    monkeypatch.setenv("LEPTON_ALLOW", "lightning_modules")


def trained_by_hand(config, name):
    """The weights after each epoch of a loop that does what the callback's docs say."""
    data = build.data(config)
    sampler, train = data.train_dataloader().sampler, data.splits["train"]
    torch.manual_seed(derive(0, "init"))
    module = lightning_modules.Staged(spec=data.spec)
    heads = [{"params": [*module.head.parameters()]}]
    layers = [*heads, {"params": [*module.backbone.parameters()]}]
    optimizer = torch.optim.SGD(heads if name == "thawing" else layers, lr=0.2, momentum=0.9)
    states = []
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        if name == "thawing" and epoch == 1:
            optimizer.add_param_group({**layers[1], "lr": 0.1 * 0.2})
        if name == "thawing" and epoch == 2:
            optimizer.param_groups[1]["lr"] *= 2.0
        batches = sampler.draw().split(ROWS)
        together = 3 if name == "accumulating" and epoch >= 1 else 1
        for number, rows in enumerate(batches, 1):
            batch = {key: values[rows] for key, values in train.items()}
            (module.training_step(batch) / together).backward()
            if number % together == 0 or number == len(batches):
                optimizer.step()
                module.zero_grad()
        states.append({key: value.clone() for key, value in module.state_dict().items()})
    return states


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_it_changes_the_training_as_its_docs_say(name, run):
    words = ("dataset=synthetic", "dataset.rows=170", f"batch_size={ROWS}", "trainer=cpu")
    words = (*words, f"trainer.max_epochs={EPOCHS}", "model=staged", "trainer.progress=false")
    states = trained_by_hand(check(compose(*words)), name)
    weights = load_file(run(*words, f"callbacks={name}") / "module.safetensors")
    distances = [max(float((weights[k] - s[k]).abs().max()) for k in s) for s in states]
    assert min(distances) < 1e-6
    plain = load_file(run(*words) / "module.safetensors")
    assert max(float((weights[k] - plain[k]).abs().max()) for k in plain) > 1e-4
