"""From words on a command line to a composed config: groups, options, overrides."""

import difflib
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

from lepton.errors import ConfigError

_HERE = Path(__file__).resolve().parent
CONF_DIR = next(p for p in (_HERE / "conf", _HERE.parent / "conf") if (p / "train.yaml").is_file())
USER_DIR = "LEPTON_CONFIG_DIR"  # the environment carries it to worker processes
PLUGINS = str(_HERE / "plugins")


def config_dirs() -> list[Path]:
    """lepton's own conf folder, then the user's: named by --config-dir, or conf/ here."""
    named = os.environ.get(USER_DIR)
    here = Path("conf").resolve()
    if named is None and here.is_dir() and any((here / g).is_dir() for g in _groups_in(CONF_DIR)):
        named = str(here)
    return [CONF_DIR] if named in (None, "", str(CONF_DIR)) else [CONF_DIR, Path(named).resolve()]


def options() -> dict[str, dict[str, Path]]:
    """Every group, its options, and the file of each.

    Raises: ConfigError when a user's file has the name of one of lepton's.
    """
    found: dict[str, dict[str, Path]] = {}
    for folder in config_dirs():
        for group in _groups_in(folder):
            for path in sorted((folder / group).glob("*.yaml")):
                taken = found.setdefault(group, {}).setdefault(path.stem, path)
                if taken != path and not path.stem.startswith("_"):
                    raise ConfigError(f"{path}: {group}={path.stem} exists in lepton; rename it")
    visible = {g: {n: p for n, p in o.items() if not n.startswith("_")} for g, o in found.items()}
    return {group: names for group, names in visible.items() if names}


def _groups_in(folder: Path) -> list[str]:
    dirs = sorted(p for p in folder.rglob("*") if p.is_dir() and any(p.glob("*.yaml")))
    return [p.relative_to(folder).as_posix() for p in dirs]


def near(word: str, words: Iterable[str]) -> str:
    """'; did you mean ...?' when one of the words is close, else nothing."""
    close = difflib.get_close_matches(word, list(words), 1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def tidy(overrides: Sequence[str], *, sweep: bool) -> list[str]:
    """The overrides as Hydra wants them: `key=value` may name any key, `check` judges it later.

    Raises: ConfigError with every override that cannot be read or names no option.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser, known, result, problems = OverridesParser.create(), options(), [], []
    for text in overrides:
        try:
            override = parser.parse_override(text)
        except Exception:  # the grammar raises several unrelated kinds
            problems.append(f"{text!r} cannot be read; write key=value or group=option")
            continue
        key = override.key_or_group
        if override.is_sweep_override() and not sweep:
            problems.append(f"{text}: several values need a sweep; add -m, or quote the comma")
        elif key in known and override.package is None:
            problems += _wrong_options(override, known[key])
            result.append(text.lstrip("+"))
        elif key.startswith("hydra") or override.is_delete() or override.package is not None:
            result.append(text)
        elif "/" in key:
            problems.append(f"{key}: no such group{near(key, known)}")
        else:
            result.append("++" + text.lstrip("+"))
    if problems:
        raise ConfigError(*problems)
    return result


def _wrong_options(override, known: dict[str, Path]) -> list[str]:
    """A line for every option that the group does not have."""
    group, value = override.key_or_group, override.value()
    if override.is_sweep_override():
        chosen = [v for item in override.sweep_iterator() for v in _listed(item)]
    else:
        chosen = _listed(value)
    wrong = dict.fromkeys(str(v) for v in chosen if str(v) not in known and v is not None)
    have = ", ".join(known)
    lines = [f"{group}={name}: no such option{near(name, known)} (options: {have})" for name in wrong]
    if any(v is None for v in chosen):
        lines.append(f"{group}=null: write {group}=none")
    return lines


def _listed(value) -> list:
    if isinstance(value, str) and value.startswith("["):
        value = [v.strip() for v in value.strip("[]").split(",") if v.strip()]
    return value if isinstance(value, list) else [value]


def compose(*overrides: str):
    """The config that `lepton train OVERRIDES` would run.

    Raises: ConfigError with every mistake, one line each.
    """
    from hydra import compose as hydra_compose

    from lepton.check import check

    words = tidy(overrides, sweep=False)
    with explained(), session():
        cfg = hydra_compose("train", [*search_path(), *words], return_hydra_config=True)
        cfg = finish(cfg, overrides, choices=cfg.hydra.runtime.choices)
        check(cfg)
    return cfg


def find_plugins() -> None:
    """Hydra finds plugins only as hydra_plugins.*"""
    if PLUGINS not in sys.path:
        sys.path.append(PLUGINS)


@contextmanager
def session():
    """Hydra, set up on lepton's conf folder and its plugins."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    find_plugins()
    GlobalHydra.instance().clear()
    with initialize_config_dir(config_dir=str(CONF_DIR), job_name="lepton", **version_base()):
        yield GlobalHydra.instance().hydra


def finish(cfg, overrides: Sequence[str], *, choices):
    """The composed config without Hydra's own part, with the chosen options and the overrides."""
    from omegaconf import OmegaConf, open_dict

    named = {
        group: "+".join(map(str, choice)) if OmegaConf.is_list(choice) else choice
        for group, choice in choices.items()
        if not (group.startswith("hydra") or "@" in group or _hidden(choice))
    }
    OmegaConf.set_readonly(cfg, False)
    with open_dict(cfg):
        cfg.pop("hydra", None)
        cfg.choices, cfg.overrides = named, [word.lstrip("+") for word in overrides]
    return cfg


def _hidden(choice: str | None) -> bool:
    return choice is None or str(choice).startswith("_")


def search_path() -> list[str]:
    """The override that lets Hydra see the user's conf folder."""
    user = config_dirs()[1:]
    return [f"hydra.searchpath=['file://{user[0]}']"] if user else []


def version_base() -> dict[str, str]:
    """Hydra 1.3 asks for a version_base, 1.4 warns about it."""
    import hydra

    return {"version_base": "1.3"} if hydra.__version__.startswith("1.3.") else {}


@contextmanager
def explained():
    """Turns what Hydra, OmegaConf and YAML raise into one ConfigError line each."""
    import yaml
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark
        raise ConfigError(f"{mark.name}:{mark.line + 1}: YAML: {e.problem or e.context}") from None
    except OmegaConfBaseException as e:
        raise ConfigError(_first_line(e)) from None
    except HydraException as e:
        cause = e.__cause__ if isinstance(e.__cause__, OmegaConfBaseException) else e
        raise ConfigError(_first_line(cause)) from None


def _first_line(e: BaseException) -> str:
    text = str(e).strip().splitlines() or [type(e).__name__]
    key = getattr(e, "full_key", None)
    return f"{key}: {text[0]}" if key and not text[0].startswith(key) else text[0]
