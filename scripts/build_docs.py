#!/usr/bin/env python3
"""Builds the site of docs/ in site/, with README and a reference made from docstrings; offline.

usage: python scripts/build_docs.py

It needs pip install 'lepton-experiments[docs]', and ends with what a page links to that is not
there.
"""

import inspect
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import lepton
import lepton.testing
from lepton.dataset.tabular import TabularData
from lepton.dataset.text import TextData
from lepton.method import Method

ROOT = Path(__file__).resolve().parents[1]
BESIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")  # pages that lie beside docs/
BASES = (Method, TabularData, TextData)  # of one's own options
FILE_BLOCK = re.compile(r"^```(\w+) ([\w/.]+)$", re.MULTILINE)  # code with the name of its file
REFERENCE = "python_reference.md"  # made here alone


def build(folder: Path) -> Path:
    """Writes the pages and the site into a folder, and returns the site's."""
    pages = folder / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages)
    for name in BESIDE:
        shutil.copy(ROOT / name, pages)
    for path in pages.rglob("*.ipynb"):
        path.with_suffix(".md").write_text(notebook_page(path))
    for path in pages.rglob("*.md"):
        up = "../" * (len(path.relative_to(pages).parts) - 1)
        text = re.sub(rf"\]\(({up}\.\.|docs)/", f"]({up}", path.read_text())  # BESIDE is in it now
        text = re.sub(r"\]\((notebooks/\w+)\.ipynb", r"](\1.md", text)
        path.write_text(FILE_BLOCK.sub(r'```\1 title="\2"', text))
    (pages / REFERENCE).write_text(reference())
    (pages / "zensical.toml").rename(folder / "zensical.toml")
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "html"


def notebook_page(path: Path) -> str:
    """A notebook as Markdown: its text, its code, and what it printed."""
    parts = []
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"])
        code = cell["cell_type"] == "code"
        parts.append(f"```python\n{source}\n```\n" if code else f"{source}\n")
        for output in cell.get("outputs", ()):
            parts.append(f"```text\n{''.join(output['text'])}```\n")
        if len(parts) == 1:
            parts.append(f"[As a notebook]({path.name}).\n")
    return "\n".join(parts)


def reference() -> str:
    """The page of what Python code may call, from signatures and docstrings."""
    parts = {
        "lepton": [getattr(lepton, name) for name in lepton.__all__],
        "lepton.testing": [
            value
            for name in lepton.testing.__all__
            if callable(value := getattr(lepton.testing, name))
        ],
        "Bases of your own options": BASES,
    }
    texts = [
        "# Python reference\n\nMade from docstrings; [In Python](python.md) shows them in use.\n"
    ]
    for title, things in parts.items():
        texts.append(f"\n## {title}\n")
        for thing in things:
            texts.append(described(thing, "###", thing.__name__))
            if inspect.isclass(thing):
                texts += [
                    described(value, "####", f"{thing.__name__}.{name}")
                    for name, value in vars(thing).items()
                    if not name.startswith("_") and inspect.isroutine(value) and value.__doc__
                ]
    return "".join(texts)


def described(thing: object, mark: str, name: str) -> str:
    """A heading, the signature and the docstring, the lines of which are kept."""
    call = inspect.signature(thing) if callable(thing) else ""
    signature = f"{name}{call}".replace("'", "")
    doc = inspect.getdoc(thing) or ""
    return f"\n{mark} {name}\n\n```python\n{signature}\n```\n\n```text\n{doc}\n```\n"


class Page(HTMLParser):
    """The anchors of a page, and what it links to and loads."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.anchors |= {held[key] or "" for key in ("id", "name") if key in held}
        if tag == "a" and held.get("href"):
            self.targets.append(held["href"] or "")
        if tag in ("script", "img") and held.get("src"):
            self.loaded.append(held["src"] or "")
        if tag == "link" and held.get("rel") in ("stylesheet", "preconnect", "icon"):
            self.loaded.append(held.get("href") or "")


def broken_links(site: Path) -> list[str]:
    """A line for each link to a page or heading of the site that is not there, or loaded file."""
    pages = {path.resolve(): Page(path.read_text()) for path in site.rglob("*.html")}
    lines = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links begin at the root of a server
            continue
        said = path.relative_to(site.resolve())
        lines += [f"{said}: loads {x}" for x in page.loaded if urlsplit(x).netloc]
        for target in {*page.targets, *page.loaded}:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = there / "index.html" if there.is_dir() else there
            anchor = unquote(parts.fragment)
            known = there not in pages or not anchor or anchor in pages[there].anchors
            if not there.is_file() or not known:
                lines.append(f"{said}: {target} leads nowhere")
    return sorted(lines)


if __name__ == "__main__":
    site = build(ROOT / "site")
    if lines := broken_links(site):
        sys.exit("\n".join(lines))
    print(f"{site / 'index.html'}: {len([*site.rglob('*.html')])} pages")
