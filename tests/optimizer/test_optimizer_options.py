"""Every optimizer of conf/optimizer, beyond the contract of optimizers."""

import copy
from pathlib import Path

import pytest
import torch

NAMES = sorted(p.stem for p in (Path(__file__).parents[2] / "conf" / "optimizer").glob("*.yaml"))
every = pytest.mark.parametrize("name", NAMES)


def test_there_are_nine_optimizers():
    assert len(NAMES) >= 9


def backward(network, codes):
    network.zero_grad()
    (network(codes) - codes.sum(1, keepdim=True)).square().mean().backward()


@every
def test_without_gradient_only_the_decayed_group_shrinks(name, network, optimizer_of):
    before = copy.deepcopy(network.state_dict())
    optimizer = optimizer_of(name, network, weight_decay=0.1)
    for _ in range(3):
        for p in network.parameters():
            p.grad = torch.zeros_like(p)
        optimizer.step()
    getattr(optimizer, "eval", lambda: None)()  # schedule-free: to the averaged weights
    for group in optimizer.param_groups:
        for parameter_name, p in zip(group["names"], group["params"], strict=True):
            if group["decay"]:
                assert p.norm() < before[parameter_name].norm()
            else:
                assert torch.equal(p, before[parameter_name])


@every
def test_the_loss_falls(name, network, codes, optimizer_of):
    optimizer = optimizer_of(name, network, lr=0.01)
    losses = []
    for _ in range(60):
        network.zero_grad()
        loss = (network(codes) - codes.sum(1, keepdim=True)).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_the_fused_kernel_takes_the_steps_of_the_plain_one(name, network, codes, optimizer_of):
    networks = network, copy.deepcopy(network)
    for net, fused in zip(networks, (True, False), strict=True):
        optimizer = optimizer_of(name, net, fused=fused)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        for _ in range(4):
            backward(net, codes)
            optimizer.step()
            scheduler.step()
    for fused, plain in zip(*(net.parameters() for net in networks), strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-5, atol=1e-6)
