"""Canaries for the private parts of torch, each against a public way to the same."""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


@pytest.fixture
def moved(canary):
    return partial(canary, "torch")


@pytest.fixture
def private(moved):
    with moved("a name that lepton.compat.torch imports"):
        import lepton.compat.torch as private
    return private


def test_fused_adam_steps_as_torch_optim_adam_does(private, moved):
    generator = torch.Generator().manual_seed(0)
    parameters = [torch.randn(shape, generator=generator) for shape in ((3, 4), (5,))]
    expected = [nn.Parameter(p.clone()) for p in parameters]
    means, squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    settings = {"lr": 0.1, "eps": 1e-3}
    adam = torch.optim.Adam(expected, betas=(0.8, 0.95), foreach=False, **settings)
    for step in (1, 2, 3):
        gradients = [torch.randn(p.shape, generator=generator) for p in parameters]
        for parameter, gradient in zip(expected, gradients, strict=True):
            parameter.grad = gradient.clone()
        adam.step()
        with moved("torch._fused_adam_"):
            private.fused_adam_(
                *(parameters, gradients, means, squares),
                step=step,
                **{"beta1": 0.8, "beta2": 0.95} | settings,
            )
            torch.testing.assert_close(parameters, [p.detach() for p in expected])


def test_all_tensors_are_scaled_and_moved_as_one_by_one(private, moved):
    tensors = [torch.arange(3.0), torch.ones(2, 2)]
    scaled, ends = [2 * t for t in tensors], [torch.full_like(t, 8.0) for t in tensors]
    halfway = [(a + b) / 2 for a, b in zip(scaled, ends, strict=True)]
    with moved("torch._foreach_mul_"):
        private.scale_all_(tensors, 2.0)
        torch.testing.assert_close(tensors, scaled)
    with moved("torch._foreach_lerp_"):
        private.move_all_towards_(tensors, ends, 0.5)
        torch.testing.assert_close(tensors, halfway)


def test_a_backward_pass_is_seen_where_a_block_is_computed_again(private, moved):
    is_backward = []

    def block(x):
        is_backward.append(private.is_inside_backward())
        return x.sin()

    with moved("torch._C._current_graph_task_id"):
        checkpoint(block, torch.ones(2, requires_grad=True), use_reentrant=False).sum().backward()
        assert is_backward == [False, True]
        assert not private.is_inside_backward()


def test_dropout_layers_and_layers_with_statistics_are_known_by_their_base(private, moved):
    dropouts = [cls() for name, cls in vars(nn).items() if "Dropout" in name]
    norms = [
        cls(2)
        for name, cls in vars(nn).items()
        if ("BatchNorm" in name or "InstanceNorm" in name) and "Lazy" not in name
    ]
    others = [nn.Linear(2, 2), nn.LayerNorm(2), nn.GroupNorm(1, 2), nn.ReLU()]
    assert len(dropouts) >= 6
    assert len(norms) >= 7
    with moved("torch.nn.modules.dropout._DropoutNd"):
        assert list(map(private.is_dropout, dropouts)) == [True] * len(dropouts)
        assert not any(map(private.is_dropout, norms + others))
    with moved("torch.nn.modules.batchnorm._NormBase"):
        assert list(map(private.has_running_statistics, norms)) == [True] * len(norms)
        assert not any(map(private.has_running_statistics, dropouts + others))


def test_hooks_of_a_module_are_found(private, moved):
    layer, before, after = nn.Linear(2, 2), lambda m, x: None, lambda m, x, y: None
    assert private.forward_hooks(layer) == []
    layer.register_forward_hook(after)
    layer.register_forward_pre_hook(before)
    with moved("torch.nn.Module._forward_hooks"):
        assert private.forward_hooks(layer) == [before, after]


def test_operations_are_heard_below_vmap(private, moved):
    heard = []

    with moved("torch.utils._python_dispatch.TorchDispatchMode"):

        class Notes(private.OperationListener):
            def heard(self, operation, args, kwargs, results):
                heard.append((operation, tuple(results.shape)))

        rows = torch.ones(5, 3)
        with Notes():
            doubled = torch.vmap(lambda row: row * 2)(rows)
        assert torch.equal(doubled, 2 * rows)
        assert (torch.ops.aten.mul.Tensor, (5, 3)) in heard
        heard.clear()
        rows.sin()
        assert not heard


def test_tensors_are_found_in_nested_values(private, moved):
    one, two, three = torch.ones(1), torch.ones(2), torch.ones(3)
    with moved("torch.utils._pytree.tree_leaves"):
        tensors = private.tensors_in(((one, [2, two]), {"a": three, "b": None}))
        assert [id(tensor) for tensor in tensors] == [id(one), id(two), id(three)]
        assert private.tensors_in(3) == []


def test_operations_say_whether_they_write_into_what_they_are_given(private, moved):
    aten = torch.ops.aten
    with moved("OpOverload._schema.is_mutable"):
        assert private.changes_its_inputs(aten.add_.Tensor)
        assert private.changes_its_inputs(aten.copy_.default)
        assert private.changes_its_inputs(aten.add.out)
        assert not private.changes_its_inputs(aten.add.Tensor)
        assert not private.changes_its_inputs(aten.item.default)


class Halved(nn.Linear):
    def forward(self, x):
        return super().forward(x) / 2 + self.shift


def test_a_module_becomes_one_of_another_class_and_stays_the_same_object(private, moved):
    layer, calls = nn.Linear(3, 2), []
    layer.register_forward_hook(lambda *_: calls.append(1))
    model, rows = nn.Sequential(layer), torch.ones(1, 3)
    expected = layer(rows) / 2 + 1
    state = copy.deepcopy(model.state_dict())
    with moved("assigning nn.Module.__class__"):
        private.change_class(layer, Halved, shift=1.0)
        assert model[0] is layer
        assert torch.equal(model(rows), expected)
        assert len(calls) == 2
        assert {name: t.tolist() for name, t in model.state_dict().items()} == {
            name: t.tolist() for name, t in state.items()
        }


def test_modules_are_again_what_they_were_before_a_change_of_class_hooks_and_parameters(
    private, moved
):
    model, rows = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).eval(), torch.ones(2, 3)
    model[0].bias.requires_grad_(False)
    classes, answer, state = [type(m) for m in model.modules()], model(rows), model.state_dict()
    state = copy.deepcopy(state)
    with moved("nn.Module.__dict__ and its _parameters"):
        records = list(private.record_modules(model))
        model[0].__class__, model[0].shift = Halved, 1.0
        model[0].register_forward_pre_hook(lambda *_: torch.zeros(2, 3))
        model[0].weight = nn.Parameter(torch.zeros(2, 3))
        private.restore_modules(records)
        assert all(p.is_meta for p in model.parameters())
        assert [p.requires_grad for p in model.parameters()] == [True, False, True, True]
        model.load_state_dict(state, assign=True)
        assert [type(m) for m in model.modules()] == classes
        assert torch.equal(model(rows), answer)


def test_a_tensor_without_numbers_is_computed_with_as_the_one_it_stands_for(private, moved):
    class Ones(private.AbsentTensor):
        def whole(self):
            return torch.ones(2, 3)

    with moved("Tensor._make_wrapper_subclass and _disabled_torch_function_impl"):
        ones = private.AbsentTensor.absent(Ones, (2, 3), torch.float32)
        assert (ones.shape, ones.nbytes, type(ones)) == ((2, 3), 24, Ones)
        assert torch.equal(ones * 2 + ones.sum(), torch.full((2, 3), 8.0))
