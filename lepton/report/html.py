"""Writes a report as one HTML page that needs no network and no other file."""

import json
import re
from dataclasses import asdict
from html import escape
from pathlib import Path

from lepton.config.words import shell_word
from lepton.dataset.inputs.explained import Shaded
from lepton.dataset.inputs.picture import Media
from lepton.dataset.inputs.sound import Sound
from lepton.foreign_text import printable
from lepton.report.blocks import (
    Block,
    Code,
    Figure,
    Note,
    Report,
    RunsTable,
    Section,
    Table,
    Text,
)

ASSETS = Path(__file__).parent
LONG_CELL = 60  # characters from which a cell may break into lines
RUNS_PER_PAGE = 25
MIN_CARD_COLUMNS = 3  # fewer fit a phone
GENERATOR = '<meta name="generator" content="lepton">'
SETTING = r"[\w.]+=(?:[\w.+\-\[\]]*[\w\]]|&#x27;.*?&#x27;)|--[a-z]+ KEY"  # in escaped prose
SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "media-src data:"
)
LIVE_WITHOUT_SCRIPT = '<noscript><meta http-equiv="refresh" content="10"></noscript>'


def html_page(report: Report, svgs: dict[str, str], *, live: bool = False) -> str:
    """The page, with the SVG of each figure by its name as `svg.inline_svg` returns it.

    A live one asks its server for a newer one.
    """
    policy = SECURITY_POLICY + ("; connect-src 'self'" if live else "")
    root_class = ' class="live"' if live else ""
    refresh = LIVE_WITHOUT_SCRIPT if live else ""
    style, script = ((ASSETS / name).read_text() for name in ("page.css", "page.js"))
    title = f"{escape(report.title)}: {escape(report.what)}"
    contents = "".join(
        f'<li><a href="#{_section_id(section.title)}">{escape(section.title)}</a></li>'
        for section in report.sections
    )
    body = "".join(_section(section, svgs, report.command) for section in report.sections)
    return f"""<!doctype html>
<html lang="en"{root_class}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{GENERATOR}
<meta http-equiv="Content-Security-Policy" content="{policy}">{refresh}
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<nav aria-label="Contents"><p class="brand">{escape(report.title)}</p><ol>{contents}</ol>
<button type="button" id="theme" aria-pressed="false">Dark</button></nav>
<main id="main" tabindex="-1">
<header>{_header(report, svgs)}</header>
{body}
<footer><p>Made by</p>{_code(Code("", report.command))}</footer>
</main>
<script>{script}</script>
</body>
</html>
"""


def _header(report: Report, svgs: dict[str, str]) -> str:
    summary = "".join(f"<p>{_prose(sentence)}</p>" for sentence in report.summary)
    facts = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(fact)}</dd></div>"
        for name, fact in report.facts.items()
    )
    figures = [_figure(figure, svgs[figure.name], report.command) for figure in report.answer]
    answer = f'<div class="answer">{summary}</div>{"".join(_figure_row(figures))}'
    return f"<h1>{escape(report.title)}</h1>{answer}<dl>{facts}</dl>"


def _section(section: Section, svgs: dict[str, str], command: str) -> str:
    elements, neighbours = [], []
    for block in section.blocks:
        if isinstance(block, Figure):  # neighbouring figures stand beside each other
            neighbours.append(_figure(block, svgs[block.name], command))
            continue
        elements += _figure_row(neighbours)
        neighbours = []
        elements.append(_block(block))
    elements += _figure_row(neighbours)
    name = _section_id(section.title)
    heading = f'<h2 id="{name}">{escape(section.title)}</h2>'
    return f'<section aria-labelledby="{name}">{heading}{"".join(elements)}</section>\n'


def _figure_row(figures: list[str]) -> list[str]:
    return [f'<div class="figures">{"".join(figures)}</div>'] if figures else []


def _block(block: Block) -> str:
    match block:
        case Text(text):
            return f"<p>{_prose(text)}</p>"
        case Note(text):
            return f'<p class="note" role="note">{_prose(text)}</p>'
        case Table():
            return _table(block)
        case Code():
            return _code(block)
        case RunsTable():
            return _runs_table(block)
    raise TypeError(type(block))


def _prose(text: str) -> str:
    """The escaped text, in which settings stand as code."""
    return re.sub(SETTING, lambda match: f"<code>{match[0]}</code>", escape(text))


def _table(table: Table) -> str:
    titles = "".join(
        f'<th scope="col"{_number_class(i, table.first_number)}>{escape(title)}</th>'
        for i, title in enumerate(table.header)
    )
    return (
        f'<figure class="table">{_open_scroll_box("scroll", table.name)}'
        f"<table{_table_class(table.header, table.rows)}><thead><tr>{titles}</tr></thead>"
        f"<tbody>{_table_rows(table.rows, table.header, table.first_number)}</tbody></table></div>"
        f"<figcaption>{escape(table.caption)}</figcaption></figure>"
    )


def _open_scroll_box(css_class: str, name: str) -> str:
    """The opening tag of a box that the keyboard can scroll."""
    label = escape(name.replace("_", " "), quote=True)
    return f'<div class="{css_class}" role="region" tabindex="0" aria-label="{label}">'


def _table_class(header: list[str], rows: list[list[str]]) -> str:
    """The class of a table whose rows a phone shows as cards, and of one worth sorting."""
    classes = [*["cards"] * (len(header) >= MIN_CARD_COLUMNS), *["sortable"] * (len(rows) > 2)]
    return f' class="{" ".join(classes)}"' if classes else ""


def _table_rows(rows: list[list[str]], header: list[str], first_number: int) -> str:
    return "".join(f"<tr>{_cells(row, header, first_number)}</tr>" for row in rows)


def _cells(row: list[str], header: list[str], first_number: int) -> str:
    name, *values = row
    cells = "".join(
        f'<td{_cell_class(i, first_number, value)} data-title="{escape(header[i], quote=True)}">'
        f"{_value(value)}</td>"
        for i, value in enumerate(values, 1)
    )
    return f'<th scope="row">{escape(name)}</th>{cells}'


def _value(value: str) -> str:
    if isinstance(value, Shaded):
        return " ".join(_shaded(text, share) for text, share in value.parts)
    if not isinstance(value, Media) or not value.content:
        return escape(value)
    uri, alt = escape(value.data_uri, quote=True), escape(value, quote=True)
    if not isinstance(value, Sound):
        return f'<img src="{uri}" alt="{alt}" title="{alt}">'
    picture = _value(value.picture) if value.picture is not None else ""
    return f'{picture}<audio controls preload="none" src="{uri}" title="{alt}"></audio>'


def _shaded(text: str, share: float) -> str:
    """A part of a text, the stronger shaded the further its number is from 0."""
    sign, strength = ("plus", share) if share > 0 else ("minus", -share)
    percent = min(100, round(100 * strength))
    style = f' class="{sign}" style="--strength:{percent}%"' if percent else ""
    return f"<span{style}>{escape(text)}</span>"


def _cell_class(column: int, first_number: int, text: str) -> str:
    return _number_class(column, first_number) or (' class="t"' if len(text) > LONG_CELL else "")


def _number_class(column: int, first_number: int) -> str:
    return ' class="n"' if column >= first_number else ""


def _figure(figure: Figure, svg: str, command: str) -> str:
    wide = ' class="wide"' if figure.wide else ""
    figure_command = escape(f"{command} --figure {shell_word(figure.name)}")
    copy = '<button type="button" class="copy">Copy command</button>'
    command_part = f' <span class="command"><code>{figure_command}</code>{copy}</span>'
    how = command_part if figure.by_itself else ""
    return (
        f"<figure{wide}>{_open_scroll_box('plotbox', figure.name)}{svg}</div>"
        f"<figcaption>{escape(figure.caption)}{how}</figcaption></figure>"
    )


def _code(block: Code) -> str:
    code = f'<pre tabindex="0"><code>{escape(block.text)}</code></pre>'
    if block.folded:
        return f"<details><summary>{escape(block.caption)}</summary>{code}</details>"
    button = '<button type="button" class="copy">Copy</button>'
    caption = f'<p class="small">{escape(block.caption)}</p>' if block.caption else ""
    return f'<div class="code">{caption}{code}{button}</div>'


def _runs_table(table: RunsTable) -> str:
    """The first page of the runs, readable without a script, and all runs for the script."""
    titles = "".join(
        f'<th scope="col"{_number_class(i, table.first_number)}>'
        f'<button type="button">{escape(title)}</button></th>'
        for i, title in enumerate(table.header)
    )
    first_page = _table_rows(table.rows[:RUNS_PER_PAGE], table.header, table.first_number)
    rows = [[printable(cell) for cell in row] for row in table.rows]
    data = {
        **{"numbers": table.first_number, "page": RUNS_PER_PAGE, "rows": rows},
        "titles": table.header,
        "details": [asdict(details) for details in table.details],
        "common": table.common_settings,
    }
    packed_data = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<div class="runs" id="runs"><p class="tools"><label>Find <input type="search" '
        'autocomplete="off"></label> <button type="button" class="back">Back</button> '
        '<button type="button" class="next">Next</button> <span role="status"></span></p>'
        f'<figure class="table">{_open_scroll_box("scroll", "every run")}'
        f'<table class="cards"><thead><tr>{titles}</tr></thead><tbody>{first_page}</tbody></table>'
        "</div>"
        f"<figcaption>{escape(table.caption)}</figcaption></figure></div>"
        f'<script type="application/json" id="runs-data">{packed_data}</script>'
    )


def _section_id(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")
