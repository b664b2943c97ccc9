"""Bisection by hand, as a pure model: what a person, a statement or a function says, and what follows from it.

The words are git bisect's: good, bad, skip, reset, log, replay, run. Events count from 1 to N; "bad at k" says that
the balance is wrong after event k. Before the first event all is good, and the session starts because it is bad after
the last. The log only ever grows, undo included, so it shows how the answer was found, and replays to it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal, NamedTuple, Self

from esworkbench.errors import UnusableInput
from esworkbench.kept_files import unique_json

Verdict = Literal["good", "bad", "skip"]
Oracle = Literal["read model", "statement", "function", "me"]
ORACLES: tuple[Oracle, ...] = ("read model", "statement", "function", "me")
ACTIONS = ("good", "bad", "skip", "undo", "reset")

SKIP_CODE = 125
"""The exit code by which ``git bisect run`` learns that a step can't be judged."""

Entry = dict[str, Any]
"""One line of the log: ``action``, and for a verdict ``index``, ``event_id``, ``says``, and ``last`` of a range."""

Judgements = Mapping[int, Verdict]


class Window(NamedTuple):
    """Good after event ``good`` (0: before the first), bad after event ``bad``; the culprit lies past the first."""

    good: int
    bad: int

    @property
    def suspects(self) -> range:
        """The numbers of the events of which one is the first bad one."""
        return range(self.good + 1, self.bad + 1)


class BisectionSession:
    """A bisection over ``event_ids``, in order. ``says`` is who judges unless a verdict names somebody else.

    ``monotone`` promises that what was asked, once bad, stays bad; without it the answer is a boundary only.
    """

    def __init__(self, event_ids: Sequence[str], *, says: Oracle = "me", monotone: bool = False) -> None:
        if not event_ids:
            raise UnusableInput("there is no event to bisect")
        self.event_ids = list(event_ids)
        self.says: Oracle = _known_oracle(says)
        self.monotone = monotone
        self.log: list[Entry] = []
        self._past: list[Judgements] = [{}]

    @property
    def judgements(self) -> Judgements:
        """Event number → good, bad or skip, without what was undone."""
        return self._past[-1]

    @property
    def window(self) -> Window:
        good = [index for index, verdict in self.judgements.items() if verdict == "good"]
        bad = [index for index, verdict in self.judgements.items() if verdict == "bad"]
        return Window(max(good, default=0), min(bad, default=len(self.event_ids)))

    @property
    def probe(self) -> int | None:
        """The event to judge next: the middle of the window, or the unskipped one nearest to it; None when done."""
        good, bad = self.window
        middle = good + (bad - good) // 2
        for distance in range(bad - good):
            for index in (middle - distance, middle + distance):
                if good < index < bad and index not in self.judgements:
                    return index
        return None

    @property
    def done(self) -> bool:
        return self.probe is None

    @property
    def suspects(self) -> list[str]:
        """Ids of the events of which one is the first bad one: a single one, unless skips hide it."""
        return [self.event_id(index) for index in self.window.suspects]

    @property
    def first_bad(self) -> int | None:
        """The number of the first bad event, once it is the only suspect."""
        return self.window.bad if len(self.window.suspects) == 1 else None

    @property
    def probes_used(self) -> int:
        """How many events were judged good or bad."""
        return sum(1 for verdict in self.judgements.values() if verdict != "skip")

    @property
    def probes_needed(self) -> int:
        """⌈log2 N⌉: enough without skips, whatever the answers."""
        return (len(self.event_ids) - 1).bit_length()

    def event_id(self, index: int) -> str:
        return self.event_ids[self._within(index) - 1]

    def good(self, index: int | None = None, *, says: Oracle | None = None) -> None:
        """The balance is right after the event: the probe, unless another is named."""
        self._judge("good", index, says)

    def bad(self, index: int | None = None, *, says: Oracle | None = None) -> None:
        """The balance is wrong after the event: the probe, unless another is named."""
        self._judge("bad", index, says)

    def skip(self, index: int | None = None, last: int | None = None, *, says: Oracle | None = None) -> None:
        """The event can't be judged, nor any up to ``last``. Those already judged stay judged."""
        first = self._named(index)
        numbers = range(first, self._within(first if last is None else last) + 1)
        if not numbers:
            raise UnusableInput(f"events {first} to {last} are not a range: name the earlier one first")
        skipped: dict[int, Verdict] = {number: "skip" for number in numbers if number not in self.judgements}
        if not skipped:
            raise UnusableInput(f"event {first} has been judged already: undo that first")
        self._add("skip", first, says, skipped, {} if last is None else {"last": last})

    def undo(self) -> None:
        """Take back the last verdict, or the last reset."""
        if len(self._past) == 1:
            raise UnusableInput("there is nothing to undo")
        self._past.pop()
        self.log.append({"action": "undo"})

    def reset(self) -> None:
        """Start over. The log keeps what was said before."""
        self._past.append({})
        self.log.append({"action": "reset"})

    def run(self, judge: Callable[[int], Verdict | int]) -> int | None:
        """Let a function judge event numbers until done; returns ``first_bad``.

        It answers good, bad or skip, or as a command of ``git bisect run`` would: 0 good, 125 skip, 1 … 127 bad.
        Anything else stops the run with UnusableInput; what was judged before stays.
        """
        while (index := self.probe) is not None:
            self._judge(_verdict_of(judge(index), index), index, "function")
        return self.first_bad

    def conclusion(self) -> str:
        """Where the search stands, in one sentence."""
        good, bad = self.window
        if not self.done:
            left = (bad - good - 1).bit_length()
            return f"{bad - good} events left, between {good} (good) and {bad} (bad): about {left} more to judge"
        if self.first_bad is None:
            return f"only skipped events are left: the first bad one is any of events {good + 1} to {bad}"
        found = f"event {bad} ({self.event_id(bad)})"
        if self.monotone:
            return f"{found} is the first bad one"
        return f"{found} is a boundary: right before it, wrong after it; an earlier error that cancelled would not show"

    def to_json_lines(self) -> str:
        """The log as JSON lines; the first says which events it is about."""
        header = {
            "events": len(self.event_ids),
            "digest": _digest(self.event_ids),
            "says": self.says,
            "monotone": self.monotone,
        }
        return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in [header, *self.log])

    @classmethod
    def from_json_lines(cls, text: str, event_ids: Sequence[str]) -> Self:
        """The session that a log records. Raises UnusableInput when it is about other events."""
        try:
            # Not splitlines: an event id may hold characters that it takes for line ends.
            header, *entries = [unique_json(line) for line in text.split("\n") if line.strip()]
            count, digest = header["events"], header["digest"]
            says, monotone = header["says"], header["monotone"]
        except (ValueError, KeyError, TypeError) as error:
            raise UnusableInput(f"this is not the log of a bisection: {error}") from None
        if (count, digest) != (len(event_ids), _digest(event_ids)):
            raise UnusableInput(f"this log is about {count} other events: open it with the evidence it came from")
        session = cls(event_ids, says=says, monotone=bool(monotone))
        session.replay(entries)
        return session

    def replay(self, log: Iterable[Entry]) -> None:
        """Repeat what a log says was done. Raises UnusableInput for an entry that can't be done here."""
        for entry in log:
            action = entry.get("action") if isinstance(entry, dict) else None
            if action == "undo":
                self.undo()
            elif action == "reset":
                self.reset()
            elif action in ACTIONS and isinstance(entry.get("index"), int):
                if entry.get("event_id") != self.event_id(entry["index"]):
                    raise UnusableInput(
                        f"the log has event {entry.get('event_id')} as number {entry['index']}, not ours"
                    )
                if action == "skip":
                    self.skip(entry["index"], entry.get("last"), says=entry.get("says"))
                else:
                    self._judge(action, entry["index"], entry.get("says"))
            else:
                raise UnusableInput(f"this is not an entry of a bisection's log: {entry!r}")

    def _judge(self, verdict: Verdict, index: int | None, says: Oracle | None) -> None:
        index = self._named(index)
        window = self.window
        if verdict == "good" and index >= window.bad:
            raise UnusableInput(
                f"event {index} can't be good: event {window.bad} is bad, and it is not later; undo one of the two"
            )
        if verdict == "bad" and index <= window.good:
            raise UnusableInput(
                f"event {index} can't be bad: event {window.good} is good, and it is not earlier; undo one of the two"
            )
        self._add(verdict, index, says, {index: verdict}, {})

    def _add(self, action: str, index: int, says: Oracle | None, verdicts: Judgements, more: Mapping[str, int]) -> None:
        oracle = self.says if says is None else _known_oracle(says)
        self._past.append({**self.judgements, **verdicts})
        self.log.append({"action": action, "index": index, "event_id": self.event_id(index), "says": oracle, **more})

    def _named(self, index: int | None) -> int:
        if index is not None:
            return self._within(index)
        if (probe := self.probe) is None:
            raise UnusableInput(f"nothing is left to judge: {self.conclusion()}")
        return probe

    def _within(self, index: int) -> int:
        if not 1 <= index <= len(self.event_ids):
            raise UnusableInput(f"there is no event {index}: they count from 1 to {len(self.event_ids)}")
        return index


def _known_oracle(says: str) -> Oracle:
    for oracle in ORACLES:
        if says == oracle:
            return oracle
    raise UnusableInput(f"{says!r} can't judge: say one of {', '.join(ORACLES)}")


def _verdict_of(answer: Verdict | int, index: int) -> Verdict:
    if answer in ("good", "bad", "skip") and isinstance(answer, str):
        return answer
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer <= 127:
        return "good" if answer == 0 else "skip" if answer == SKIP_CODE else "bad"
    raise UnusableInput(f"the function said {answer!r} of event {index}: it must say good, bad or skip, or 0 to 127")


def _digest(event_ids: Sequence[str]) -> str:
    return sha256(json.dumps(list(event_ids)).encode()).hexdigest()
