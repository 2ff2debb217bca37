"""A report as one HTML page that needs nothing else: no network, no other file."""

import json
import re
from html import escape
from pathlib import Path

from lepton.report.blocks import Block, Code, Figure, Note, Report, Runs, Section, Table, Text

HERE = Path(__file__).parent
LONG = 60  # characters of a cell that may break into lines
FIRST = 25  # runs shown before the page's script has pages of them
NAMES = r"[\w.]+=(?:[\w.+\-\[\]]*[\w\]]|&#x27;.*?&#x27;)|--[a-z]+ KEY"  # of settings, in prose
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def page(report: Report, figures: dict[str, str]) -> str:
    """The page; `figures` holds each figure's SVG, as `style.inlined` gives it, by name."""
    style, script = ((HERE / name).read_text() for name in ("page.css", "page.js"))
    title = f"{escape(report.title)}: report"
    contents = "".join(
        f'<li><a href="#{_id(s.title)}">{escape(s.title)}</a></li>' for s in report.sections
    )
    body = "".join(_section(s, figures, report.command) for s in report.sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<nav aria-label="Contents"><p class="brand">{escape(report.title)}</p><ol>{contents}</ol>
<button type="button" id="theme" aria-pressed="false">Dark</button></nav>
<main id="main" tabindex="-1">
<header>{_header(report)}</header>
{body}
<footer><p>Made by</p>{_code(Code("", report.command))}</footer>
</main>
<script>{script}</script>
</body>
</html>
"""


def _header(report: Report) -> str:
    said = "".join(f"<p>{_prose(line)}</p>" for line in report.answer)
    facts = "".join(
        f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in report.facts.items()
    )
    return f'<h1>{escape(report.title)}</h1><div class="answer">{said}</div><dl>{facts}</dl>'


def _section(section: Section, figures: dict[str, str], command: str) -> str:
    name = _id(section.title)
    parts, run = [], []
    for block in section.blocks:  # neighbouring figures stand beside each other
        if isinstance(block, Figure):
            run.append(_figure(block, figures, command))
            continue
        parts += _gathered(run)
        run = []
        parts.append(_block(block))
    parts += _gathered(run)
    head = f'<h2 id="{name}">{escape(section.title)}</h2>'
    return f'<section aria-labelledby="{name}">{head}{"".join(parts)}</section>\n'


def _gathered(run: list[str]) -> list[str]:
    return [f'<div class="figures">{"".join(run)}</div>'] if run else []


def _block(block: Block) -> str:
    match block:
        case Text(words):
            return f"<p>{_prose(words)}</p>"
        case Note(words):
            return f'<p class="note" role="note">{_prose(words)}</p>'
        case Table(name, caption, head, rows, numbers):
            return _table(name, caption, head, rows, numbers)
        case Code():
            return _code(block)
        case Runs():
            return _runs(block)
    raise TypeError(type(block))


def _prose(words: str) -> str:
    """Text in which the names of settings are set as code."""
    text = escape(words)
    return re.sub(NAMES, lambda m: f"<code>{m[0]}</code>", text)


def _table(name: str, caption: str, head: list[str], rows: list[list[str]], numbers: int) -> str:
    titles = "".join(
        f'<th scope="col"{_right(i, numbers)}>{escape(h)}</th>' for i, h in enumerate(head)
    )
    body = "".join(f"<tr>{_cells(row, numbers)}</tr>" for row in rows)
    return (
        f'<figure class="table">{_scrolled("scroll", name)}'
        f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _scrolled(kind: str, name: str) -> str:
    """Opens a box that the keyboard can scroll."""
    label = escape(name.replace("_", " "), quote=True)
    return f'<div class="{kind}" role="region" tabindex="0" aria-label="{label}">'


def _cells(row: list[str], numbers: int) -> str:
    first, *rest = row
    others = "".join(
        f"<td{_kind(i, numbers, cell)}>{escape(cell)}</td>" for i, cell in enumerate(rest, 1)
    )
    return f'<th scope="row">{escape(first)}</th>{others}'


def _kind(i: int, numbers: int, cell: str) -> str:
    return _right(i, numbers) or (' class="t"' if len(cell) > LONG else "")


def _right(i: int, numbers: int) -> str:
    return ' class="n"' if i >= numbers else ""


def _figure(figure: Figure, figures: dict[str, str], command: str) -> str:
    wide = ' class="wide"' if figure.wide else ""
    again = escape(f"{command} --figure {figure.name}")
    return (
        f"<figure{wide}>{_scrolled('plotbox', figure.name)}{figures[figure.name]}</div>"
        f"<figcaption>{escape(figure.caption)} <code>{again}</code></figcaption></figure>"
    )


def _code(block: Code) -> str:
    text = f'<pre tabindex="0"><code>{escape(block.text)}</code></pre>'
    if block.folded:
        return f"<details><summary>{escape(block.caption)}</summary>{text}</details>"
    button = '<button type="button" class="copy">Copy</button>'
    caption = f'<p class="small">{escape(block.caption)}</p>' if block.caption else ""
    return f'<div class="code">{caption}{text}{button}</div>'


def _runs(block: Runs) -> str:
    """A first page that needs no script, and every run for the script to show."""
    titles = "".join(
        f'<th scope="col"{_right(i, block.numbers)}><button type="button">{escape(h)}</button></th>'
        for i, h in enumerate(block.head)
    )
    body = "".join(f"<tr>{_cells(row, block.numbers)}</tr>" for row in block.rows[:FIRST])
    data = {"numbers": block.numbers, "page": FIRST, "rows": block.rows}
    packed = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<div class="runs" id="runs"><p class="tools"><label>Find <input type="search" '
        'autocomplete="off"></label> <button type="button" class="back">Back</button> '
        '<button type="button" class="next">Next</button> <span role="status"></span></p>'
        f'<figure class="table">{_scrolled("scroll", "every run")}'
        f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>"
        f"<figcaption>{escape(block.caption)}</figcaption></figure></div>"
        f'<script type="application/json" id="runs-data">{packed}</script>'
    )


def _id(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")
