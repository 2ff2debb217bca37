import copy

import torch


def test_hidden_matrices_follow_torchs_muon_and_the_rest_adamw(network, codes, optimizer_of):
    other = copy.deepcopy(network)
    together = optimizer_of("muon", network, lr=0.01, weight_decay=0.1)
    not_hidden = [
        p for n, p in other.named_parameters() if n != "layers.3.weight" and p.requires_grad
    ]
    flat = [p for n, p in other.named_parameters() if p.ndim < 2 or n.startswith("categories")]
    apart = [
        torch.optim.Muon(
            [other.layers[3].weight], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(
            [p for p in not_hidden if all(p is not q for q in flat)], lr=0.01, weight_decay=0.1
        ),
        torch.optim.AdamW([p for p in flat if p.requires_grad], lr=0.01, weight_decay=0.0),
    ]
    for _ in range(5):
        for net, optimizers in ((network, [together]), (other, apart)):
            net.zero_grad()
            net(codes).square().mean().backward()
            for optimizer in optimizers:
                optimizer.step()
    for mine, reference in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-5)


def test_a_step_of_muon_is_near_orthogonal(network, optimizer_of):
    weight = network.layers[3].weight
    before = weight.detach().clone()
    optimizer = optimizer_of("muon", network, lr=1.0, weight_decay=0.0)
    weight.grad = torch.linspace(1, 40, 12)[:, None] * torch.eye(12, 16).roll(3, 1)
    optimizer.step()
    stretch = torch.linalg.svdvals(weight.detach() - before) / (0.2 * 16**0.5)
    assert ((stretch > 0.6) & (stretch < 1.3)).all()


def test_a_network_without_hidden_matrices_trains_with_adamw_alone(optimizer_of):
    network = torch.nn.Linear(3, 1)
    optimizer = optimizer_of("muon", network)
    network(torch.ones(2, 3)).sum().backward()
    assert [g["matrices"] for g in optimizer.param_groups] == [False, False]
    optimizer.step()


def test_the_closures_loss_is_returned(network, codes, optimizer_of):
    optimizer = optimizer_of("muon", network)
    calls = []

    def closure():
        calls.append(1)
        loss = network(codes).square().mean()
        loss.backward()
        return loss

    assert optimizer.step(closure) > 0
    assert len(calls) == 1
