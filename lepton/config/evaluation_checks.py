"""Checks that evaluators are given models that they can measure."""

from typing import Any

from lepton.config.chosen_options import option_label
from lepton.config.class_facts import class_fact
from lepton.config.model_kind import NETWORK, ModelKind


def evaluation_problems(config: dict[str, Any], model_kind: ModelKind) -> list[str]:
    """A line for every evaluator that follows gradients which the model does not have."""
    if not config["model"] or model_kind is NETWORK:
        return []
    model = option_label(config, "model")
    return [
        f"evaluation, model: evaluation={name} follows gradients, and {model} {model_kind.words}"
        for name, node in (config["evaluation"] or {}).items()
        if class_fact(node, "needs_gradients")
    ]
