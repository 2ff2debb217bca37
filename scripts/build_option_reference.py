#!/usr/bin/env python3
"""Writes docs/options.md: every group, option and key of conf/, with the comments beside them.

usage: python scripts/build_option_reference.py
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import yaml

from lepton.config.options import CONF_DIR

DOCS = Path(__file__).resolve().parents[1] / "docs"
HEAD = """# Every option and key

Made from the comments in `conf/` by `python scripts/build_option_reference.py`; `lepton list
GROUP/OPTION` prints the same for one. A key is set as `GROUP.KEY=VALUE`; in a group that takes
several options as `GROUP.OPTION.KEY=VALUE`. `_target_` is what is made of the keys.
"""
OTHER_GROUPS = {  # beside those of a training, whose purposes stand in conf/train.yaml
    "ensemble": "`lepton ensemble method=OPTION`; keys as `method.KEY=VALUE`",
    "generator": "of `lepton synthesize`, and of `augmentation.generated.generator=OPTION`",
    "hydra/launcher": "where the runs of a sweep train",
    "hydra/sweeper": "which runs a sweep has",
    "hydra/sweeper/sampler": "algorithms that propose the trials of a search",
    "hydra/sweeper/pruner": "algorithms that end trials of a search early",
}
DEFAULT = re.compile(r"^  - (\w+): \w+ +# (.*)$", re.MULTILINE)  # a group of a training
ENTRY = re.compile(r"(?P<indent> *)(?P<key>[\w/@ -]+?):(?P<value>.*?)(?: +# (?P<comment>.*))?$")
COMMAND = re.compile(r"^lepton [a-z][^;:]*")  # at the beginning of a line of comment
SKIPPED_KEYS = ("defaults", "hydra")  # nodes that are for Hydra


def reference() -> str:
    """The text of the whole page."""
    folders = {p.parent.relative_to(CONF_DIR).as_posix() for p in CONF_DIR.glob("*/**/*.yaml")}
    purposes = {"": "keys of the root", **training_groups(), **OTHER_GROUPS}
    if missing := folders - set(purposes):
        raise SystemExit(f"OTHER_GROUPS does not name {', '.join(sorted(missing))}")
    texts = [HEAD]
    for group, purpose in purposes.items():
        files = sorted((CONF_DIR / group).glob("*.yaml"))
        texts.append(f"\n## {group}: {purpose}\n" if group else f"\n## {purpose.capitalize()}\n")
        texts += [section(path, group) for path in files]
    return "".join(texts)


def training_groups() -> dict[str, str]:
    """The groups of a training in the order of their defaults, and what each is about."""
    return dict(DEFAULT.findall((CONF_DIR / "train.yaml").read_text()))


def section(path: Path, group: str) -> str:
    """The text of an option: its head comments, where further keys come from, and a row a key."""
    lines = path.read_text().splitlines()
    comments = [
        line[1:].strip() for line in lines if line.startswith("#") and "@package" not in line
    ]
    content = yaml.safe_load(path.read_text()) or {}
    name = f"lepton {path.stem}" if not group else path.stem.lstrip("_")
    title = f"keys that several share ({name})" if path.stem.startswith("_") else f"`{name}`"
    text = [f"\n### {title}\n"]
    comments = [COMMAND.sub(r"`\g<0>`", escaped(line)) for line in comments]
    text += ["\n", "\n".join(comments), "\n"] if comments else []
    defaults = content.get("defaults", [])
    bases = [base for base in defaults if isinstance(base, str) and base != "_self_"]
    bases = [base.partition("@")[0] for base in bases]
    if bases and group:
        text.append(f"\nBeside its own it has the keys of {', '.join(f'`{b}`' for b in bases)}.\n")
    if rows := key_rows(lines):
        text += ["\n| key | value | |\n|---|---|---|\n"]
        text += [f"| {key} | {value} | {escaped(comment)} |\n" for key, value, comment in rows]
    return "".join(text)


def key_rows(lines: list[str]) -> list[tuple[str, str, str]]:
    """The dotted key, value and comment of every line that sets a key, but for a defaults list."""
    rows: list[tuple[str, str, str]] = []
    parents: list[tuple[int, str]] = []  # the nodes that a line stands in, and their indentation
    skipped_depth = None  # indentation of a node whose lines are left out
    for line in lines:
        entry = ENTRY.match(line)
        if rows and line.startswith("  ") and line.lstrip().startswith("# "):
            key, value, comment = rows[-1]
            rows[-1] = key, value, f"{comment} {line.lstrip()[2:].lstrip()}"
        if not entry or line.lstrip().startswith(("#", "-")):
            continue
        depth, key = len(entry["indent"]), entry["key"]
        parents = [node for node in parents if node[0] < depth]
        if skipped_depth is not None and depth > skipped_depth:
            continue
        skipped_depth = depth if key in SKIPPED_KEYS else None
        value, comment = entry["value"].strip(), entry["comment"] or ""
        if skipped_depth is None and (value or comment):
            dotted = ".".join([*(node for _, node in parents), key])
            rows.append((f"`{dotted}`", f"`{escaped(value)}`" if value else "", comment))
        parents.append((depth, key))
    return rows


def escaped(text: str) -> str:
    """The text for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    (DOCS / "options.md").write_text(reference())
