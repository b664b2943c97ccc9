"""The notebooks as a reader meets them: JupyterLab in a real browser runs each; 13 is clicked to the culprit.

Where ESWORKBENCH_SCREENSHOTS names a folder, a picture of each is left there, in the light theme and in the dark one.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.notebooks.execute import NOTEBOOKS, code_cells, read
from tests.notebooks.test_shape import ALL

NOTEBOOK = "13_bisect_a_corrupted_balance.ipynb"
MOST_PROBES = 8
expect.set_options(timeout=120_000)
EVENT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


IN_A_BROWSER = ("00", "18")
"""Every notebook runs in kernels of `test_running` and `make notebooks`; in a browser 13 and these: widgets, plots,
exercises, cards. The rest in the sweep."""
LOOKED_AT = [pytest.param(path, marks=[] if path.stem[:2] in IN_A_BROWSER else [pytest.mark.sweep]) for path in ALL]


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
        if cell.source.startswith("from esworkbench.forensics.compare.bisect import bisect\n")
    ]
    text = cell.outputs[0].data["text/plain"]
    (event_id,) = EVENT_ID.findall(text)
    return event_id, int(re.findall(r"position\s+(\d+)", text)[0])


def test_clicking_asking_and_typing_all_lead_to_the_culprit(jupyterlab: str, page: Page) -> None:
    open_notebook(page, jupyterlab, NOTEBOOK)
    run_all_cells(page)
    bench = Bench(page)
    bench.judged(0)
    assert page.locator(ERRORS).all_inner_texts() == []
    event_id, position = committed_answer()

    clicked = bench.until_done(lambda: bench.button(bench.truth(position)).click())
    assert EVENT_ID.findall(clicked) == [event_id]
    expect(bench.button("good")).to_be_disabled()

    keep_picture(page, bench.status, "bisect_bench")
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


@pytest.mark.parametrize("path", LOOKED_AT, ids=lambda path: path.stem)
def test_every_cell_runs_and_none_shows_an_error(jupyterlab: str, page: Page, path: Path) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    open_notebook(page, jupyterlab, path.name)
    run_all_cells(page)
    everything_has_run(page, len(code_cells(read(path))))
    assert page.locator(ERRORS).all_inner_texts() == []
    assert complaints == []
    keep_picture(page, page.locator(EXERCISES).first, path.stem)


ERRORS = (
    '.jp-RenderedText[data-mime-type="application/vnd.jupyter.error"], '
    '.jp-RenderedText[data-mime-type="application/vnd.jupyter.stderr"], .jupyter-widgets.jp-mod-error'
)
EXERCISES = ".jp-Cell:has(h2:text-matches('Exercises|Two days|What to take along'))"
PROMPTS = ".jp-CodeCell .jp-InputPrompt"


def open_notebook(page: Page, jupyterlab: str, name: str) -> None:
    """With a kernel of its own, ready to run, and the outputs that were committed cleared away."""
    end_sessions(page, jupyterlab)
    page.goto(jupyterlab.format(name))
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
    choose(page, "Edit", "Clear Outputs of All Cells")
    expect(page.locator(".jp-CodeCell .jp-OutputArea-output")).to_have_count(0)


def end_sessions(page: Page, jupyterlab: str) -> None:
    """No kernel of an earlier test goes on, to hold memory or to count further."""
    address, _, token = jupyterlab.partition("lab/tree/{}?reset&token=")
    headers = {"Authorization": f"token {token}"}
    for session in page.request.get(f"{address}api/sessions", headers=headers).json():
        page.request.delete(f"{address}api/sessions/{session['id']}", headers=headers)


def run_all_cells(page: Page) -> None:
    choose(page, "Run", "Run All Cells")


def everything_has_run(page: Page, count: int) -> None:
    """Until every code cell has its number, in order: after an error the cells below have none."""
    expect(page.locator(PROMPTS)).to_have_text([f"[{number}]:" for number in range(1, count + 1)])


def choose(page: Page, menu: str, *entries: str) -> None:
    """An entry of JupyterLab's menus, or of a menu in a menu."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    for entry in entries:
        page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()


def keep_picture(page: Page, what: Locator, name: str) -> None:
    """Screenshots for a person, where ESWORKBENCH_SCREENSHOTS names a folder."""
    if not (folder := os.environ.get("ESWORKBENCH_SCREENSHOTS")):
        return
    for theme in ("Dark", "Light"):
        choose(page, "Settings", "Theme", f"JupyterLab {theme}")
        expect(page.locator("body")).to_have_attribute("data-jp-theme-name", f"JupyterLab {theme}")
        # The old theme fades out behind JupyterLab's splash.
        expect(page.locator("#jupyterlab-splash")).to_have_count(0)
        what.scroll_into_view_if_needed()
        page.screenshot(path=Path(folder) / f"{name}_{theme.lower()}.png")
