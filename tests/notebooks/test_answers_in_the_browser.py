"""A learner's answers, typed into JupyterLab: judged in a process of their own, with the smallest case that fails."""

import json
from pathlib import Path

from playwright.sync_api import Page, expect
from test_browser import end_sessions, everything_has_run, keep_picture, run_all_cells

from esworkbench.course.grader.pasteable import pasteable
from esworkbench.course.nb01_events_not_rows import BALANCE, BETWEEN

CELLS = [
    "from esworkbench.course.nb01_events_not_rows import POSTED, exercises\n\n"
    "SIGNS = POSTED | {'WithdrawalSettled': -1}",
    "def my_balance(facts):\n    return sum(SIGNS[fact.kind] * fact.amount_minor for fact in facts)\n\n\n"
    "exercises.balance.check(my_balance)",
    "def my_between(facts, first, last, zone):\n    while True:\n        pass\n\n\nexercises.between.check(my_between)",
    f"{pasteable(BETWEEN.asked, BETWEEN.reference)}\n\nexercises.between.check(my_between)",
    "from esworkbench.course.progress import progress\n\n[row.attempts for row in progress() if row.attempts]",
]


def test_wrong_slow_and_right_answers(jupyterlab: str, page: Page) -> None:
    end_sessions(page, jupyterlab)
    address, _, token = jupyterlab.partition("lab/tree/{}?reset&token=")
    cells = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": text,
        }
        for number, text in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    body = {"type": "notebook", "format": "json", "content": notebook}
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    saved = page.request.put(f"{address}api/contents/answers.ipynb", headers=headers, data=json.dumps(body))
    assert saved.ok, saved.text()
    page.goto(jupyterlab.format("answers.ipynb"))
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
    run_all_cells(page)
    everything_has_run(page, len(CELLS))
    shown = page.locator(".jp-OutputArea-output")
    expect(shown).to_have_count(4)
    wrong, slow, right, attempts = shown.all_inner_texts()
    assert wrong.startswith(f"✘ balance is incorrect: {BALANCE.mistakes['double apply'].hint}")
    assert "given facts" in wrong
    assert "WithdrawalSettled" in wrong
    assert "too slow on this case" in slow
    assert right.startswith("✔ between is correct")
    assert attempts == "[1, 2]"
    keep_picture(page, shown.first, Path(__file__).stem)
