"""A report, or a table, as Markdown."""

from lepton.report.blocks import Block, Code, Figure, Note, Report, Runs, Table, Text

FIRST = 25  # runs shown; all are in runs.csv


def document(report: Report) -> str:
    """The report beside its `plots` folder."""
    parts = [f"# {report.title}", *map(_prose, report.answer)]
    parts.append("\n".join(f"- {k}: {v}" for k, v in report.facts.items()))
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
            return f"{caption}:\n\n{_code(text, 'yaml' if folded else 'bash')}"
        case Runs(caption, head, rows, numbers):
            first = table(Table("runs", caption, head, rows[:FIRST], numbers))
            return f"{first}\n\n{min(FIRST, len(rows))} of {len(rows)} runs. {caption}"
        case Figure(name, caption, alt):
            picture = f"![{_cell(alt)}](plots/{name}.svg)"
            return f"{picture}\n\n{_prose(caption)} `{command} --figure {name}`"
    raise TypeError(type(block))


def table(block: Table) -> str:
    """One row a line, numbers to the right."""
    line = ["---:" if i >= block.numbers else ":---" for i in range(len(block.head))]
    rows = [list(map(_cell, row)) for row in (block.head, *block.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], line, *rows[1:]))


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _prose(words: str) -> str:
    return words.replace("*", "\\*").replace("_", "\\_").replace("<", "&lt;")


def _code(text: str, kind: str = "bash") -> str:
    return f"```{kind}\n{text.rstrip()}\n```"
