"""Every point that a card calls proved is proved: the cell is there, and its committed output says so.

And it could fail: without that output, or with a neighbour's in its place, no point holds.
"""

import json
from pathlib import Path

import pytest

from esworkbench.course.interview.cards import Card, CardKind, Point, Proof, load_cards
from esworkbench.course.interview.proofs import holds, link_to, notebook_of, outputs_of
from esworkbench.course.interview.walkthrough import walkthrough
from esworkbench.errors import UnusableInput
from tests.notebooks.execute import NOTEBOOKS

PROVED = [
    pytest.param(point, id=f"{card.id}-{number}")
    for card in load_cards()
    for number, point in enumerate(card.points, start=1)
    if point.proof is not None
]
OUTPUTS = {path.stem[:2]: outputs_of(path) for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")}


def proof_of(point: Point) -> Proof:
    assert point.proof is not None
    return point.proof


@pytest.mark.parametrize("point", PROVED)
def test_the_cell_is_there_and_its_output_says_so(point: Point) -> None:
    proof = proof_of(point)
    assert proof.cell in OUTPUTS[proof.notebook], f"notebook {proof.notebook} has no code cell {proof.cell!r}"
    assert holds(proof, OUTPUTS[proof.notebook][proof.cell]), OUTPUTS[proof.notebook][proof.cell]


@pytest.mark.parametrize("point", PROVED)
def test_it_does_not_hold_without_that_output(point: Point, tmp_path: Path) -> None:
    proof = proof_of(point)
    original = notebook_of(proof.notebook)
    assert original is not None
    notebook = json.loads(original.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["id"] == proof.cell:
            cell["outputs"] = []
    blanked = tmp_path / original.name
    blanked.write_text(json.dumps(notebook), encoding="utf-8")
    assert not holds(proof, outputs_of(blanked)[proof.cell])


@pytest.mark.parametrize("point", PROVED)
def test_it_does_not_hold_by_what_the_cells_beside_it_say(point: Point) -> None:
    proof = proof_of(point)
    telling = [cell for cell, output in OUTPUTS[proof.notebook].items() if output]
    place = telling.index(proof.cell)
    beside = [telling[other] for other in (place - 1, place + 1) if 0 <= other < len(telling)]
    assert [cell for cell in beside if holds(proof, OUTPUTS[proof.notebook][cell])] == []


def test_white_space_proves_nothing() -> None:
    proof = Proof("05", "c022", says="3 9000 -11000")
    assert holds(proof, "deaths\n3        9000\t-11000\n")
    assert not holds(proof, "39000 -11000")


def test_an_expression_is_looked_for_in_one_line_of_text() -> None:
    proof = Proof("06", "c44", matches=r"plain \d\.\d+ \d")
    assert holds(proof, "read fold\nplain   0.009\n0.014")
    assert not holds(proof, "plain  none")


def test_outputs_are_the_words_of_streams_and_of_each_form_of_a_result(tmp_path: Path) -> None:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["one ", "two\n"]},
        {"output_type": "execute_result", "data": {"text/plain": ["three"], "image/png": "four"}, "metadata": {}},
        {"output_type": "display_data", "data": {"text/markdown": "*five*", "text/html": ["<b>six</b>"]}},
    ]
    cells = [
        {"cell_type": "markdown", "id": "words", "source": ["# Words"]},
        {"cell_type": "code", "id": "told", "outputs": outputs},
        {"cell_type": "code", "id": "silent", "outputs": []},
    ]
    path = tmp_path / "05_any.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert outputs_of(path) == {"told": "one two\n\nthree\n*five*\n<b>six</b>", "silent": ""}
    assert notebook_of("05", tmp_path) == path
    assert notebook_of("06", tmp_path) is None


def test_a_link_leads_to_the_cell_in_the_notebook_beside() -> None:
    assert link_to(Proof("05", "c014", says="11000")) == "[05_projections](05_projections.ipynb#cell-id=c014)"
    with pytest.raises(UnusableInput, match="no notebook '99'"):
        link_to(Proof("99", "c014", says="11000"))


def test_a_walkthrough_links_what_is_proved_and_says_what_is_not(tmp_path: Path) -> None:
    proved = Point("One.", proof=Proof("05", "c014", says="11000"))
    card = Card(
        id="any", kind=CardKind.SCENARIO, question="What?", red_flags=["Guess."], follow_ups=["next"], topic="reads",
        points=[proved, Point("Two.", needs="15"), Point("Three.", judgement="source")],
    )  # fmt: skip
    (tmp_path / "05_projections.ipynb").touch()
    told = walkthrough(card, tmp_path)
    assert told.startswith("**What?** (scenario, reads, 15 minutes)")
    assert "- One. ([05_projections](05_projections.ipynb#cell-id=c014))\n" in told
    assert "- Two. (to be proved in notebook 15)\n- Three. (a judgement)\n" in told
    assert told.endswith("- “Guess.”\n\nThen: `next`")
    (tmp_path / "15_tamper_evidence.ipynb").touch()
    assert "- Two. (see [15_tamper_evidence](15_tamper_evidence.ipynb))" in walkthrough(card, tmp_path)
