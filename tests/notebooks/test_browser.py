"""Notebook 13 as a reader meets it: JupyterLab in a real browser, clicked to the culprit."""

import os
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.notebooks.execute import NOTEBOOKS, code_cells, read

NOTEBOOK = "13_bisect_a_corrupted_balance.ipynb"
MOST_PROBES = 8
expect.set_options(timeout=120_000)
EVENT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Bench:
    """The widget on the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.status = page.locator(".jp-OutputArea-output .widget-html").filter(has_text="of at most")
        self.arrow = page.locator("tr").filter(has_text="→")
        self.keys = page.get_by_placeholder("g, b, s, u, r, a and Enter")

    def button(self, name: str) -> Locator:
        return self.page.locator("button.jupyter-button").filter(has_text=re.compile(f"^{name}$"))

    def judged(self, count: int) -> None:
        expect(self.status).to_contain_text(f"judged {count} of at most {MOST_PROBES}")

    def until_done(self, act: Callable[[], None]) -> str:
        """Act until there is nothing left to judge; what the widget concludes."""
        for count in range(1, MOST_PROBES + 1):
            act()
            self.judged(count)
            if "is the first bad one" in self.status.inner_text():
                break
        return self.status.inner_text()

    def truth(self, first_bad_position: int) -> str:
        """What somebody who knows the truth says of the event under judgement."""
        position = int(self.arrow.locator("td").nth(2).inner_text())
        return "bad" if position >= first_bad_position else "good"


def committed_answer() -> tuple[str, int]:
    """The event id and position that ``bisect`` found, as notebook 13 was committed."""
    (cell,) = [
        cell
        for cell in code_cells(read(NOTEBOOKS / NOTEBOOK))
        if cell.source.startswith("from esworkbench.forensics.bisect import bisect\n")
    ]
    text = cell.outputs[0].data["text/plain"]
    (event_id,) = EVENT_ID.findall(text)
    return event_id, int(re.findall(r"position\s+(\d+)", text)[0])


def test_clicking_asking_and_typing_all_lead_to_the_culprit(jupyterlab: str, page: Page) -> None:
    page.goto(jupyterlab.format(NOTEBOOK))
    run_all_cells(page)
    bench = Bench(page)
    bench.judged(0)
    event_id, position = committed_answer()

    clicked = bench.until_done(lambda: bench.button(bench.truth(position)).click())
    assert EVENT_ID.findall(clicked) == [event_id]
    expect(bench.button("good")).to_be_disabled()

    keep_picture(page, bench.status)
    bench.button("reset").click()
    bench.judged(0)
    asked = bench.until_done(lambda: bench.button("ask").click())
    assert EVENT_ID.findall(asked) == [event_id]

    bench.keys.fill("r")
    bench.keys.press("Enter")
    bench.judged(0)

    def type_the_truth() -> None:
        bench.keys.fill(bench.truth(position)[0])
        bench.keys.press("Enter")

    assert EVENT_ID.findall(bench.until_done(type_the_truth)) == [event_id]
    bench.keys.fill("banana")
    bench.keys.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="'banana' is no action")).to_be_visible()


def run_all_cells(page: Page) -> None:
    """By the menu, once there is a kernel to run them."""
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    expect(page.locator("button.jupyter-button").first).to_be_visible()


def keep_picture(page: Page, what: Locator) -> None:
    """A screenshot for a person, where ESWORKBENCH_SCREENSHOTS names a folder."""
    if folder := os.environ.get("ESWORKBENCH_SCREENSHOTS"):
        what.scroll_into_view_if_needed()
        page.screenshot(path=Path(folder) / f"{NOTEBOOK.removesuffix('.ipynb')}.png")
