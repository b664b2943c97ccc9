"""What an event posts, by the ledger definition alone.

JSON numbers are read as text into Decimal and never pass through a double, which would turn 90071992547409.93 into
…409.94. What can't be posted as the ledger says is recorded as a problem, never dropped silently.
"""

import json
import re
from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

from esworkbench.archive import Problem
from esworkbench.errors import UnusableInput
from esworkbench.events import LOG_RECORDS, MAX_AMOUNT_MINOR
from esworkbench.evidence.ledger import LedgerDefinition, PostingRule
from esworkbench.evidence.scales import Scales
from esworkbench.money import to_minor_units

PROBLEMS_KEPT = 100
_LARGEST = 2**62
"""Amounts are kept as 64-bit integers."""

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class Posted(NamedTuple):
    """A signed amount, in minor units, on an account."""

    account: str
    currency: str
    amount_minor: int
    kind: str


class Unpostable(Exception):
    """Why an event can't be posted as the ledger says; becomes a problem in the manifest."""


class Poster:
    """Posts events by a ledger's rules and keeps count of what it couldn't post.

    ``unposted`` counts events no rule knows, as ``"MoneyDeposited v9"``. ``problems`` holds the first hundred events
    that a rule knows but that don't fit it, of ``problem_count``.

    An event whose amount would have to be scaled in a currency of unknown decimals is such a problem: the event is
    kept, and posted by the next capture, when the ledger says them. What the ledger itself says about currencies
    is checked at once (see ``Scales``, also for what is raised).
    """

    def __init__(self, ledger: LedgerDefinition) -> None:
        self.scales = Scales(ledger)
        self._rules: dict[str, list[PostingRule]] = {}
        for rule in ledger.posting:
            self._rules.setdefault(rule.event, []).append(rule)
        self._silent = frozenset(ledger.without_posting) | LOG_RECORDS
        self.unposted: Counter[str] = Counter()
        self.problems: list[Problem] = []
        self.problem_count = 0

    def post(
        self, stream_id: str, version: int, event_id: str, event_type: str, schema_version: int | None, payload: str
    ) -> list[Posted]:
        """The event's postings, in the order of the ledger's rules; a rule whose sign is 0 gives one of amount 0."""
        complaints: list[str] = []
        postings: list[Posted] = []
        try:
            content = read_payload(payload, complaints)
            rules = self.rules_for(event_type, schema_version)
            if rules is None:
                self.count_unposted(event_type, schema_version, 1)
            postings = [_posted(rule, self.scales, stream_id, content, complaints) for rule in rules or []]
        except Unpostable as reason:
            complaints.append(str(reason))
        for what in complaints:
            self.report(what, stream_id, version, event_id)
        return postings

    def report(self, what: str, stream_id: str, version: int | None, event_id: str) -> None:
        """Record a problem."""
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(Problem(what, stream_id, version, event_id))

    def rules_for(self, event_type: str, schema_version: int | None) -> list[PostingRule] | None:
        """The rules for an event; none for one that the ledger says posts nothing, None for one it doesn't know."""
        if event_type in self._silent:
            return []
        known = self._rules.get(event_type, ())
        return [rule for rule in known if rule.versions is None or schema_version in rule.versions] or None

    def count_unposted(self, event_type: str, schema_version: int | None, events: int) -> None:
        """Record events that no rule knows."""
        if events:
            self.unposted[f"{event_type} v{'?' if schema_version is None else schema_version}"] += events


def read_payload(text: str, complaints: list[str]) -> dict[str, Any]:
    """A JSON object with its fractions as Decimal. A repeated key is reported; its last value counts.

    Raises Unpostable for anything else.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
            names = ", ".join(repeated).encode("utf-8", "backslashreplace").decode("utf-8")
            complaints.append(f"the payload has a key more than once: {names}")
        return content

    def refuse(constant: str) -> None:
        raise Unpostable(f"the payload holds {constant}, which is not a JSON number")

    try:
        content = json.loads(text, parse_float=Decimal, parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise Unpostable(f"the payload is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise Unpostable("the payload is JSON, but not an object")
    if "\\u" in text and not _is_text(content):
        raise Unpostable("the payload holds half a surrogate pair, which is not text")
    return content


def _is_text(content: dict[str, Any]) -> bool:
    """Whether a file can hold it. Python reads ``"\\ud800"`` without complaint into a string that none can."""
    try:
        json.dumps(content, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def to_minor(value: object, *, decimals: int | None = None) -> int:
    """An amount in minor units. With ``decimals`` it is in major units, and rounded half-up. Raises Unpostable."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unpostable(f"{value!r} is not an amount")
    exact = Decimal(value)
    # Check the exponent first: if it is a billion, even comparing overflows.
    if exact.adjusted() > 18 or abs(exact) > _LARGEST:
        raise Unpostable(f"the amount {value} is larger than can be kept")
    if decimals is not None:
        minor = to_minor_units(exact, decimals)
        if abs(minor) > _LARGEST:
            raise Unpostable(f"the amount {value} is larger than can be kept")
        return minor
    if exact != exact.to_integral_value():
        raise Unpostable(f"the amount {value} is not a whole number of minor units")
    return int(exact)


def _posted(
    rule: PostingRule, scales: Scales, stream_id: str, content: dict[str, Any], complaints: list[str]
) -> Posted:
    written = field(content, rule.amount)
    account = account_of(stream_id) if rule.account == "stream" else field(content, rule.account)
    currency = rule.currency or field(content, rule.currency_field or "")
    if not isinstance(account, str) or not isinstance(currency, str):
        raise Unpostable(f"account {account!r} and currency {currency!r} must both be text")
    amount = to_minor(written, decimals=decimals_for(rule, scales, currency))
    if abs(amount) > MAX_AMOUNT_MINOR:
        complaints.append(f"the amount {amount} is beyond 2**53 - 1 minor units, where other readers lose digits")
    if amount < 0 and rule.sign != "signed":
        complaints.append(f"the amount {amount} is negative, but the event's type already gives the direction")
    signed = amount if rule.sign == "signed" else amount * rule.sign
    return Posted(account, currency, signed, rule.kind)


def decimals_for(rule: PostingRule, scales: Scales, currency: str) -> int | None:
    """What the rule's amounts are scaled by; None where they are in minor units already. Raises Unpostable."""
    if rule.scale == "minor":
        return None
    try:
        return scales.needed(currency, rule.decimals)
    except UnusableInput as error:
        raise Unpostable(str(error)) from None


def account_of(stream_id: str) -> str:
    """The stream id without its category: what follows the first ``-``, or all of it where there is none."""
    category, dash, identity = stream_id.partition("-")
    return identity if dash else category


def field(content: dict[str, Any], path: str) -> Any:
    """The value at a dotted path. Raises Unpostable where there is none."""
    value: Any = content
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            raise Unpostable(f"the payload has no field {path!r}")
        value = value[name]
    return value
