"""Learning rates of some of the parameters in the optimizer's groups."""

from typing import Any


def select_parameters(group: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """A parameter group with these of its parameters alone."""
    pairs = zip(group["names"], group["params"], strict=True)
    selected = {name: parameter for name, parameter in pairs if name in names}
    hidden = [name for name in group["hidden"] if name in names]
    return group | {"names": [*selected], "params": [*selected.values()], "hidden": hidden}


def with_scaled_rate(
    groups: list[dict[str, Any]], names: set[str], factor: float
) -> list[dict[str, Any]]:
    """The groups, of which the named parameters have `factor` times the rate of the others."""
    split_groups = []
    for group in groups:
        scaled = names & {*group["names"]}
        if others := {*group["names"]} - scaled:
            split_groups.append(select_parameters(group, others))
        if scaled:
            scale = group.get("lr_scale", 1.0) * factor
            split_groups.append(select_parameters(group, scaled) | {"lr_scale": scale})
    return split_groups
