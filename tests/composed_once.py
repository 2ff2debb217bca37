"""What Hydra reads and composes of lepton's own conf/ is kept for the session.

Most tests compose, from the same files: a third of the suite's time went there. Of a config with
other sources, as a user's own folder, only lepton's files are kept, and the rest is left to Hydra.
tests/test_composed_once.py compares.
"""

import pickle
from collections.abc import Callable, Iterable
from typing import Any

import hydra
import hydra._internal.config_loader_impl as loading
import hydra._internal.defaults_list as choosing
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_store import ConfigStore
from hydra.core.default_element import InputDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigSource

from lepton.config.options import CONF_DIR

_RESULTS: dict[Any, bytes] = {}  # pickled, of which copies are made in a third of copy's time


def keep_compositions() -> None:
    """Replaces three functions of Hydra by themselves with a memory, and leaves out a fourth."""
    if not hydra.__version__.startswith("1.3."):
        return  # tests of lepton on the next Hydra are about what that does
    read = ConfigRepository.load_config
    choose = loading.create_defaults_list
    merge = loading.ConfigLoaderImpl._compose_config_from_defaults_list
    map_choices = choosing._create_interpolation_map

    def load_config(self, config_path):
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        sources = [source] if source else self.get_sources()
        return _kept(("file", config_path), sources, lambda: read(self, config_path))

    def create_defaults_list(repo, config_name, overrides_list, **settings):
        values = [override for override in overrides_list if _sets_value(override, repo)]
        choices = [override for override in overrides_list if override not in values]
        key = ("options", config_name, tuple(o.input_line for o in choices), str(settings))
        arguments = (repo, config_name, choices)
        chosen = _kept(key, repo.get_sources(), lambda: choose(*arguments, **settings))
        others = {override.input_line for override in [*values, *chosen.config_overrides]}
        chosen.config_overrides = [o for o in overrides_list if o.input_line in others]
        return chosen

    def compose_config(self, defaults, repo):
        key = ("merged", str(defaults))
        return _kept(key, repo.get_sources(), lambda: merge(self, defaults, repo))

    def create_interpolation_map(overrides, defaults_list, self_added):
        if _has_interpolation(defaults_list):
            return map_choices(overrides, defaults_list, self_added)
        return None  # nothing would look at all the choices, made anew for each of them

    ConfigRepository.load_config = load_config
    choosing._create_interpolation_map = create_interpolation_map
    loading.create_defaults_list = create_defaults_list
    loading.ConfigLoaderImpl._compose_config_from_defaults_list = compose_config


def _has_interpolation(defaults_list: list[InputDefault]) -> bool:
    return any(default.is_interpolation() for default in defaults_list)


def _sets_value(override: Override, repo: Any) -> bool:
    """True for an override that plays no part in which files are read."""
    is_plain = override.package is None and not override.is_sweep_override()
    return is_plain and not repo.group_exists(override.key_or_group)


def _kept(key: Any, sources: Iterable[ConfigSource], call: Callable[[], Any]) -> Any:
    """A copy of what the call returned the first time; what it returns, for a user's sources."""
    places = tuple((source.scheme(), source.path) for source in sources)
    if any(scheme == "file" and path != str(CONF_DIR) for scheme, path in places):
        return call()
    key = (key, places, _stored_names(ConfigStore.instance().repo))
    if key not in _RESULTS:
        _RESULTS[key] = pickle.dumps(call(), pickle.HIGHEST_PROTOCOL)
    return pickle.loads(_RESULTS[key])


def _stored_names(options: dict[str, Any]) -> tuple[Any, ...]:
    """The names of the options that plugins hold in Python, which lepton can remove."""
    return tuple(
        (name, _stored_names(node) if isinstance(node, dict) else None)
        for name, node in options.items()
    )
