"""The cards are whole: every question of the course is there, and whoever writes a wrong card is told which."""

from collections import Counter
from pathlib import Path

import pytest

from esworkbench.course.interview.cards import CardKind, Cards, load_cards
from esworkbench.errors import UnusableInput

FEWEST = 60
SAID_ALOUD = {
    "what-and-when": "What is event sourcing, and when should you use it?",
    "schema-evolution": "How do you handle schema evolution in events?",
    "what-are-projections": "What are projections, and why do you need them?",
    "explain-snapshots": "Explain snapshots in event sourcing.",
    "two-billion-events": "2 billion events and rebuilding a projection takes 6 hours",
    "off-by-47-23": "account balance is wrong by $47.23",
    "single-point-of-failure": "the event store becoming a single point of failure",
    "five-hundred-dollars": "deposits $500 via the UI",
    "four-aggregates": "a new 'user_activity_by_region' projection",
    "dollars-to-cents": "rename `OrderPlaced.total` to `OrderPlaced.total_cents`",
    "inherited-upcaster": "The upcaster is a 400-line function",
    "thirty-seconds-to-load": "500 million events for an order aggregate",
    "delete-an-event": "wants to delete an event from the event store",
    "events-or-crud": "When would you choose event sourcing over a traditional CRUD approach",
}
"""The four questions, seven scenarios and three deep dives that the course promises to answer."""

CARD = """
[[card]]
id = "first"
kind = "question"
question = "What?"
follow_ups = ["next"]
[[card.points]]
text = "This."
judgement = "source"

[[card]]
id = "next"
kind = "follow-up"
question = "And then?"
[[card.points]]
text = "That."
proof = { notebook = "05", cell = "c014", says = "11000" }
"""


@pytest.fixture(scope="module")
def cards() -> Cards:
    return load_cards()


def test_there_are_enough_cards_of_every_kind_and_every_topic_has_some(cards: Cards) -> None:
    assert len(cards) >= FEWEST
    assert set(Counter(card.kind for card in cards)) == set(CardKind)
    assert [topic.name for topic in cards.topics if not topic.cards] == []


@pytest.mark.parametrize("card_id", SAID_ALOUD)
def test_a_promised_question_is_there_with_follow_ups_and_red_flags(card_id: str, cards: Cards) -> None:
    card = cards.by_id(card_id)
    assert SAID_ALOUD[card_id] in card.question
    assert card.kind is not CardKind.FOLLOW_UP
    assert len(card.points) >= 5
    assert card.red_flags
    assert card.follow_ups


def test_the_promised_ones_are_four_questions_seven_scenarios_and_three_deep_dives(cards: Cards) -> None:
    kinds = Counter(cards.by_id(card_id).kind.value for card_id in SAID_ALOUD)
    assert kinds == {"question": 4, "scenario": 7, "deep dive": 3}


def test_no_text_is_there_twice_and_none_is_longer_than_a_breath(cards: Cards) -> None:
    questions = Counter(card.question for card in cards)
    assert [question for question, times in questions.items() if times > 1] == []
    for card in cards:
        texts = [point.text for point in card.points]
        assert len(set(texts)) == len(texts), card.id
        assert [text for text in texts if len(text.split()) > 30] == [], card.id


def test_most_points_are_proved(cards: Cards) -> None:
    points = [point for card in cards for point in card.points]
    assert sum(point.proof is not None for point in points) > 0.8 * len(points)


def written(folder: Path, text: str, name: str = "topic.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_card_is_read_with_the_topic_of_its_file(tmp_path: Path) -> None:
    cards = load_cards(written(tmp_path, f'title = "A topic"\n{CARD}', "waiting.toml"))
    assert [(card.id, card.topic, card.minutes) for card in cards] == [("first", "waiting", 5), ("next", "waiting", 3)]
    assert [topic.title for topic in cards.topics] == ["A topic"]
    assert cards.of_topic("waiting") == list(cards)


WRONG = {
    "no TOML": ('id = "first"', "id = first", "is not TOML"),
    "an unknown field": ('kind = "question"', 'kind = "question"\ncolour = "red"', "card 1 (first): Object contains"),
    "an unknown kind": ('kind = "question"', 'kind = "riddle"', "card 1 (first): Invalid enum value 'riddle'"),
    "a name that can't be typed": ('id = "first"', 'id = "First one"', "must be small letters"),
    "a question of two lines": ('question = "What?"', 'question = "What\\nnow?"', "has more than one line"),
    "a point believed for no reason": ('judgement = "source"', "", "needs exactly one of"),
    "a point believed twice": ('judgement = "source"', 'judgement = "source"\nneeds = "15"', "needs exactly one of"),
    "a notebook by its name": ('notebook = "05"', 'notebook = "05_projections"', "card 2 (next): Expected"),
    "a proof that says nothing": (', says = "11000"', "", "either `says` or `matches`"),
    "a proof of empty text": ('says = "11000"', 'says = ""', "either `says` or `matches`"),
    "no regular expression": ('says = "11000"', 'matches = "("', "is no regular expression"),
    "an id twice": ('id = "next"', 'id = "first"', "2 cards have the id 'first'"),
    "a follow-up that isn't there": ('id = "next"', 'id = "other"', "its follow-up 'next' is no card"),
    "a follow-up that is a question": ('kind = "follow-up"', 'kind = "question"', "is no card of kind follow-up"),
    "a follow-up of nothing": ('follow_ups = ["next"]', "", "asked after exactly one card, this one after 0"),
    "a follow-up of a follow-up": (
        'kind = "follow-up"', 'kind = "follow-up"\nfollow_ups = ["first"]', "nothing follows a follow-up",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_card_is_refused_by_file_and_card(name: str, tmp_path: Path) -> None:
    right, wrong, said = WRONG[name]
    assert CARD.count(right) == 1
    folder = written(tmp_path, f'title = "A topic"\n{CARD.replace(right, wrong)}')
    with pytest.raises(UnusableInput) as refused:
        load_cards(folder)
    assert str(tmp_path) in str(refused.value)
    assert said in str(refused.value)


def test_a_card_without_points_and_a_folder_without_cards_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="there are no cards in"):
        load_cards(tmp_path)
    empty = '[[card]]\nid = "bare"\nkind = "question"\nquestion = "What?"\npoints = []\n'
    with pytest.raises(UnusableInput, match="has no points"):
        load_cards(written(tmp_path, f'title = "A topic"\n{empty}'))


def test_what_is_not_there_is_said_with_what_is(cards: Cards) -> None:
    with pytest.raises(UnusableInput, match=r"no card 'undoo': did you mean undo"):
        cards.by_id("undoo")
    with pytest.raises(UnusableInput, match=r"no topic 'nothing': there are aggregates, availability, "):
        cards.of_topic("nothing")
