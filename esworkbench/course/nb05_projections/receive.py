"""The exercise ``receive``: a message that comes again is not added again."""

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake

TASK = (
    "Add `message.amount_minor` to `balances[message.account_id]` once, however often the message comes and in "
    "whatever order. An account that isn't in `balances` has 0. Return `True` if the amount was added now, be it "
    "0, `False` if the message was known. `inbox` is a set of texts (`str`) for you to use. It is empty at first, "
    "and is committed with the balances; nothing else outlives a call, and each may come in another process. A "
    "message that comes again is another object with the same content; by its `event_id` you know it, or by its "
    "account and version."
)


class Message(NamedTuple):
    """An event on its way to another database. ``version`` counts the events of its account."""

    event_id: str
    account_id: str
    version: int
    amount_minor: int


Inbox = set[str]
Balances = dict[str, int]


def receive(message: Message, inbox: Inbox, balances: Balances) -> bool:
    """As ``projections.inbox.Inbox``: the id of each event is kept beside the rows it changed."""
    if message.event_id in inbox:
        return False
    inbox.add(message.event_id)
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


def _play_receive(answer: Any, deliveries: list[Message], balances: Balances) -> dict[str, Any]:
    """Each delivery is an object of its own, as it is when it comes over a wire; all are held, so no ``id`` recurs.

    Whether a balance of 0 is left out is the answer's own choice, as is what it does with an account of none.
    """
    inbox: Inbox = set()
    kept = dict(balances)
    on_the_wire = [Message(*delivery) for delivery in deliveries]
    added = [answer(message, inbox, kept) for message in on_the_wire]
    accounts = sorted({*kept, *balances, *(message.account_id for message in on_the_wire)})
    by_hash = {str(abs(hash(each))) for message in on_the_wire for each in (message, *message[:2], message[1:3])}
    texts = [key for key in inbox if isinstance(key, str)]
    return {
        "added": added,
        "balances": {account: kept.get(account, 0) for account in accounts},
        "no text, in the inbox": sorted({type(key).__name__ for key in inbox if not isinstance(key, str)}),
        "made by hash(), in the inbox": sum(any(each in text for each in by_hash) for text in texts),
    }


ACCOUNTS = ["ACC-1", "ACC-11", "DEP-1"]
ALIKE = ["e1", "e11", "11", "1", "E1"]
"""Ids of which one stands in another."""


@st.composite
def _deliveries(draw: st.DrawFn) -> tuple[list[Message], Balances]:
    """Each message comes at least once, some again, in any order. Only an id, or account and version, is unique."""
    messages: list[Message] = []
    accounts = draw(st.lists(st.sampled_from(ACCOUNTS), max_size=5))
    first = {"ACC-1": draw(st.sampled_from([1, 11])), "ACC-11": 1, "DEP-1": 1}
    ids = draw(st.sampled_from([[f"0190c0de-{number + 1:04}" for number in range(5)], ALIKE]))
    for number, account in enumerate(accounts):
        version = first[account] + accounts[:number].count(account)
        messages.append(Message(ids[number], account, version, draw(st.sampled_from([500, 7, -500, 0]))))
    again = draw(st.lists(st.sampled_from(messages), max_size=3)) if messages else []
    return draw(st.permutations(messages + again)), draw(st.sampled_from([{}, {"ACC-1": 100}]))


def _given_receive(deliveries: list[Message], balances: Balances) -> str:
    told = [f"{each.event_id} ({each.account_id}, version {each.version}: {each.amount_minor})" for each in deliveries]
    return f"balances {balances}; {', '.join(told) or 'no message'}"


MANY = [Message(f"0190c0de-{number:04}", "ACC-1", number, 500) for number in range(1, 13)]


# --- mistakes ---------------------------------------------------------------------------------------------------------

Receive = Callable[[Message, Inbox, Balances], bool]


def _add(message: Message, balances: Balances) -> bool:
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


def _receive_all(message: Message, inbox: Inbox, balances: Balances) -> bool:
    return _add(message, balances)


def _remembering(key: Callable[[Message], Any], *, all_of_them: bool = True) -> Receive:
    def receive_unknown(message: Message, inbox: Inbox, balances: Balances) -> bool:
        if key(message) in inbox:
            return False
        if not all_of_them:
            inbox.clear()
        inbox.add(key(message))
        return _add(message, balances)

    return receive_unknown


def _overwrites(message: Message, inbox: Inbox, balances: Balances) -> bool:
    if message.event_id in inbox:
        return False
    inbox.add(message.event_id)
    balances[message.account_id] = message.amount_minor
    return True


def _never_adds(message: Message, inbox: Inbox, balances: Balances) -> bool:
    if message.event_id in inbox:
        return False
    inbox.add(message.event_id)
    return True


def _says_it_is_known(message: Message, inbox: Inbox, balances: Balances) -> bool:
    return not receive(message, inbox, balances)


def _in_one_text(message: Message, inbox: Inbox, balances: Balances) -> bool:
    return not any(message.event_id in known for known in inbox) and receive(message, inbox, balances)


def _passes_over_nothing(message: Message, inbox: Inbox, balances: Balances) -> bool:
    return message.amount_minor != 0 and receive(message, inbox, balances)


# --- the exercise -----------------------------------------------------------------------------------------------------

RECEIVE = Exercise(
    name="receive",
    task=TASK,
    stub=(
        "from esworkbench.course.nb05_projections import Message  # event_id, account_id, version, amount_minor\n\n\n"
        "def my_receive(message: Message, inbox: set[str], balances: dict[str, int]) -> bool: ..."
    ),
    reference=receive,
    cases=_deliveries(),
    examples=[
        ([Message("0190c0de-0001", "ACC-1", 11, 500), Message("0190c0de-0002", "ACC-11", 1, 500)], {}),
        ([Message("0190c0de-0001", "ACC-1", 1, 0), Message("0190c0de-0001", "ACC-1", 1, 0)], {"ACC-1": 100}),
        ([Message("e11", "ACC-1", 1, 500), Message("11", "ACC-1", 2, 7), Message("1", "DEP-1", 1, 7)], {}),
        ([Message("0190c0de-0001", "ACC-1", 1, 500), Message("0190c0de-0065", "ACC-1", 65, 500)], {}),
        ([Message("e1", "ACC-1", 1, 500), Message("e2", "1ACC-1", 1, 7), Message("e3", "ACC-1", 11, 9)], {}),
        ([*MANY, *MANY], {}),
    ],
    play=_play_receive,
    given=_given_receive,
    hints=(
        "What makes two messages the same one?",
        "Return `False` if `message.event_id` is in the inbox; else put it there, add the amount, and return `True`.",
    ),
    mistakes={
        "double apply": Mistake(
            _receive_all,
            "a message that comes again is added again: look into the inbox first, and keep there what both copies of "
            "the message have in common",
        ),
        "by version": Mistake(
            _remembering(lambda message: str(message.version)),
            "events of two accounts can have the same version, so one account's message was taken for the other's",
        ),
        "run together": Mistake(
            _remembering(lambda message: f"{message.account_id}{message.version}"),
            "account and version run together: ACC-1 with 11 reads like ACC-11 with 1, so put something between them",
        ),
        "the beginning of the id": Mistake(
            _remembering(lambda message: message.event_id[:8]),
            "ids that are made at about the same time begin alike: remember the whole id",
        ),
        "nothing to add": Mistake(
            _passes_over_nothing, "a message of amount 0 comes for the first time like any other: `True`"
        ),
        "by content": Mistake(
            _remembering(lambda message: f"{message.account_id} {message.amount_minor}"),
            "two payments of the same amount are two events: alike is not the same, and the id can tell them apart",
        ),
        "the last one only": Mistake(
            _remembering(lambda message: message.event_id, all_of_them=False),
            "a message can come again after another one: the inbox must remember all ids, and not just the last",
        ),
        "overwritten": Mistake(
            _overwrites, "the amount replaces the balance: add it to what is there already, with `+` and not with `=`"
        ),
        "never added": Mistake(_never_adds, "the message is remembered, but its amount is never added to the balance"),
        "no text": Mistake(
            _remembering(lambda message: (message.account_id, message.version)),
            "what you remember is right, but it is no text: the inbox is kept in one column, so put a `str` into it",
        ),
        "by hash": Mistake(
            _remembering(lambda message: str(hash(message))),
            "`hash` of a text is another number in every process: after a restart no message would be known",
        ),
        "in one text": Mistake(
            _in_one_text,
            "an id that stands within another one is taken for it: look for the id itself, with `in inbox`",
        ),
        "the wrong way round": Mistake(
            _says_it_is_known, "the answers are the wrong way round: `True` is for a message that was added now"
        ),
    },
)
