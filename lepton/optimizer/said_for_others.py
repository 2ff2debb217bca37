"""What optimizers of other packages would say of themselves, had they lepton's attributes."""

from typing import Any

SAID_FOR_OTHERS: dict[str, dict[str, Any]] = {  # by class, or by package where a dot ends it
    "torch.optim.Adafactor": {"needs_whole_weights": True},
    "torch.optim.SGD": {"whole_weight_flags": ("fused",)},
    "schedulefree.": {"is_schedule_free": True},
}
