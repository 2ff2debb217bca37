"""The page in a real browser: without errors, on a phone, by keyboard, in light and dark."""

import re

import pytest

from lepton.commands.report import main as report_command
from lepton.storage.run_files import read_run_table
from lepton.storage.run_folder import HISTORY_FILE

pytestmark = pytest.mark.slow
TAB, ENTER = ("Tab", 9), ("Enter", 13)


@pytest.fixture
def page(study, here):
    assert report_command([str(study)]) == 0
    return here / "reports" / "small" / "report.html"


def luminance(color: str) -> float:
    """Relative luminance of WCAG 2.1."""
    rgb = [int(x) / 255 for x in re.findall(r"\d+", color)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Contrast ratio of WCAG 2.1."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_page_loads_without_a_word_in_the_console_and_shows_tables_and_plots(browser, page):
    browser.open(page)
    assert browser.console_events() == []
    assert browser.evaluate("document.title") == "small: report"
    assert browser.evaluate("document.querySelectorAll('table').length") >= 4
    plots = browser.evaluate("[...document.querySelectorAll('svg.plot')].map(s => s.clientHeight)")
    assert len(plots) >= 8
    assert min(plots) > 50
    assert browser.evaluate("performance.getEntriesByType('resource').length") == 0
    ids = browser.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_nothing_is_wider_than_the_window_but_what_scrolls_by_itself(browser, page, width):
    browser.open(page, width=width)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("document.querySelector('h1').getBoundingClientRect().left") >= 0
    assert browser.evaluate("getComputedStyle(document.body).fontSize") == "16px"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_plots_can_be_read_in_light_and_dark(browser, page, scheme):
    browser.open(page, scheme=scheme)
    card = browser.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
    assert (luminance(card) < 0.1) == (scheme == "dark")
    for selector in ("h2", "td", "figcaption", "thead th", ".note, p", "nav a"):
        color = browser.evaluate(f"getComputedStyle(document.querySelector(`{selector}`)).color")
        assert contrast(color, card) >= 4.5, selector
    fills = browser.evaluate(
        "[...new Set([...document.querySelectorAll('svg.plot text')]"
        ".map(t => getComputedStyle(t).fill))]"
    )
    assert min(contrast(fill, card) for fill in fills) >= 4.5
    for i in range(8):
        root = "document.documentElement"
        color = browser.evaluate(f"getComputedStyle({root}).getPropertyValue('--s{i}').trim()")
        rgb = ", ".join(str(int(color[j : j + 2], 16)) for j in (1, 3, 5))
        assert contrast(f"rgb({rgb})", card) >= 3, f"--s{i}"


def test_the_theme_can_be_changed(browser, page):
    browser.open(page)
    before = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    browser.evaluate("document.getElementById('theme').click()")
    after = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert luminance(after) < 0.1 < luminance(before)
    assert browser.evaluate("document.getElementById('theme').textContent") == "Light"


def test_everything_is_reached_and_used_by_keyboard(browser, page):
    browser.open(page)
    browser.press(*TAB)
    assert browser.evaluate("document.activeElement.className") == "skip"
    browser.press(*ENTER)
    focused = set()
    for _ in range(200):
        browser.press(*TAB)
        focused.add(
            browser.evaluate("document.activeElement.tagName + document.activeElement.className")
        )
        if browser.evaluate("document.activeElement.closest('#runs thead') !== null"):
            break
    assert {"BUTTONcopy", "DIVscroll", "DIVplotbox", "SUMMARY", "INPUT"} <= focused
    browser.press(*ENTER)
    assert browser.evaluate("document.querySelector('#runs th').ariaSort") == "ascending"
    names = browser.evaluate(
        "[...document.querySelectorAll('#runs tbody th')].map(t => t.textContent)"
    )
    assert names == sorted(names)


def test_runs_are_found_by_words(browser, page):
    browser.open(page)
    assert browser.evaluate("document.querySelector('#runs [role=status]').textContent") == (
        "1 to 9 of 9 runs"
    )
    search = "document.querySelector('#runs input')"
    browser.evaluate(f"{search}.value = 'gradient'; {search}.dispatchEvent(new Event('input'))")
    rows = browser.evaluate(
        "[...document.querySelectorAll('#runs tbody tr')].map(t => t.textContent)"
    )
    assert len(rows) == 3
    assert all("gradient_boosting" in row for row in rows)


def test_the_answer_has_a_forest_plot_with_a_line_at_zero(browser, page):
    browser.open(page)
    header = "document.querySelector('header')"
    assert "0.00" in browser.evaluate(f"{header}.querySelector('svg').textContent").replace(" ", "")
    [label] = browser.evaluate(
        f"[...{header}.querySelectorAll('.dot')].map(d => d.getAttribute('aria-label'))"
    )
    difference = browser.evaluate(
        "[...document.querySelectorAll('[aria-label=comparison] [data-title=\"minus baseline\"]')]"
        ".map(t => t.textContent).find(t => t !== 'baseline')"
    )
    assert difference in label


def test_a_dot_under_the_pointer_says_which_run_it_is(browser, page):
    browser.open(page)
    place = browser.evaluate(
        "(d => { d.scrollIntoView({block: 'center', behavior: 'instant'});"
        "const r = d.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })"
        "(document.querySelector('section .dot'))"
    )
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])
    assert re.fullmatch(
        r"german_credit-\w+-s\d-\w+, seed \d, test auroc 0\.\d{4}",
        browser.evaluate("document.querySelector('#tip:not([hidden])').textContent"),
    )


def test_dots_say_their_words_by_keyboard_and_tab_comes_to_each_plot_once(browser, page):
    browser.open(page)
    tip = "document.querySelector('#tip:not([hidden])')?.textContent"
    focused = "document.activeElement.getAttribute('aria-label')"
    browser.evaluate("document.querySelector('header .copy, header a, header')?.focus()")
    plot_name = "document.activeElement.closest('svg').getAttribute('aria-label')"
    names = []
    for _ in range(200):
        browser.press(*TAB)
        if browser.evaluate("document.activeElement.classList.contains('dot')"):
            names.append(browser.evaluate(plot_name))
            assert browser.evaluate(tip) == browser.evaluate(focused)
            place = browser.evaluate(
                "(d => [d.top, d.left, d.right, innerWidth])"
                "(document.querySelector('#tip').getBoundingClientRect())"
            )
            assert place[0] >= 0
            assert 0 <= place[1] < place[2] <= place[3]
        if browser.evaluate("document.activeElement.closest('#runs thead') !== null"):
            break
    plots = browser.evaluate(
        "[...document.querySelectorAll('svg.plot')].filter(p => p.querySelector('.dot')).length"
    )
    assert len(names) == plots == len(set(names)) >= 2
    assert browser.evaluate(tip) is None

    dots = "[...document.querySelector('section svg.plot:has(.dot)').querySelectorAll('.dot')]"
    labels = browser.evaluate(f"{dots}.map(d => d.getAttribute('aria-label'))")
    assert len(labels) > 2
    browser.evaluate(f"{dots}[0].focus()")
    heard = [browser.evaluate(tip)]
    for _ in labels[1:]:
        browser.press("ArrowRight", 39)
        heard.append(browser.evaluate(tip))
    assert heard == labels
    browser.press("ArrowDown", 40)
    assert browser.evaluate(tip) == labels[-1]
    browser.press("Home", 36)
    browser.press("ArrowUp", 38)
    assert browser.evaluate(tip) == labels[0]
    browser.press("Escape", 27)
    assert browser.evaluate(tip) is None
    assert browser.evaluate(focused) == labels[0]


def test_a_row_opens_the_settings_and_the_epochs_of_its_run(browser, page, study):
    browser.open(page)
    button = (
        "[...document.querySelectorAll('#runs .open')].find(b => b.textContent.includes('mlp'))"
    )
    name = browser.evaluate(f"{button}.textContent")
    browser.evaluate(f"{button}.focus()")
    browser.press(*ENTER)
    detail = "document.querySelector('#runs .detail')"
    assert name in browser.evaluate(f"{detail}.querySelector('code').textContent")
    terms = browser.evaluate(f"[...{detail}.querySelectorAll('dt')].map(t => t.textContent)")
    assert {"seed", "model", "trainer.max_epochs"} <= {*terms}
    rows = browser.evaluate(f"{detail}.querySelectorAll('.epochs tbody tr').length")
    assert rows == len(read_run_table(study / name, HISTORY_FILE))
    browser.press(*ENTER)
    assert browser.evaluate(f"{detail} === null")


def test_a_table_is_sorted_by_its_numbers_from_its_header(browser, page):
    browser.open(page)
    table = "document.querySelector('[aria-label=mistakes] table')"
    browser.evaluate(f"{table}.querySelectorAll('thead button')[0].click()")
    samples = f"[...{table}.querySelectorAll('tbody th')].map(t => t.textContent)"
    first = browser.evaluate(samples)
    assert first == sorted(first, key=int)
    browser.evaluate(f"{table}.querySelectorAll('thead button')[0].click()")
    assert browser.evaluate(samples) == first[::-1]


def test_a_phone_cuts_no_table(browser, page):
    browser.open(page, width=400)
    hidden = browser.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(s => s.scrollWidth > s.clientWidth)"
        ".map(s => s.getAttribute('aria-label'))"
    )
    assert hidden == []


def test_the_page_says_everything_without_a_script(browser, page):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page)
    text = page.read_text()
    assert browser.console_events() == []
    nodes = browser.call("DOM.getDocument", depth=0)["root"]["nodeId"]
    copies = browser.call("DOM.querySelector", nodeId=nodes, selector=".copy")["nodeId"]
    with pytest.raises(AssertionError, match="Could not compute box model"):
        browser.call("DOM.getBoxModel", nodeId=copies)
    code = browser.call("DOM.querySelector", nodeId=nodes, selector=".command code")["nodeId"]
    assert browser.call("DOM.getBoxModel", nodeId=code)["model"]["width"] > 100
    assert "<title>german_credit-" in text
