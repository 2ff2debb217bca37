"""Tables in Markdown, whatever their cells hold."""

from lepton.report.blocks import Table
from lepton.report.markdown import markdown_table


def test_a_markdown_table_keeps_its_columns_whatever_its_cells_hold():
    table = Table("t", "50 % of a_b", ["key", "a|b"], [["x_y", "1 & 2"], ["~", "<3>"]], 1)
    lines = markdown_table(table).splitlines()
    assert lines[0] == "| key | a\\|b |"
    assert lines[1] == "| :--- | ---: |"
    assert len(lines) == 4


def test_a_markdown_cell_says_its_words_and_nothing_else():
    text = "a|b\nc `d` *e* __f__ g_h [i](j) <k> &lt; & \\"
    line = markdown_table(Table("t", "", ["key"], [[text]], 1)).splitlines()[-1]
    escaped = r"a\|b c \`d\` *e* \_\_f\_\_ g_h \[i\](j) &lt;k> &amp;lt; & \\"
    assert line == f"| {escaped} |".replace("*e*", r"\*e\*")
