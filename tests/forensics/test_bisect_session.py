"""Bisection by hand: the words of git bisect, a log that replays, and no more probes than ⌈log2 N⌉."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from esworkbench.errors import UnusableInput
from esworkbench.forensics.compare.bisect_session import BisectionSession


def ids(count: int) -> list[str]:
    return [f"e{number}" for number in range(1, count + 1)]


@given(st.data(), st.integers(1, 500))
def test_any_culprit_is_found_in_log2_probes(data: st.DataObject, count: int) -> None:
    culprit = data.draw(st.integers(1, count))
    session = BisectionSession(ids(count), monotone=True)
    while (probe := session.probe) is not None:
        (session.bad if probe >= culprit else session.good)()
    assert session.first_bad == culprit
    assert session.suspects == [f"e{culprit}"]
    assert session.probes_used <= session.probes_needed
    assert 2**session.probes_needed >= count > 2 ** (session.probes_needed - 1) or count == 1


@given(st.data(), st.integers(2, 60))
def test_skips_leave_a_range_of_suspects_that_holds_the_culprit(data: st.DataObject, count: int) -> None:
    culprit = data.draw(st.integers(1, count))
    untestable = data.draw(st.sets(st.integers(1, count)))
    session = BisectionSession(ids(count))
    session.run(lambda event: 125 if event in untestable else "bad" if event >= culprit else "good")
    assert f"e{culprit}" in session.suspects
    assert set(session.window.suspects[:-1]) <= untestable
    assert (session.first_bad is None) == (len(session.suspects) > 1)


def test_skips_hide_the_culprit_and_the_session_says_which_range() -> None:
    session = BisectionSession(ids(8))
    session.skip(3, 6)
    session.good(2)
    session.bad(7)
    assert session.done
    assert session.first_bad is None
    assert session.suspects == ["e3", "e4", "e5", "e6", "e7"]
    assert session.conclusion() == "only skipped events are left: the first bad one is any of events 3 to 7"
    assert session.log[0] == {"action": "skip", "index": 3, "event_id": "e3", "says": "me", "last": 6}


def test_contradictions_are_named_and_change_nothing() -> None:
    session = BisectionSession(ids(16))
    session.bad(9)
    session.good(4)
    before = session.to_json_lines()
    with pytest.raises(UnusableInput, match="event 9 can't be good: event 9 is bad"):
        session.good(9)
    with pytest.raises(UnusableInput, match="event 3 can't be bad: event 4 is good"):
        session.bad(3)
    with pytest.raises(UnusableInput, match="event 4 has been judged already"):
        session.skip(4)
    with pytest.raises(UnusableInput, match="they count from 1 to 16"):
        session.good(17)
    assert session.to_json_lines() == before


def test_the_last_event_is_bad_from_the_start() -> None:
    with pytest.raises(UnusableInput, match="event 4 is bad"):
        BisectionSession(ids(4)).good(4)


def test_nothing_is_left_to_judge_after_the_end_and_without_events() -> None:
    session = BisectionSession(["only"])
    assert (session.first_bad, session.probes_needed, session.probe) == (1, 0, None)
    with pytest.raises(UnusableInput, match=r"nothing is left to judge: event 1 \(only\)"):
        session.bad()
    with pytest.raises(UnusableInput, match="no event to bisect"):
        BisectionSession([])


def test_answer_is_a_boundary_unless_the_question_is_monotone() -> None:
    assert "is a boundary" in BisectionSession(["e"]).conclusion()
    assert BisectionSession(["e"], monotone=True).conclusion() == "event 1 (e) is the first bad one"


def test_log_says_who_judged_what() -> None:
    session = BisectionSession(ids(8), says="statement")
    session.good()
    session.bad(says="me")
    session.run(lambda event: 0)
    assert [(entry["index"], entry["action"], entry["says"]) for entry in session.log] == [
        (4, "good", "statement"),
        (6, "bad", "me"),
        (5, "good", "function"),
    ]
    with pytest.raises(UnusableInput, match="'oracle of Delphi' can't judge"):
        session.bad(6, says="oracle of Delphi")  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [128, -1, True, None, "wrong", 1.0])
def test_run_stops_at_an_answer_that_is_none(answer: object) -> None:
    session = BisectionSession(ids(8))
    with pytest.raises(UnusableInput, match="of event 4: it must say good, bad or skip"):
        session.run(lambda event: answer)  # type: ignore[arg-type, return-value]
    assert session.log == []


def test_log_of_other_events_or_with_other_content_is_refused() -> None:
    session = BisectionSession(ids(8))
    session.good()
    with pytest.raises(UnusableInput, match="other events"):
        BisectionSession.from_json_lines(session.to_json_lines(), ids(9))
    for text in ("", "nonsense", "{}", "[1]\n"):
        with pytest.raises(UnusableInput, match="not the log of a bisection"):
            BisectionSession.from_json_lines(text, ids(8))
    with pytest.raises(UnusableInput, match="not an entry"):
        session.replay([{"action": "explode"}])
    with pytest.raises(UnusableInput, match="as number 5, not ours"):
        session.replay([{"action": "good", "index": 5, "event_id": "e6", "says": "me"}])


class Sessions(RuleBasedStateMachine):
    """Any sequence of actions: the log alone brings back the same state, and the culprit stays a suspect."""

    def __init__(self) -> None:
        super().__init__()
        self.culprit = 13
        # An id may hold what str.splitlines takes for the end of a line.
        self.ids = [f"e\u2028{number}" for number in range(1, 33)]
        self.session = BisectionSession(self.ids)

    @precondition(lambda self: not self.session.done)
    @rule()
    def judge(self) -> None:
        probe = self.session.probe
        assert probe is not None
        (self.session.bad if probe >= self.culprit else self.session.good)()

    @rule(index=st.integers(1, 32), length=st.integers(0, 5))
    def skip(self, index: int, length: int) -> None:
        last = min(index + length, 32)
        if any(number not in self.session.judgements for number in range(index, last + 1)):
            self.session.skip(index, last)

    @precondition(lambda self: len(self.session._past) > 1)
    @rule()
    def undo(self) -> None:
        self.session.undo()

    @rule()
    def reset(self) -> None:
        self.session.reset()
        assert not self.session.judgements

    @invariant()
    def log_replays_to_the_same_state(self) -> None:
        again = BisectionSession.from_json_lines(self.session.to_json_lines(), self.ids)
        assert again.judgements == self.session.judgements
        assert again.log == self.session.log
        assert (again.window, again.probe) == (self.session.window, self.session.probe)

    @invariant()
    def culprit_stays_a_suspect(self) -> None:
        assert self.culprit in self.session.window.suspects


TestSessions = Sessions.TestCase


def test_undo_takes_back_one_action_and_a_reset_too() -> None:
    session = BisectionSession(ids(16))
    session.skip(3, 6)
    session.good()
    session.reset()
    session.undo()
    assert session.window.good == 8
    session.undo()
    session.undo()
    assert session.judgements == {}
    with pytest.raises(UnusableInput, match="nothing to undo"):
        session.undo()
