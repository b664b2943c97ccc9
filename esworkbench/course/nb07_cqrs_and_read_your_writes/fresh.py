"""The exercise ``fresh``: whether a read model's answer includes what a command wrote."""

from collections.abc import Set
from typing import Any

import msgspec
from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb07_cqrs_and_read_your_writes.start import START
from esworkbench.cqrs.commands import CommandReply
from esworkbench.cqrs.queries import Answer
from esworkbench.projections.monitoring.measure import Lag

TASK = (
    "Does the read model's answer include what the command wrote? There are two ways to know, and either is "
    "enough, whatever the other says: the answer's `version`, which may be `None`, has got as far as the reply's "
    "`version`, or its `lag.checkpoint` as far as the reply's `position`. Only an event that was put aside is not "
    "in the answer, however far that has got: `parked` has the positions of those. Nothing else counts: "
    "`answer.stale` and `answer.parked` are about what *that* question waited for, `answer.from_own_write` about where "
    "its value is from, and `reply.repeated` about the command."
)


def fresh(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    """As ``QueryBus.wait_for``: a parked event is in no row, however far the projection has got."""
    if reply.position in parked:
        return False
    shows_version = answer.version is not None and answer.version >= reply.version
    return shows_version or answer.lag.checkpoint >= reply.position


REPLY = CommandReply(stream_id="BankAccount-joint", version=7, position=40, state={})


def _answer_at(version: int | None, checkpoint: int, *parked: int) -> tuple[Answer[None], CommandReply, set[int]]:
    """As ``QueryBus.ask`` answers, which was told of no position: it never says ``parked``."""
    return Answer(None, version, Lag("account_balances", START, checkpoint, 90, 0.0)), REPLY, set(parked)


def _repeated(
    answer: Answer[None], reply: CommandReply, parked: set[int]
) -> tuple[Answer[None], CommandReply, set[int]]:
    """The reply to a command that was sent a second time: it says nothing of the read model."""
    return answer, msgspec.structs.replace(reply, repeated=True), parked


def _stale(answer: Answer[None], reply: CommandReply, parked: set[int]) -> tuple[Answer[None], CommandReply, set[int]]:
    """The answer to a question that waited for a later write than the reply's."""
    return answer._replace(stale=True), reply, parked


def _waited_for_a_parked_one(
    answer: Answer[None], reply: CommandReply, parked: set[int]
) -> tuple[Answer[None], CommandReply, set[int]]:
    """The answer to a question that waited for another write, which was put aside."""
    return answer._replace(stale=True, parked=True), reply, parked


def _from_own_write(
    answer: Answer[None], reply: CommandReply, parked: set[int]
) -> tuple[Answer[None], CommandReply, set[int]]:
    """The answer from a write of the user's own, which need not be the one of the reply."""
    return answer._replace(from_own_write=True), reply, parked


TOLD_TOO = [[_repeated], [_stale], [_waited_for_a_parked_one], [_from_own_write], [_repeated, _stale, _from_own_write]]


@st.composite
def _answers_and_replies(draw: st.DrawFn) -> tuple[Answer[None], CommandReply, set[int]]:
    """A version and a position around those of the reply; parked are positions, among them one that is its version."""
    checkpoint = draw(st.integers(REPLY.position - 1, REPLY.position + 1))
    version = draw(st.none() | st.integers(REPLY.version - 1, REPLY.version + 1))
    aside = [REPLY.version, *range(REPLY.position - 2, REPLY.position + 2)]
    case = _answer_at(version, checkpoint, *draw(st.sets(st.sampled_from(aside), max_size=2)))
    for told_too in draw(st.sampled_from([[], [], [], [], [], *TOLD_TOO])):
        case = told_too(*case)
    return case


def _given_fresh(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> str:
    marks = "".join(f", {mark}" for mark in ("stale", "parked", "from_own_write") if getattr(answer, mark))
    repeated = ", repeated" if reply.repeated else ""
    return (
        f"answer with version {answer.version} and lag.checkpoint {answer.lag.checkpoint}{marks}; "
        f"reply with version {reply.version} and position {reply.position}{repeated}; parked {set(parked) or 'nothing'}"
    )


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _fresh_after_version(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    later = (answer.version or 0) > reply.version or answer.lag.checkpoint > reply.position
    return later and reply.position not in parked


def _fresh_at_version(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    there = answer.version == reply.version or answer.lag.checkpoint == reply.position
    return there and reply.position not in parked


def _fresh_by_version_alone(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return answer.version is not None and answer.version >= reply.version and reply.position not in parked


def _fresh_by_position_alone(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return answer.lag.checkpoint >= reply.position and reply.position not in parked


def _fresh_by_version_where_there_is_one(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    if answer.version is not None:
        return answer.version >= reply.version and reply.position not in parked
    return answer.lag.checkpoint >= reply.position and reply.position not in parked


def _fresh_though_parked(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return fresh(answer, reply, set())


def _fresh_by_version_though_parked(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return (answer.version or 0) >= reply.version or _fresh_by_position_alone(answer, reply, parked)


def _fresh_where_nothing_is_parked(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return not parked and fresh(answer, reply, parked)


# --- the exercise -----------------------------------------------------------------------------------------------------

FRESH = Exercise(
    name="fresh",
    task=TASK,
    stub=(
        "from typing import Any\n\n"
        "from esworkbench.cqrs.commands import CommandReply\nfrom esworkbench.cqrs.queries import Answer\n\n\n"
        "def my_fresh(answer: Answer[Any], reply: CommandReply, parked: set[int]) -> bool: ..."
    ),
    reference=fresh,
    cases=_answers_and_replies(),
    examples=[
        _answer_at(7, 39),
        _answer_at(9, 39),
        _answer_at(None, 40),
        _answer_at(6, 60),
        _answer_at(8, 41, 40),
        _answer_at(6, 41, 40),
        _repeated(*_answer_at(6, 39)),
        _stale(*_answer_at(8, 41)),
        _waited_for_a_parked_one(*_answer_at(8, 41, 39)),
        _from_own_write(*_answer_at(6, 39)),
        _answer_at(8, 39, 40),
        _answer_at(None, 41, 7),
    ],
    given=_given_fresh,
    hints=(
        "There are two ways to know, and one thing that rules out both.",
        "Unless `reply.position in parked`: `answer.version >= reply.version`, if there is a version, or "
        "`answer.lag.checkpoint >= reply.position`.",
    ),
    mistakes={
        "off by one version": Mistake(
            _fresh_after_version, "at the very version, or the very position, of the reply the write is there already"
        ),
        "exactly that version": Mistake(
            _fresh_at_version, "nobody else stops writing: a later version, or a later checkpoint, includes it as well"
        ),
        "version only": Mistake(
            _fresh_by_version_alone, "a checkpoint at the reply's position is enough, and a list of rows has no version"
        ),
        "position only": Mistake(
            _fresh_by_position_alone, "a row that shows the reply's version is enough, wherever the checkpoint stands"
        ),
        "version first": Mistake(
            _fresh_by_version_where_there_is_one,
            "an event need not touch the row: reaching its position is enough, whatever version the row shows",
        ),
        "parked": Mistake(
            _fresh_though_parked,
            "the reply's event was parked: its position is reached, and what it wrote is not in the row",
        ),
        "version though parked": Mistake(
            _fresh_by_version_though_parked,
            "the reply's event was parked: the row shows a later version, and what this one wrote is missing in it",
        ),
        "anything parked": Mistake(
            _fresh_where_nothing_is_parked,
            "some other event was parked: that one isn't in the row, and the reply's may well be",
        ),
    },
)
