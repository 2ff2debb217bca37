"""Fine-tuning of one run: where it starts, what is computed once, what it is compared with."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lepton.errors import ConfigError, LeptonError
from lepton.finetune.machinery import adapters, source
from lepton.finetune.machinery.features import FeatureData, features
from lepton.finetune.machinery.forgetting import Forgetting
from lepton.finetune.machinery.layers import always, layers, under
from lepton.finetune.machinery.linear_probe_baseline import before
from lepton.finetune.machinery.probe import Probe
from lepton.finetune.machinery.transfer import transfer
from lepton.finite import not_finite_names
from lepton.method import Phase
from lepton.pretrained import init_weights
from lepton.spec import DataSpec

log = logging.getLogger("lepton")
LARGE = 2**20  # bytes of frozen weights from which on a run folder does without them
SAID: set[str] = set()  # what this process has shown of weights that were loaded
SHARED: dict[str, dict[str, Tensor]] = {}  # the last backbone that features were computed with


class Tuning:
    """The strategy of a run, and all that is known of where it started."""

    def __init__(
        self,
        cfg: dict[str, Any],
        model: nn.Module,
        spec: DataSpec,
        base: Path | None,
        load_network: Callable[[Path], Any],
    ):
        """Loads the weights that training starts from.

        `base`: the run folder to be read back, whose weights are loaded later. `load_network`
        reads a finished run.
        Raises: ConfigError, LeptonError when they do not fit, or are not there.
        """
        self.cfg, self.before = cfg, {}
        self.forgetting: Forgetting | None = None
        layers(model)
        if base is not None and not (base / init_weights.ADAPTER).is_file():
            return
        init_from = cfg["init_from"]
        if base is not None:
            key, place = init_weights.find_base(base)
            init_from = place if key == "init_from" else None
        if init_from is None and not getattr(model, "pretrained", False):
            option = (cfg.get("choices") or {}).get("finetune", "?")
            raise ConfigError(
                f"finetune={option}: there is nothing to tune yet; give init_from=RUN_OR_WEIGHTS"
            )
        new = always(model)
        if init_from is not None:
            loaded = transfer(model, spec, source.read(init_from, load_network))
            names = {name for name, _ in model.named_parameters()}
            new = names & {*loaded.new, *loaded.part}
            line = f"init_from={init_from}: {loaded}"
            log.log(logging.DEBUG if line in SAID else logging.INFO, "%s", line)
            SAID.add(line)
        if wild := next(not_finite_names(model.state_dict()), None):
            known = f"init_from={init_from}" if init_from else f"model.path={cfg['model']['path']}"
            raise LeptonError(f"{known}: {wild} holds values that are not finite")
        model.made_new = frozenset(new)
        if base is None:
            self._can_be_kept(cfg)
        if cfg["forgetting"] and base is None:
            self.forgetting = Forgetting(init_from, load_network)

    @staticmethod
    def _can_be_kept(cfg: dict[str, Any]) -> None:
        """Raises: ConfigError when an adapter's base could not be found again."""
        known = init_weights.base(cfg)
        if cfg["finetune"].get("keep") == "adapter" and known["sha256"] is None:
            raise ConfigError(
                f"finetune.keep=adapter: {known['key']}={known['path']} is no folder or file, by "
                "whose content it is found again; give one, or take finetune.keep=whole"
            )

    def ready(self, network, data) -> list[Phase]:
        """Computes what the untuned backbone is worth; the parts of the training, in order."""
        model, strategy, cfg = network.model, network.methods[0], self.cfg
        with adapters.switched_off(model):
            splits, key = features(model, cfg, data, network.features)
        self.before = before(splits, network.task, key)
        probes, whole = hasattr(strategy, "probes"), Phase(model, data, cfg)
        if not (probes or hasattr(strategy, "probe_epochs")):
            return [whole]
        if self._whole_backbone(model):
            if probes:  # the backbone never moves
                _share(model, key)
            seen = splits["train"]["features"] if strategy.standardize else None
            probe = Phase(Probe(model, seen), FeatureData(data, splits), cfg)
        else:
            log.info("layers are made new below the head: features are not computed ahead")
            probe = Phase(model, data, cfg)
        if probes:
            return [probe]
        probe.config, probe.name = (
            _of_probe(cfg, strategy, alone=probe.module is not model),
            "probe-",
        )
        return [probe, whole]

    @staticmethod
    def _whole_backbone(model: nn.Module) -> bool:
        """Whether nothing but the head is made new, so that features stay what they are."""
        return always(model) == set(under(model, layers(model)[-1]))

    def adapter_only(self, model: nn.Module, strategy) -> bool:
        """Whether the run folder holds only what training moved."""
        keep = getattr(strategy, "keep", "whole")
        if keep is not None:
            return keep == "adapter"
        state, frozen = model.state_dict(), frozen_entries(model)
        spared = sum(t.numel() * t.element_size() for n, t in state.items() if n in frozen)
        adapted = any(map(adapters.is_adapter, state))
        return (adapted or spared >= LARGE) and init_weights.base(self.cfg)["sha256"] is not None

    def save(self, model: nn.Module, folder: Path) -> dict[str, Tensor]:
        """What of the state the run folder must hold; writes where the rest comes from."""
        init_weights.write_base(self.cfg, folder)
        return {
            name: t for name, t in model.state_dict().items() if name not in frozen_entries(model)
        }

    @staticmethod
    def load(model: nn.Module, folder: Path) -> None:
        """Puts the saved part into a network that holds the rest.

        Raises: LeptonError when something is missing.
        """
        path = folder / init_weights.ADAPTER
        found = model.load_state_dict(load_file(path), strict=False)
        lost = set(found.missing_keys) - frozen_entries(model)
        if lost or found.unexpected_keys:
            wrong = sorted([*lost, *found.unexpected_keys])
            raise LeptonError(f"{path}: not the adapter of this run ({', '.join(wrong[:5])})")


def frozen_entries(model: nn.Module) -> set[str]:
    """Entries of the state that training left as they were."""
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    for prefix, module in model.named_modules():
        if getattr(module, "still", False):
            frozen |= {f"{prefix}.{name}" for name, _ in module.named_buffers(recurse=False)}
    return frozen


def _of_probe(cfg: dict[str, Any], strategy, *, alone: bool) -> dict[str, Any]:
    """The probe's own rate and length; a head `alone` needs no half precision.

    It takes one device: of several processes, those that start with the second part read its end
    from the first one's checkpoint.
    """
    own = {"max_epochs": strategy.probe_epochs, "devices": 1, "strategy": "auto"}
    if alone and cfg["trainer"]["precision"] == "auto":
        own["precision"] = "32-true"
    return cfg | {
        "optimizer": cfg["optimizer"] | {"lr": strategy.probe_lr},
        "trainer": cfg["trainer"] | own,
    }


@torch.no_grad()
def _share(model: nn.Module, key: str) -> None:
    """Lets networks with the same frozen backbone hold it in memory once."""
    head = under(model, layers(model)[-1])
    frozen = {name: p for name, p in model.named_parameters() if name not in head}
    if key not in SHARED:
        SHARED.clear()
        SHARED[key] = {name: p.data for name, p in frozen.items()}
    for name, parameter in frozen.items():
        parameter.data = SHARED[key][name]
