"""Practising: mock interviews drawn by a seed, answers scored by hand, cards that come back in time, an Anki deck."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from pathlib import Path

import pytest

from esworkbench.course.interview.cards import Card, CardKind, Cards, load_cards
from esworkbench.course.interview.mock import MOST_FOLLOW_UPS, SHEET_MARK, draw, score_sheet
from esworkbench.course.interview.repetition import DAYS_IN_BOX, Rated, RatingLog, boxes_of, next_box
from esworkbench.course.interview.rubric import as_markdown, score
from esworkbench.course.interview.rubric_view import RubricView
from esworkbench.errors import UnusableInput

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def cards() -> Cards:
    return load_cards()


@pytest.fixture
def undo(cards: Cards) -> Card:
    return cards.by_id("undo")


# A mock interview


@pytest.mark.parametrize("minutes", [5, 9, 20, 45, 90, 600, 5_000])
def test_an_interview_stays_within_its_minutes_and_wastes_none(minutes: int, cards: Cards) -> None:
    for seed in range(20):
        drawn = draw(cards, minutes=minutes, seed=seed)
        left = minutes - drawn.planned
        unasked = [card for card in cards if card.kind is not CardKind.FOLLOW_UP and card not in drawn.cards]
        assert left >= 0
        assert [card.id for card in unasked if card.minutes <= left] == []
        assert len({card.id for card in drawn.cards}) == len(drawn.cards)


def test_a_seed_gives_one_interview_and_another_seed_another(cards: Cards) -> None:
    first, again, other = (draw(cards, minutes=45, seed=seed) for seed in (3, 3, 4))
    assert score_sheet(first) == score_sheet(again)
    assert first.cards != other.cards


@pytest.mark.parametrize("seed", range(20))
def test_kinds_are_mixed_and_follow_ups_come_after_their_question(seed: int, cards: Cards) -> None:
    drawn = draw(cards, minutes=60, seed=seed).cards
    assert {card.kind for card in drawn} == set(CardKind)
    asked: Card | None = None
    followed = 0
    for card in drawn:
        if card.kind is CardKind.FOLLOW_UP:
            followed += 1
            assert asked is not None
            assert card.id in asked.follow_ups
        else:
            asked, followed = card, 0
        assert followed <= MOST_FOLLOW_UPS


@pytest.mark.parametrize("seed", range(20))
def test_no_topic_is_asked_twice_in_an_hour(seed: int, cards: Cards) -> None:
    topics = [card.topic for card in draw(cards, minutes=60, seed=seed).cards if card.kind is not CardKind.FOLLOW_UP]
    assert len(set(topics)) == len(topics)


def test_no_time_for_a_question_is_no_interview(cards: Cards) -> None:
    with pytest.raises(UnusableInput, match="of 4 minutes has no room for a question, which takes 5"):
        draw(cards, minutes=4, seed=1)


def test_a_sheet_has_a_box_for_each_point_and_flag_and_the_totals_of_each_topic(cards: Cards) -> None:
    drawn = draw(cards, minutes=45, seed=3)
    sheet = score_sheet(drawn)
    assert sheet.startswith(SHEET_MARK)
    boxes = [line for line in sheet.splitlines() if line.startswith("- [ ] ")]
    assert len(boxes) == sum(len(card.points) + len(card.red_flags) for card in drawn.cards)
    for topic in {card.topic for card in drawn.cards}:
        points = sum(len(card.points) for card in drawn.cards if card.topic == topic)
        assert f"| {topic} | ____ | {points} | ____ |" in sheet
    assert f"| **all** | ____ | {sum(len(card.points) for card in drawn.cards)} | ____ |" in sheet


# An answer beside its rubric


def test_a_scored_answer_says_what_is_missing_and_judges_no_word_of_it(undo: Card) -> None:
    scored = score(undo, "Append the inverse.\nNever delete.", said={2})
    assert scored.missing == [undo.points[0].text, undo.points[2].text]
    record = as_markdown(scored)
    assert "> Append the inverse.\n> Never delete." in record
    assert f"- [x] {undo.points[1].text}\n- [ ] {undo.points[2].text}" in record
    assert "1 of 3 points; rating 2, with gaps" in record


@pytest.mark.parametrize(
    ("said", "heard", "rating"),
    [((), (), 1), ((1,), (), 2), ((1, 2), (), 3), ((1, 2, 3), (), 4), ((1, 2, 3), (1,), 2), ((), (2,), 1)],
)
def test_a_rating_follows_from_the_ticks(
    said: tuple[int, ...], heard: tuple[int, ...], rating: int, undo: Card
) -> None:
    scored = score(undo, "", said=said, heard=heard)
    assert scored.rating == rating
    assert ("heard: “" in as_markdown(scored)) == bool(heard)


def test_a_tick_beside_every_box_is_refused(undo: Card) -> None:
    with pytest.raises(UnusableInput, match="no number 4 among the points of card 'undo': they go from 1 to 3"):
        score(undo, "", said={4})
    with pytest.raises(UnusableInput, match="no number 0 among the red flags"):
        score(undo, "", heard={0})


def test_a_view_hides_its_rubric_until_asked_and_scores_what_is_ticked(undo: Card) -> None:
    kept = []
    view = RubricView(undo, keep=kept.append)
    assert view.rubric.layout.display == "none"
    view.answer.value = "Append the inverse."
    view.reveal.click()
    assert view.rubric.layout.display == ""
    for box in view.points:
        box.value = True
    assert "3 of 3 points; rating 4" in view.status.value
    view.red_flags[0].value = True
    assert "3 of 3 points; rating 2" in view.status.value
    view.keep.click()
    assert kept == [score(undo, "Append the inverse.", said={1, 2, 3}, heard={1})]
    assert "Kept." in view.status.value


def test_a_view_shows_why_an_answer_was_not_kept(undo: Card) -> None:
    def refuse(_: object) -> None:
        raise UnusableInput("no room <here>")

    view = RubricView(undo, keep=refuse)
    view.keep.click()
    assert "not done:</b> no room &lt;here&gt;" in view.error.value
    assert "Kept." not in view.status.value


# Cards that come back


def test_boxes_follow_leitner_for_every_sequence_of_four_ratings() -> None:
    """Beside a table written by hand: from which box each rating leads where."""
    leads_to = {
        1: {1: 1, 2: 1, 3: 2, 4: 3},
        2: {1: 1, 2: 2, 3: 3, 4: 4},
        3: {1: 1, 2: 3, 3: 4, 4: 5},
        4: {1: 1, 2: 4, 3: 5, 4: 5},
        5: {1: 1, 2: 5, 3: 5, 4: 5},
    }
    days = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16}
    for ratings in product((1, 2, 3, 4), repeat=4):
        box, at, log = 1, MONDAY, []
        for rating in ratings:
            log.append(Rated("undo", rating, at))
            box = leads_to[box][rating]
            due = at + timedelta(days=days[box])
            at = due
        assert boxes_of(log) == {"undo": (box, due)}, ratings


def test_a_better_rating_never_brings_a_card_back_earlier() -> None:
    for box in range(1, len(DAYS_IN_BOX) + 1):
        assert all(worse <= better for worse, better in pairwise(next_box(box, rating) for rating in (1, 2, 3, 4)))


class Days:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def days() -> Days:
    return Days()


def test_a_card_is_due_when_it_has_rested_and_new_ones_come_last(tmp_path: Path, cards: Cards, days: Days) -> None:
    log = RatingLog(tmp_path / "work" / "ratings.jsonl", clock=days)
    assert {due.since for due in log.due(cards)} == {None}
    log.rate(cards.by_id("undo"), 3)
    days.now += timedelta(hours=1)
    log.rate(cards.by_id("what-if"), 1)
    assert {due.card.id for due in log.due(cards)} == {card.id for card in cards} - {"undo", "what-if"}
    days.now = MONDAY + timedelta(days=1, minutes=59)
    assert log.due(cards)[0].since is None
    days.now = MONDAY + timedelta(days=2)
    due = log.due(cards)
    assert [(each.card.id, each.box) for each in due[:2]] == [("what-if", 1), ("undo", 2)]
    assert due[2].since is None
    assert len(due) == len(cards)


def test_ratings_are_appended_and_an_answer_is_kept_with_its_ticks(tmp_path: Path, undo: Card, days: Days) -> None:
    path = tmp_path / "ratings.jsonl"
    RatingLog(path, clock=days).keep(score(undo, "the inverse,\nappended", said={3, 2}, heard={1}))
    before = path.read_bytes()
    RatingLog(path, clock=days).rate(undo, 3)
    assert path.read_bytes().startswith(before)
    assert RatingLog(path).ratings() == [
        Rated("undo", 2, MONDAY, "the inverse,\nappended", [2, 3], [1]), Rated("undo", 3, MONDAY),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [
        b"{", b'{"card":"undo","rating":3}', b'{"card":"undo","rating":7,"at":"2026-03-02T09:00:00Z"}',
        b'{"card":"undo","rating":3,"at":"2026-03-02T09:00:00"}', b"\xff\xfe", b"", b'{"card":"un\xffdo"}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_named_by_its_line_and_nothing_is_added(
    damage: bytes, tmp_path: Path, undo: Card, cards: Cards, days: Days
) -> None:
    path = tmp_path / "ratings.jsonl"
    log = RatingLog(path, clock=days)
    log.rate(undo, 3)
    path.write_bytes(path.read_bytes() + damage + b"\n")
    before = path.read_bytes()
    with pytest.raises(UnusableInput, match=r"line 2 of .*ratings\.jsonl is no rating"):
        log.due(cards)
    with pytest.raises(UnusableInput, match="line 2 of"):
        log.rate(undo, 3)
    assert path.read_bytes() == before


def test_a_line_that_was_cut_off_is_not_written_on(tmp_path: Path, undo: Card, days: Days) -> None:
    path = tmp_path / "ratings.jsonl"
    log = RatingLog(path, clock=days)
    log.rate(undo, 3)
    path.write_bytes(path.read_bytes().rstrip())
    before = path.read_bytes()
    with pytest.raises(UnusableInput, match=r"the last line of .*ratings\.jsonl was cut off"):
        log.rate(undo, 3)
    assert path.read_bytes() == before


def test_a_rating_that_is_none_and_a_place_that_is_no_file_are_refused(tmp_path: Path, undo: Card) -> None:
    path = tmp_path / "ratings.jsonl"
    with pytest.raises(UnusableInput, match=r"no rating 5: there are 1 \(not known\), 2 "):
        RatingLog(path).rate(undo, 5)
    assert not path.exists()
    path.mkdir()
    with pytest.raises(UnusableInput, match="is no file"):
        RatingLog(path).rate(undo, 3)


def test_a_deck_has_a_note_for_each_card_and_the_same_ids_every_time(cards: Cards, tmp_path: Path) -> None:
    pytest.importorskip("genanki", reason="the extra anki isn't installed")
    import sqlite3
    import zipfile
    from io import BytesIO

    from esworkbench.course.interview.anki import anki_deck

    def notes(name: str) -> list[tuple[str, str]]:
        zipfile.ZipFile(BytesIO(anki_deck(cards))).extract("collection.anki2", tmp_path / name)
        with sqlite3.connect(tmp_path / name / "collection.anki2") as connection:
            return connection.execute("SELECT guid, flds FROM notes ORDER BY guid").fetchall()

    first = notes("first")
    assert first == notes("again")
    assert {fields.split("\x1f")[0] for _, fields in first} == {card.id for card in cards}
    assert all(text.count("<li>") > 0 for _, fields in first for text in [fields.split("\x1f")[4]])
