"""The states of torch's random generators, which a model's own code may draw from."""

import torch
from torch import Tensor


def rng_states(device: torch.device) -> dict[str, Tensor]:
    """The states of the CPU's generator and of the device's, by the type of the device."""
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states[device.type] = torch.get_device_module(device).get_rng_state()
    return states


def set_rng_states(states: dict[str, Tensor], device: torch.device) -> None:
    """Puts back the states that `rng_states` returned."""
    torch.set_rng_state(states["cpu"])
    if device.type in states and device.type != "cpu":
        torch.get_device_module(device).set_rng_state(states[device.type])
