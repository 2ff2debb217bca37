"""A report, or a table, as Markdown."""

import re

from lepton.report.blocks import Block, Code, Figure, Note, Report, Runs, Table, Text

FIRST = 25  # runs shown; all are in runs.csv


def document(report: Report) -> str:
    """The report beside its `plots` folder."""
    parts = [f"# {_prose(report.title)}", *map(_prose, report.answer)]
    parts.append("\n".join(f"- {k}: {_prose(v)}" for k, v in report.facts.items()))
    for section in report.sections:
        parts.append(f"## {section.title}")
        parts += [_block(block, report.command) for block in section.blocks]
    return "\n\n".join([*parts, "Made by", _code(report.command)]) + "\n"


def _block(block: Block, command: str) -> str:
    match block:
        case Text(words):
            return _prose(words)
        case Note(words):
            return f"> {_prose(words)}"
        case Table():
            return f"{table(block)}\n\n{_prose(block.caption)}"
        case Code(caption, text, folded):
            return f"{_prose(caption)}:\n\n{_code(text, 'yaml' if folded else 'bash')}"
        case Runs(caption, head, rows, numbers):
            first = table(Table("runs", caption, head, rows[:FIRST], numbers))
            return f"{first}\n\n{min(FIRST, len(rows))} of {len(rows)} runs. {caption}"
        case Figure(name, caption, alt):
            picture = f"![{_cell(alt)}](plots/{block.file}.svg)"
            return f"{picture}\n\n{_prose(caption)} `{command} --figure {name}`"
    raise TypeError(type(block))


def table(block: Table) -> str:
    """One row a line, numbers to the right."""
    line = ["---:" if i >= block.numbers else ":---" for i in range(len(block.head))]
    rows = [list(map(_cell, row)) for row in (block.head, *block.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], line, *rows[1:]))


def _cell(text: str) -> str:
    """Text as it is: nothing in it ends the cell, or is read as Markdown or as HTML."""
    text = " ".join(_no_html(text).splitlines())
    return re.sub(r"[\\|`*\[\]]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)


def _prose(words: str) -> str:
    return re.sub(r"[\\`*_\[\]]", r"\\\g<0>", _no_html(words))


def _no_html(text: str) -> str:
    return re.sub(r"&(?=#?\w+;)", "&amp;", text).replace("<", "&lt;")


def _code(text: str, kind: str = "bash") -> str:
    return f"```{kind}\n{text.rstrip()}\n```"
