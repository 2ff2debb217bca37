"""Writes a report, or one of its tables, as Markdown."""

import re

from lepton.config.words import shell_word
from lepton.foreign_text import printable
from lepton.report.blocks import Block, Code, Figure, Note, Report, RunsTable, Table, Text

MAX_RUNS = 25  # shown; runs.csv holds all


def markdown_document(report: Report) -> str:
    """The whole report, for a file that lies beside its `plots` folder."""
    paragraphs = [f"# {_escape_prose(report.title)}", *map(_escape_prose, report.summary)]
    facts = (f"- {name}: {_escape_prose(fact)}" for name, fact in report.facts.items())
    paragraphs += [_block(figure, report.command) for figure in report.answer]
    paragraphs.append("\n".join(facts))
    for section in report.sections:
        paragraphs.append(f"## {section.title}")
        paragraphs += [_block(block, report.command) for block in section.blocks]
    return "\n\n".join([*paragraphs, "Made by", _code(report.command)]) + "\n"


def _block(block: Block, command: str) -> str:
    match block:
        case Text(text):
            return _escape_prose(text)
        case Note(text):
            return f"> {_escape_prose(text)}"
        case Table():
            return f"{markdown_table(block)}\n\n{_escape_prose(block.caption)}"
        case Code(caption, text, folded):
            return f"{_escape_prose(caption)}:\n\n{_code(text, 'yaml' if folded else 'bash')}"
        case RunsTable(caption, header, rows, first_number):
            table = markdown_table(Table("runs", caption, header, rows[:MAX_RUNS], first_number))
            return f"{table}\n\n{min(MAX_RUNS, len(rows))} of {len(rows)} runs. {caption}"
        case Figure(name, caption, alt):
            picture = f"![{_escape_cell(alt)}](plots/{block.file_stem}.svg)"
            return f"{picture}\n\n{_escape_prose(caption)} `{command} --figure {shell_word(name)}`"
    raise TypeError(type(block))


def markdown_table(table: Table) -> str:
    """The table with one line a row and its numbers aligned to the right."""
    alignment = ["---:" if i >= table.first_number else ":---" for i in range(len(table.header))]
    header, *rows = ([*map(_escape_cell, row)] for row in (table.header, *table.rows))
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, alignment, *rows))


def _escape_cell(text: str) -> str:
    """The text on one line, where nothing ends the cell or is read as Markdown or HTML."""
    text = " ".join(_escape_html(printable(text)).splitlines())
    return re.sub(r"[\\|`*\[\]]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)


def _escape_prose(text: str) -> str:
    return re.sub(r"[\\`*_\[\]]", r"\\\g<0>", _escape_html(text))


def _escape_html(text: str) -> str:
    return re.sub(r"&(?=#?\w+;)", "&amp;", text).replace("<", "&lt;")


def _code(text: str, language: str = "bash") -> str:
    return f"```{language}\n{text.rstrip()}\n```"
