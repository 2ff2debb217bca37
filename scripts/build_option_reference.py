#!/usr/bin/env python3
"""Writes docs/options.md: every group, option and key of conf/, with the comments beside them.

usage: python scripts/build_option_reference.py
"""

import re
from pathlib import Path

import yaml

from lepton.config.options import CONF_DIR

FOLDER = Path(__file__).resolve().parents[1] / "docs"
HEAD = """# Every option and key

Made from the comments in `conf/` by `python scripts/build_option_reference.py`; `lepton list
GROUP/OPTION` prints the same for one. A key is set as `GROUP.KEY=VALUE`, of a regularization as
`regularization.OPTION.KEY=VALUE`. `_target_` is what is made of the keys.
"""
GROUPS = {  # in the order of a run
    "": "keys of the root",
    "dataset": "what to learn from",
    "preprocessing": "how numbers and categories become tensors",
    "model": "what learns",
    "optimizer": "how its parameters move",
    "scheduler": "how the learning rate changes on the way",
    "regularization": "what keeps it from overfitting; several as `[a,b]`",
    "finetune": "how a pretrained network is tuned",
    "trainer": "where and how long",
    "logger": "who else is told",
    "experiment": "a whole setting by name",
    "search": "which values `hydra/sweeper=search` tries",
    "ensemble": "`lepton ensemble method=OPTION`; keys as `method.KEY=VALUE`",
    "hydra/launcher": "where the runs of a sweep train",
    "hydra/sweeper": "which runs a sweep has",
    "hydra/sweeper/sampler": "who proposes the trials of a search",
    "hydra/sweeper/pruner": "who ends trials of a search early",
}
LINE = re.compile(r"(?P<indent> *)(?P<key>[\w/@ -]+?):(?P<value>.*?)(?: +# (?P<comment>.*))?$")
SKIPPED = ("defaults", "hydra")  # nodes that are for Hydra


def reference() -> str:
    """The whole page."""
    folders = {p.parent.relative_to(CONF_DIR).as_posix() for p in CONF_DIR.glob("*/**/*.yaml")}
    if missing := folders - set(GROUPS):
        raise SystemExit(f"GROUPS does not name {', '.join(sorted(missing))}")
    parts = [HEAD]
    for group, purpose in GROUPS.items():
        files = sorted((CONF_DIR / group).glob("*.yaml"))
        parts.append(f"\n## {group}: {purpose}\n" if group else f"\n## {purpose.capitalize()}\n")
        parts += [section(path, group) for path in files]
    return "".join(parts)


def section(path: Path, group: str) -> str:
    """An option: its head comments, which file it takes further keys from, and a row a key."""
    lines = path.read_text().splitlines()
    heads = [line[1:].strip() for line in lines if line.startswith("#") and "@package" not in line]
    content = yaml.safe_load(path.read_text()) or {}
    name = f"lepton {path.stem}" if not group else path.stem.lstrip("_")
    title = f"keys that several share ({name})" if path.stem.startswith("_") else f"`{name}`"
    text = [f"\n### {title}\n"]
    heads = [f"`{line}`" if line.startswith("lepton ") else escaped(line) for line in heads]
    text += ["\n", "\n".join(heads), "\n"] if heads else []
    bases = [b for b in content.get("defaults", []) if isinstance(b, str) and b != "_self_"]
    if bases and group:
        text.append(f"\nBeside its own it has the keys of {', '.join(f'`{b}`' for b in bases)}.\n")
    if rows := keys(lines):
        text += ["\n| key | value | |\n|---|---|---|\n"]
        text += [f"| {key} | {value} | {escaped(comment)} |\n" for key, value, comment in rows]
    return "".join(text)


def keys(lines: list[str]) -> list[tuple[str, str, str]]:
    """Dotted key, default and comment of every line that sets one; those of a defaults list not."""
    rows: list[tuple[str, str, str]] = []
    above: list[tuple[int, str]] = []  # the nodes that a line stands in, and their indentation
    skipped = None  # indentation of a node whose lines are left out
    for line in lines:
        entry = LINE.match(line)
        if rows and line.startswith("  ") and line.lstrip().startswith("# "):
            key, value, comment = rows[-1]
            rows[-1] = key, value, f"{comment} {line.lstrip()[2:].lstrip()}"
        if not entry or line.lstrip().startswith(("#", "-")):
            continue
        depth, key = len(entry["indent"]), entry["key"]
        above = [node for node in above if node[0] < depth]
        if skipped is not None and depth > skipped:
            continue
        skipped = depth if key in SKIPPED else None
        value, comment = entry["value"].strip(), entry["comment"] or ""
        if skipped is None and (value or comment):
            dotted = ".".join([*(node for _, node in above), key])
            rows.append((f"`{dotted}`", f"`{escaped(value)}`" if value else "", comment))
        above.append((depth, key))
    return rows


def escaped(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    (FOLDER / "options.md").write_text(reference())
