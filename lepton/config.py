"""From words on a command line to a composed config: groups, options, overrides."""

import os
import re
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

from lepton.errors import ConfigError, LeptonError, MisreadOverrides, near

_HERE = Path(__file__).resolve().parent
CONF_DIR = next(p for p in (_HERE / "conf", _HERE.parent / "conf") if (p / "train.yaml").is_file())
USER_DIR = "LEPTON_CONFIG_DIR"  # the environment carries it to worker processes
LONGEST = 200  # characters of a key; Hydra looks for files of that name
PLUGINS = str(_HERE / "plugins")
SEVERAL = ("regularization",)  # groups of which several options may be chosen at once
BETWEEN = ("ensemble",)  # groups of commands that read finished runs


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


def tidy(overrides: Sequence[str], *, sweep: bool) -> list[str]:
    """The overrides as Hydra wants them: `key=value` may name any key, `check` judges it later.

    Raises: MisreadOverrides with every override that cannot be read or names no option.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser, known, result, problems = OverridesParser.create(), options(), [], []
    spoilt: set[str] = set()  # groups whose option is wrong, so that their keys cannot be judged
    for text in overrides:
        try:
            override = parser.parse_override(text)
        except Exception as e:  # the grammar raises several unrelated kinds
            said = re.search("while evaluating '.*': (.*)", str(e))
            problems.append(f"{text}: {said[1]}" if said else unreadable(text))
            continue
        key = override.key_or_group
        head = re.split(r"[./@]", key)[0]
        if not head or key == "hydra" or len(key) > LONGEST:
            problems.append(unreadable(text))
        elif override.is_sweep_override() and not sweep:
            problems.append(f"{text}: several values need a sweep; add -m, or quote the comma")
            spoilt |= {key} & known.keys()
        elif head in ("choices", "overrides"):
            problems.append(f"{key}: set by lepton, not by hand")
        elif head in BETWEEN:
            problems.append(f"{key}: lepton train has no such key; it belongs to lepton {head}")
        elif key in known and override.package is None:
            chosen = options_of(override, list(known[key]))
            wrong = wrong_options(text, key, chosen, known[key])
            problems += wrong
            spoilt |= {key if head == "hydra" else head} if wrong else set()
            globbed = ",".join(str(name) for job in chosen for name in job)
            result.append(f"{key}={globbed}" if "glob(" in text else text.lstrip("+"))
        elif head == "hydra" or override.is_delete() or override.package is not None:
            result.append(text)
        elif "/" in key:
            problems.append(f"{key}: no such group{near(key, known)}")
        else:
            result.append("++" + text.lstrip("+"))
    if problems:
        spoilt |= {"init_from", "forgetting"} if "finetune" in spoilt else set()
        rest = [w for w in result if not spoilt & _named(w)]
        raise MisreadOverrides(problems, readable=rest)
    return result


def _named(word: str) -> set[str]:
    """The key that an override sets, and the group or node at its root."""
    key = word.lstrip("+~").partition("=")[0]
    return {key, re.split(r"[./@]", key)[0]}


def unreadable(text: str) -> str:
    """The line for an override that Hydra's grammar refuses; most often quotes are missing."""
    key, equals, value = text.partition("=")
    odd = re.search(r"[^\w.,:/\[\]{}()$+-]|[^\x00-\x7f]", value) and not re.search("[\"']", value)
    quoted = f'{key}="{value}"' if key and equals and odd else ""
    hint = f", with quotes around the value: '{quoted}'" if quoted else " or group=option"
    return f"{text!r} cannot be read; write key=value{hint}"


def options_of(override, have: list[str]) -> list[list]:
    """The options that an override chooses, one list a job."""
    from hydra.core.override_parser.types import Glob

    value = override.value()
    if isinstance(value, Glob):
        return [[name] for name in value.filter(have)]
    if override.is_sweep_override():
        return [_listed(item) for item in override.sweep_iterator()]
    return [_listed(value)]


def _listed(value) -> list:
    if isinstance(value, str) and value.startswith("["):
        value = [v.strip() for v in value.strip("[]").split(",") if v.strip()]
    return value if isinstance(value, list) else [value]


def wrong_options(text: str, group: str, chosen: list[list], known: dict[str, Path]) -> list[str]:
    """A line for every option that the group does not have, and for too many or none of them."""
    have, names = ", ".join(known), [name for job in chosen for name in job]
    if not names or None in names or "" in names:
        instead = "none" if "none" in known else "NAME"
        return [f"{text}: chooses nothing; write {group}={instead} (options: {have})"]
    wrong = dict.fromkeys(str(name) for name in names if str(name) not in known)
    lines = [
        f"{group}={name}: no such option{near(name, known)} (options: {have})" for name in wrong
    ]
    if group not in SEVERAL and "[" in text:
        lines.append(f"{text}: {group} takes one option; to compare several, {group}=A,B with -m")
    return lines


def compose(*overrides: str):
    """The config that `lepton train OVERRIDES` would run.

    Raises: ConfigError with every mistake, one line each.
    """
    from hydra import compose as hydra_compose

    from lepton.check import check

    try:
        words = tidy(overrides, sweep=False)
    except MisreadOverrides as e:
        raise ConfigError(*e.problems, *_mistakes(e.readable)) from None
    with explained(), session():
        cfg = hydra_compose("train", [*search_path(), *words], return_hydra_config=True)
        cfg = finish(cfg, overrides, choices=cfg.hydra.runtime.choices)
        check(cfg)
    return cfg


def _mistakes(overrides: Sequence[str]) -> tuple[str, ...]:
    """Those in overrides that could be read, beside others that could not."""
    try:
        compose(*overrides)
    except ConfigError as e:
        return e.problems
    return ()


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
        if not (group.startswith("hydra") or group == "search" or "@" in group or _hidden(choice))
    }
    for group in SEVERAL:
        if cfg.get(group):  # Hydra does not say which options of a list were chosen
            named.setdefault(group, "+".join(sorted(cfg[group])))
    OmegaConf.set_readonly(cfg, False)
    with open_dict(cfg):
        cfg.pop("hydra", None)
        cfg.choices, cfg.overrides = named, as_given(overrides)
    return cfg


def as_given(overrides: Sequence[str]) -> list[str]:
    """Overrides as the user wrote them, which no interpolation changes any more."""
    return [word.lstrip("+").replace("${", "\\${") for word in overrides]


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
    except UnicodeDecodeError:
        raise ConfigError(*_not_utf8()) from None
    except OmegaConfBaseException as e:
        raise ConfigError(_first_line(e)) from None
    except HydraException as e:
        if isinstance(e.__cause__, LeptonError):  # what a launcher or sweeper says of its values
            raise e.__cause__ from None
        cause = e.__cause__ if isinstance(e.__cause__, OmegaConfBaseException) else e
        raise ConfigError(_first_line(cause)) from None


def _not_utf8() -> list[str]:
    """A line for every option whose bytes are not text."""
    lines = []
    for path in (path for group in options().values() for path in group.values()):
        try:
            path.read_text(encoding="utf-8")
        except UnicodeDecodeError as e:
            lines.append(f"{path}: not UTF-8 text ({e.reason} at byte {e.start})")
    return lines


def _first_line(e: BaseException) -> str:
    text = str(e).strip().splitlines() or [type(e).__name__]
    key = getattr(e, "full_key", None)
    return f"{key}: {text[0]}" if key and not text[0].startswith(key) else text[0]
