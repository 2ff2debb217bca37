"""What every augmentation keeps: the same alone as in a stack, and each row by itself."""

import pytest
import torch
from torch.func import vmap

from lepton import compose
from lepton.config.check import check
from lepton.errors import ConfigError
from tests.augmentation.options import NAMES, batch_of, draw, kinds_of, made, ready, streams

CASES = [(name, kind) for name in NAMES for kind in kinds_of(name)]
OF_PARTNERS = (
    "mixup",
    "cutmix",
    "embedding_mixup",
    "swap_noise",
)  # that other rows of the batch have a part in
HEAD = ("model=mlp_small", "finetune=head", "init_from=nowhere")


@pytest.fixture(autouse=True)
def _in_64_bits():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_members_of_a_stack_get_under_vmap_what_each_gets_alone(name, kind):
    batch, runs, method = batch_of(kind), streams([5, 6]), ready(name, kind)
    assert type(method).__dict__["replayable"]
    assert method.stackable
    values = [
        torch.tensor([float(getattr(method, key)), 0.6 * float(getattr(method, key))])
        for key in method.stackable
    ]

    def change(keys, *values):
        for key, value in zip(method.stackable, values, strict=True):
            setattr(method, key, value)
        return method.on_batch(batch, runs.draws(keys)[0])

    stacked = vmap(change, randomness="error")(runs.keys, *values)
    for member in range(2):
        own = {key: float(v[member]) for key, v in zip(method.stackable, values, strict=True)}
        alone = ready(name, kind, **own).on_batch(batch, runs.draws(runs.keys[member])[0])
        for key, tensor in alone.items():
            assert tensor.dtype == stacked[key].dtype, key
            torch.testing.assert_close(stacked[key][member], tensor)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_batch_is_changed_and_the_rows_that_it_was_cut_of_are_not(name, kind):
    batch = batch_of(kind)
    before = {key: tensor.clone() for key, tensor in batch.items()}
    changed = ready(name, kind).on_batch(batch, draw())
    assert all(torch.equal(batch[key], tensor) for key, tensor in before.items())
    assert any(
        not torch.equal(changed[key], batch.get(key)) for key in changed if key in batch
    ) or (changed.keys() > batch.keys())
    assert torch.equal(changed["id"], batch["id"])


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[0] not in OF_PARTNERS])
def test_a_row_is_changed_alike_in_whichever_batch_it_comes(name, kind):
    batch, method = batch_of(kind), ready(name, kind)
    rows = torch.tensor([11, 2, 7])
    whole = method.on_batch(batch, draw())
    few = method.on_batch({key: tensor[rows] for key, tensor in batch.items()}, draw())
    for key, tensor in few.items():
        torch.testing.assert_close(tensor, whole[key][rows])


@pytest.mark.parametrize("name", NAMES)
def test_features_of_a_frozen_network_stay_and_so_does_their_target(name):
    batch = {"features": torch.randn(4, 3), "target": torch.arange(4), "id": torch.arange(4)}
    assert made(name).on_batch(batch, draw()) == batch


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_is_refused_by_name_for_other_inputs_and_for_a_head_on_features(name):
    if "table" not in kinds_of(name):
        words = rf"^augmentation, dataset: augmentation={name} changes .* holds a table(;|$)"
        with pytest.raises(ConfigError, match=words):
            check(compose("model=mlp_small", f"augmentation={name}"))
    else:
        words = (
            f"^augmentation, finetune: finetune=head learns from features .* augmentation={name}"
        )
        with pytest.raises(ConfigError, match=words):
            check(compose(*HEAD, f"augmentation={name}"), files=False)


PROBABILITIES = [
    (name, key) for name in NAMES for key in vars(made(name)) if key in ("probability", "flip")
]


@pytest.mark.parametrize(("name", "key"), PROBABILITIES)
@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_a_probability_outside_of_0_to_1_is_refused_by_its_key(name, key, value):
    with pytest.raises(ConfigError, match=rf"augmentation\.{name}\.{key}: {value} is not float"):
        check(
            compose("model=mlp_small", f"augmentation={name}", f"augmentation.{name}.{key}={value}")
        )
