"""Parameter groups of an optimizer: which parameters are decayed, which matrices are hidden."""

from typing import Any

import rtdl_num_embeddings
import rtdl_revisiting_models
import tabm
from torch import nn

EMBEDDINGS = (
    nn.Embedding,
    rtdl_num_embeddings.LinearEmbeddings,
    rtdl_num_embeddings.LinearReLUEmbeddings,
    rtdl_num_embeddings.PeriodicEmbeddings,
    rtdl_num_embeddings.PiecewiseLinearEmbeddings,
    rtdl_revisiting_models.CategoricalEmbeddings,
    rtdl_revisiting_models.LinearEmbeddings,
)
SCALES = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, tabm.ElementwiseAffine)


def parameter_groups(model: nn.Module) -> list[dict[str, Any]]:
    """Trainable parameters in up to two groups: decayed, and with a `weight_decay` of zero.

    Undecayed are biases, norms, embeddings, factors (TabM's, IA3's) and whatever has fewer than two
    dimensions. `hidden` names the matrices between the first and the last decayed weight.
    Source: the undecayed set follows Gorishniy et al. 2021, https://arxiv.org/abs/2106.11959, and
        https://github.com/yandex-research/tabm (which decays the scales); hidden matrices as in
        https://kellerjordan.github.io/posts/muon.
    """
    undecayed_names = names_without_decay(model)
    trainable = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    decayed = [(name, p) for name, p in trainable if name not in undecayed_names]
    undecayed = [(name, p) for name, p in trainable if name in undecayed_names]
    hidden = [name for name, p in decayed[1:-1] if p.ndim == 2]
    groups = []
    if decayed:
        groups.append(_group(decayed, decay=True) | {"hidden": hidden})
    if undecayed:
        groups.append(_group(undecayed, decay=False) | {"hidden": [], "weight_decay": 0.0})
    return groups


def names_without_decay(model: nn.Module) -> set[str]:
    """Names of the parameters that no optimizer shrinks by default."""
    names = {name for name, p in model.named_parameters() if p.ndim < 2 or name.endswith("bias")}
    names |= {name for name, _ in model.named_parameters() if ".ia3_l." in name}  # factors from 1
    for prefix, module in model.named_modules():
        if isinstance(module, EMBEDDINGS + SCALES):
            names |= {name for name, _ in module.named_parameters(prefix)}
        elif isinstance(module, tabm.LinearBatchEnsemble):
            names |= {f"{prefix}.r".lstrip("."), f"{prefix}.s".lstrip(".")}
    return names


def _group(parameters: list[tuple[str, nn.Parameter]], *, decay: bool) -> dict[str, Any]:
    names, params = zip(*parameters, strict=True)
    return {"params": list(params), "names": list(names), "decay": decay}
