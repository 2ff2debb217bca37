"""Words of data and settings that HTML, Markdown, LaTeX or matplotlib would read otherwise."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from lepton.commands.report import report_command
from lepton.report.blocks import Runs, Table
from lepton.report.figures.options import label
from lepton.report.html import _runs
from lepton.report.latex import table as latex
from lepton.report.markdown import table as markdown

EVIL = "<script>alert(1)</script>"
CLASSES = (f"{EVIL}|a", "_b_ & $x^")
FORM = (
    "dataset=text_csv",
    "dataset.path=mails.csv",
    "dataset.text=mail_text",
    "dataset.target=kind",
)


@pytest.fixture
def mails(here, run):
    """A run on texts of which many are predicted wrong, with strange classes, texts and columns."""
    rows = [
        {
            "mail_text": f"{EVIL} *word* `code` | [link](x) __init__ &amp; n{i} "
            + "long " * (70 + 20 * (i % 2)),
            "kind": CLASSES[i * i * i % 11 < 5],
            "sender": f"{EVIL}{i % 3 // 2}",
            "number": i,
        }
        for i in range(180)
    ]
    pd.DataFrame(rows).to_csv(here / "mails.csv", index=False)
    return run(*FORM, "model=tfidf_linear", "study=mails", "dataset.split_seed=1")


class Words(HTMLParser):
    """The tags of a page and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)

    def handle_data(self, text):
        self.words.append(text)


def test_a_text_is_shown_as_it_is_and_cut_and_sliced_by_its_length(mails, here, capsys):
    assert report_command(["mails"]) == 0
    out = here / "reports" / "mails"
    found = pd.read_csv(out / "mistakes.csv")
    assert list(found) == ["sample", "true", "predicted", "mail_text"]
    raw = pd.read_csv(here / "mails.csv")
    for row in found.itertuples():
        assert row.true == raw.loc[row.sample, "kind"]
        text = " ".join(raw.loc[row.sample, "mail_text"].split())
        assert row.mail_text == f"{text[:299]}…"
    page = Words((out / "report.html").read_text())
    assert page.tags.count("script") == 2  # the page's own
    assert found["mail_text"][0] in page.words
    drawn = (out / "plots" / "slices.svg").read_text()
    assert "words of mail_text" in drawn
    assert "sender = &lt;script&gt;" in drawn
    assert "number" not in drawn
    assert "<script>" not in (out / "report.md").read_text()


def test_a_markdown_cell_says_its_words_and_nothing_else():
    text = "a|b\nc `d` *e* __f__ g_h [i](j) <k> &lt; & \\"
    row = markdown(Table("t", "", ["key"], [[text]], 1)).splitlines()[-1]
    said = r"a\|b c \`d\` *e* \_\_f\_\_ g_h \[i\](j) &lt;k> &amp;lt; & \\"
    assert row == f"| {said} |".replace("*e*", r"\*e\*")


def test_a_latex_table_of_strange_words_has_a_label_that_latex_takes():
    text = latex(Table("a b_{$", "", ["%"], [["$x$ ~^\\"]], 1))
    assert r"\label{tab:a_b___}" in text
    assert r"\$x\$ \textasciitilde{}\textasciicircum{}\textbackslash{} \\" in text


def test_no_run_ends_the_script_that_holds_all_of_them():
    page = _runs(Runs("", ["run"], [["<!--<script>"], ["</script>"]], 1))
    [held] = re.findall(r'<script type="application/json" id="runs-data">(.*?)</script>', page)
    assert "<" not in held
    assert Words(page).tags.count("script") == 1


def test_a_label_is_one_line_that_legends_show_and_no_formula():
    assert label(("_x\ny",)) == " _x y"
