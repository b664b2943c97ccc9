"""`esworkbench interview`: what is listed, shown, drawn, rated; what is refused, in a sentence and with code 2."""

import re
from pathlib import Path

import pytest
from cli_shell import Shell, fingerprint

from esworkbench.course.interview.cards import load_cards
from esworkbench.course.interview.mock import SHEET_MARK


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_alone_it_lists_the_topics_and_how_many_cards_each_has(shell: Shell) -> None:
    ran = shell("interview")
    assert ran.code == 0
    topics = shell.json("interview").document["topics"]
    assert sum(each["cards"] for each in topics) == len(load_cards())
    assert all(re.search(rf"{each['topic']} .* {each['cards']} ", ran.out) for each in topics)


def test_a_card_is_shown_with_its_proofs_and_what_comes_next(shell: Shell) -> None:
    ran = shell("interview", "show", "was-it-tampered-with")
    assert ran.code == 0
    assert "11_replay_to_a_moment, cell 1ec45dd4" in " ".join(ran.out.split())
    assert re.search(r"to be proved in (notebook 15|15_\w+)\)", " ".join(ran.out.split()))
    shown = shell.json("interview", "show", "undo").document
    assert (shown["kind"], shown["topic"], shown["minutes"]) == ("question", "aggregates", 5)
    assert shown["points"][0]["proof"]["cell"] == "cell-42"


def test_a_walk_shows_every_card_or_those_of_a_topic(shell: Shell) -> None:
    assert len(shell.json("interview", "walk").document["cards"]) == len(load_cards())
    topic = shell("interview", "walk", "--topic", "snapshots")
    assert "explain-snapshots" in topic.out
    assert "five-hundred-dollars" not in topic.out


def test_one_seed_prints_one_sheet(shell: Shell) -> None:
    first, again, other = (shell("interview", "mock", "--seed", seed) for seed in (3, 3, 4))
    assert first.code == 0
    assert first.out == again.out != other.out
    assert first.out.startswith(SHEET_MARK)
    assert shell.json("interview", "mock", "--minutes", 30).document["planned"] <= 30


def test_a_sheet_is_written_whole_and_takes_the_place_of_nothing(shell: Shell, tmp_path: Path) -> None:
    """An earlier sheet may be filled in, and somebody's notes may quote one."""
    out = tmp_path / "sheet.md"
    printed = shell("interview", "mock", "--seed", 3).out
    assert shell("interview", "mock", "--seed", 3, "--out", out).code == 0
    assert out.read_text("utf-8") == printed
    filled_in = printed.replace("- [ ]", "- [x]").replace("Candidate: ____", "Candidate: Alice")
    for content in (filled_in, "# My own notes\n", f"Sheets begin with {SHEET_MARK}, and so on\n"):
        out.write_text(content, encoding="utf-8")
        before = fingerprint(tmp_path)
        ran = shell("interview", "mock", "--seed", 4, "--out", out)
        assert ran.code == 2
        assert "stays as it is" in ran.err
        assert fingerprint(tmp_path) == before


def test_a_rated_card_is_due_again_when_it_has_rested(shell: Shell, tmp_path: Path) -> None:
    rated = shell.json("interview", "rate", "undo", 3, "--now", "2026-03-02T09:00:00Z").document
    assert (rated["box"], rated["due"]) == (2, "2026-03-04T09:00:00Z")
    assert [path.name for path in (tmp_path / "work" / "course" / "work").iterdir()] == ["interview.jsonl"]

    def due(now: str) -> list[str]:
        return [each["card"] for each in shell.json("interview", "due", "--now", now).document["due"]]

    assert "undo" not in due("2026-03-04T08:59:00Z")
    assert due("2026-03-04T09:00:00Z")[0] == "undo"
    other = shell.json("interview", "due", "--ratings", "other.jsonl", "--topic", "aggregates").document["due"]
    assert {each["since"] for each in other} == {None}
    assert {each["topic"] for each in other} == {"aggregates"}
    assert not Path("other.jsonl").exists()


def test_a_card_due_is_shown_by_the_command_that_comes_next(shell: Shell) -> None:
    assert "next: esworkbench interview show where-rules-live" in shell("interview", "due").err


REFUSED = [
    (["show", "undoo"], "did you mean undo"),
    (["show", "qqq"], "there are where-rules-live, "),
    (["walk", "--topic", "nothing"], "there are aggregates, availability, cqrs"),
    (["due", "--topic", "nothing"], "there are aggregates"),
    (["due", "--now", "yesterday"], "is not a moment"),
    (["mock", "--minutes", "4"], "has no room for a question"),
    (["mock", "--out", "missing/sheet.md"], "there is no folder 'missing'"),
    (["rate", "undo", "5"], "there is no rating 5: there are 1 (not known)"),
    (["rate", "undoo", "3"], "did you mean undo"),
    (["rate", "undo", "3", "--ratings", "."], "is no file"),
    (["deck", "--topic", "nothing", "--out", "deck.apkg"], "there are aggregates"),
    (["deck", "--out", "missing/deck.apkg"], "there is no folder 'missing'"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED])
def test_what_can_not_be_done_is_said_in_one_sentence_and_leaves_nothing(
    arguments: list[str], said: str, shell: Shell, tmp_path: Path
) -> None:
    ran = shell("interview", *arguments)
    assert ran.code == 2, ran
    assert said in " ".join(ran.err.split())
    assert ran.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_of_ratings_is_named_and_stays(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "ratings.jsonl"
    path.write_text("not JSON\n", encoding="utf-8")
    for arguments in (["due"], ["rate", "undo", 3]):
        ran = shell("interview", *arguments, "--ratings", path)
        assert ran.code == 2
        assert "line 1 of" in ran.err
    assert path.read_text("utf-8") == "not JSON\n"
