"""Snapshots whose state isn't what the events up to their version say, in any field that the ledger can tell.

The ledger knows the balance, and what it names beside it: the open holds, fields that repeat a field of an event, and
fields that an event makes true. What only the code that folds can tell is not compared.
"""

from collections.abc import Iterator
from typing import NamedTuple

from esworkbench.evidence.capturing.poster import Unpostable, account_of
from esworkbench.forensics.compare.holds import json_path
from esworkbench.forensics.compare.records import DIFFERS, NO_EVENT, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Left
from esworkbench.forensics.diagnosis.witnesses import rows_without_event
from esworkbench.forensics.diagnosis.wording import places

_TAKEN = """
    WITH taken AS (
        SELECT stream_id, version, state_version, based_on_version, state FROM snapshots
        WHERE json_valid(state) AND starts_with(stream_id, $category)
    )
"""

_COPIED = f"""
    {_TAKEN}, told AS (
        SELECT stream_id, version, event_id, json_extract(payload, $source)::VARCHAR AS value FROM events
        WHERE type = $type AND json_valid(payload)
    )
    SELECT taken.stream_id, taken.version, state_version, json_extract(state, $field)::VARCHAR, told.value
    FROM taken ASOF JOIN told ON told.stream_id = taken.stream_id AND taken.version >= told.version
    WHERE told.value IS NOT NULL AND json_extract(state, $field) IS NOT NULL
      AND json_extract(state, $field)::VARCHAR <> told.value
    ORDER BY 1, 2
"""

_HAPPENED = f"""
    {_TAKEN}, told AS (SELECT stream_id, min(version) AS version FROM events WHERE type = $type GROUP BY stream_id)
    SELECT taken.stream_id, taken.version, state_version, json_extract(state, $field)::VARCHAR,
        CASE WHEN told.version IS NULL THEN 'false' ELSE 'true' END
    FROM taken LEFT JOIN told ON told.stream_id = taken.stream_id AND told.version <= taken.version
    WHERE json_type(json_extract(state, $field)) = 'BOOLEAN'
      AND json_extract(state, $field)::VARCHAR <> CASE WHEN told.version IS NULL THEN 'false' ELSE 'true' END
    ORDER BY 1, 2
"""

# An entry may be wrong, or missing: the entries are looked up one by one, and counted. No list of all holds is ever
# made beside each snapshot.
_HOLDS = f"""
    {_TAKEN}, asked AS (
        SELECT stream_id, hold, version, answer_version AS answered,
            (SELECT -sum(amount_minor)::BIGINT FROM postings AS p WHERE p.event_id = requests.event_id) AS amount
        FROM requests
    ), moves AS (
        SELECT stream_id, version, 1 AS opened FROM asked
        UNION ALL SELECT stream_id, answered, -1 FROM asked WHERE answered IS NOT NULL
    ), counted AS (
        SELECT stream_id, version, sum(opened) OVER (PARTITION BY stream_id ORDER BY version) AS open FROM moves
    ), entries AS (
        SELECT stream_id, version, state_version,
            unnest(map_entries(json_extract(state, $field)::MAP(VARCHAR, VARCHAR))) AS entry
        FROM taken WHERE json_type(json_extract(state, $field)) = 'OBJECT'
    ), known AS (
        SELECT e.stream_id, e.version, e.state_version, a.hold IS NOT NULL AS stands
        FROM entries AS e LEFT JOIN asked AS a ON a.stream_id = e.stream_id AND a.hold = e.entry.key
            AND a.version <= e.version AND coalesce(a.answered > e.version, true)
            AND TRY_CAST(e.entry.value AS BIGINT) = a.amount
    ), stated AS (
        SELECT stream_id, version, state_version, count(*) AS listed, count(*) FILTER (stands) AS right_ones
        FROM known GROUP BY ALL
    )
    SELECT taken.stream_id, taken.version, taken.state_version, coalesce(listed, 0) || ' open',
        coalesce(open, 0) || ' open'
    FROM taken LEFT JOIN stated ON stated.stream_id = taken.stream_id AND stated.version = taken.version
        AND stated.state_version IS NOT DISTINCT FROM taken.state_version
    ASOF LEFT JOIN counted ON counted.stream_id = taken.stream_id AND taken.version >= counted.version
    WHERE json_type(json_extract(state, $field)) = 'OBJECT'
      AND NOT (coalesce(listed, 0) = coalesce(open, 0) AND coalesce(right_ones, 0) = coalesce(listed, 0))
    ORDER BY 1, 2
"""

_PLACES = f"""
    {_TAKEN} SELECT taken.stream_id, json_extract_string(taken.state, $currency), taken.version, e.position,
        state_version, based_on_version, state
    FROM taken LEFT JOIN events AS e ON e.stream_id = taken.stream_id AND e.version = taken.version
    ORDER BY 1, 3, state_version
"""


# Code that adds up numbers stumbles over one that is written as text, though the ledger reads both.
_UNREAD = """
    WITH claims AS (
        SELECT DISTINCT $category || account AS stream_id, version FROM assertions WHERE kind = 'snapshot'
    ), kept AS (
        SELECT s.*, c.version IS NOT NULL AS is_read,
            CASE WHEN c.version IS NOT NULL AND json_valid(s.state)
                THEN json_type(json_extract(s.state, $claimed)) = 'VARCHAR' END AS as_text
        FROM snapshots AS s LEFT JOIN claims AS c USING (stream_id, version)
        WHERE starts_with(s.stream_id, $category)
    ), shapes AS (
        SELECT state_version, bool_or(is_read) AS is_known,
            count(*) FILTER (as_text) > count(*) FILTER (NOT as_text) AS is_text
        FROM kept GROUP BY state_version
    )
    SELECT k.stream_id, k.version, k.state, k.state_version, e.position, is_known, as_text
    FROM kept AS k JOIN shapes ON shapes.state_version IS NOT DISTINCT FROM k.state_version
    LEFT JOIN events AS e ON e.stream_id = k.stream_id AND e.version = k.version
    WHERE NOT is_read OR as_text <> is_text ORDER BY 1, 2
"""


Name = tuple[int, str | None]
"""Of one stream's snapshots: the version, and the shape."""


class UnreadSnapshot(NamedTuple):
    """A snapshot of which the ledger can't tell the balance. ``of_known_shape`` if it can of others of that shape."""

    stream_id: str
    version: int
    position: int | None
    state_version: str | None
    of_known_shape: bool
    reason: str


class KeptState(NamedTuple):
    """A snapshot: whose, at which version and position, in which shape, and made from the one of which version.

    One version may be kept in two shapes.
    """

    key: Key
    version: int
    position: int
    state_version: str | None
    based_on_version: int | None
    state: str

    @property
    def name(self) -> Name:
        return self.version, self.state_version


class WrongField(NamedTuple):
    """A field of a snapshot's state beside what the events up to its version make of it."""

    stream_id: str
    version: int
    state_version: str | None
    field: str
    says: str
    expected: str


class WrongSnapshots(NamedTuple):
    """The snapshots of one account that one cause made wrong: of the balance what is left to explain, and fields.

    ``off`` has the wrong balances by snapshot, and what each is off by. Before a migration that went wrong, what was
    wrong already is ``before`` minor units of each of them. ``migrated_from`` is the version of the snapshot, in
    another shape, that the first wrong one was made from, where that is what went wrong.
    """

    key: Key
    taken: list[KeptState]
    balances: list[Residual]
    off: dict[Name, int]
    fields: list[WrongField]
    migrated_from: int | None = None
    before: int = 0

    @property
    def wrong(self) -> list[KeptState]:
        """The wrong ones among those taken, the oldest first."""
        names = {*self.off, *((wrong.version, wrong.state_version) for wrong in self.fields)}
        return [each for each in self.taken if each.name in names]

    @property
    def amount(self) -> int:
        """What the newest wrong balance is off by through this, in minor units."""
        return self.balances[-1].amount - self.before if self.balances else 0

    def proof(self, facts: Facts) -> str:
        """What is wrong with them, in words."""
        at = places([each.position for each in self.wrong if each.position])
        words = f"{len(self.wrong)} snapshot(s), at {at}, differ from what the events up to there add up to"
        ahead = [each.version for each in self.wrong if not each.position]
        if ahead:
            words += f"; no event of the stream has version {', '.join(map(str, ahead[:5]))}, which they count"
        if self.balances:
            words += f": the newest wrong balance by {facts.money(self.balances[-1].amount, self.key)}"
        if self.before:
            words += f", {facts.money(self.before, self.key)} of which were wrong before"
        for wrong in self.fields[:5]:
            words += f"; at version {wrong.version} {wrong.field} is {wrong.says} instead of {wrong.expected}"
        return words


def wrong_snapshots(facts: Facts, left: Left) -> list[WrongSnapshots]:
    """By account and currency, what of snapshots is not explained; apart where a migration made it worse."""
    taken: dict[Key, list[KeptState]] = {}
    for each in _snapshots(facts):
        taken.setdefault(each.key, []).append(each)
    balances: dict[Key, list[Residual]] = {}
    for step in left.steps(kind="snapshot"):
        balances.setdefault(step.key, []).append(step)
    fields: dict[str, list[WrongField]] = {}
    for wrong in _wrong_fields(facts):
        fields.setdefault(account_of(wrong.stream_id), []).append(wrong)
    found: list[WrongSnapshots] = []
    for key in dict.fromkeys((*taken, *balances)):
        mine = taken.get(key, [])
        steps = balances.get(key, [])
        certain = _not_in_doubt(facts, left, mine, key, fields.get(key[0], []))
        if steps or certain:
            found += _by_cause(WrongSnapshots(key, mine, steps, _off(facts, mine, steps), certain))
    return found


def _off(facts: Facts, taken: list[KeptState], steps: list[Residual]) -> dict[Name, int]:
    """By snapshot, what its balance is off by. Of two shapes of one version, the one that claims what was compared."""
    from esworkbench.evidence.capturing.claims import claim_of_state

    claims = facts.evidence.ledger.snapshot
    off: dict[Name, int] = {}
    for step in steps:
        of_version = [each for each in taken if each.version == step.place]
        if len(of_version) > 1 and claims is not None:
            of_version = [each for each in of_version if claim_of_state(claims, each.state)[0] == step.claimed]
        off.update((each.name, step.amount) for each in of_version)
    return off


def _by_cause(found: WrongSnapshots) -> Iterator[WrongSnapshots]:
    """Parted where a snapshot is off by something else than the one, in another shape, that it was made from."""
    off = found.off
    wrong_fields = {(each.version, each.state_version) for each in found.fields}
    for at, each in enumerate(found.taken):
        base = next(
            (other for other in found.taken
             if other.version == each.based_on_version and other.state_version != each.state_version), None,
        )  # fmt: skip
        if base is None:
            continue
        was = off.get(base.name, 0)
        worse = each.name in wrong_fields and base.name not in wrong_fields
        if off.get(each.name, was) == was and not worse:
            continue
        since = {other.name for other in found.taken[at:]} - {base.name}
        earlier = found._replace(
            balances=[step for step in found.balances if step.place < each.version],
            off={name: amount for name, amount in off.items() if name not in since},
            fields=[wrong for wrong in found.fields if (wrong.version, wrong.state_version) not in since],
        )
        if earlier.balances or earlier.fields:
            yield earlier
        yield found._replace(
            balances=[step for step in found.balances if step.place >= each.version],
            off={name: amount for name, amount in off.items() if name in since},
            fields=[wrong for wrong in found.fields if (wrong.version, wrong.state_version) in since],
            migrated_from=base.version, before=was,
        )  # fmt: skip
        return
    yield found


def unread_snapshots(facts: Facts) -> list[UnreadSnapshot]:
    """Snapshots of the ledger's category whose state claims no balance, or in another way than its shape does."""
    from esworkbench.evidence.capturing.claims import claim_of_state

    claims = facts.evidence.ledger.snapshot
    if claims is None:
        return []
    rows = facts.rows(_UNREAD, category=f"{claims.category}-", claimed=json_path(claims.claimed))
    found = []
    for stream_id, version, state, shape, position, is_known, as_text in rows:
        others = "a number" if as_text else "text"
        reason = f"{claims.claimed} is {'text' if as_text else 'a number'}, and {others} elsewhere in that shape"
        try:
            claim_of_state(claims, state)
        except Unpostable as why:
            reason = str(why)
        found.append(UnreadSnapshot(stream_id, version, position, shape, is_known, reason))
    return found


def _not_in_doubt(
    facts: Facts, left: Left, taken: list[KeptState], key: Key, fields: list[WrongField]
) -> list[WrongField]:
    """The fields of these snapshots from before the place where the account's history was rewritten.

    After it the snapshots are the witnesses, and the log is what is in doubt.
    """
    versions = {each.version for each in taken}
    fields = [each for each in fields if each.version in versions]
    rewritten = [each for each in left.found("rehashed_history") if (each.account, each.currency) == key]
    if not rewritten:
        return fields
    told = [step.place for step in facts.residuals if step.kind == "snapshot" and step.key == key]
    positions = [position for each in rewritten for position in each.positions]
    told += [each.version for each in taken if positions and each.position >= min(positions)]
    return [each for each in fields if told and each.version < min(told)]


def _snapshots(facts: Facts) -> list[KeptState]:
    """Every snapshot that the ledger can read, by stream and version."""
    claims = facts.evidence.ledger.snapshot
    if claims is None:
        return []
    rows = facts.rows(_PLACES, category=f"{claims.category}-", currency=json_path(claims.currency_field))
    return [
        KeptState((account_of(stream_id), currency), version, position or 0, *kept)
        for stream_id, currency, version, position, *kept in rows
    ]


def _wrong_fields(facts: Facts) -> Iterator[WrongField]:
    """Fields other than the balance that the events contradict, those of edited, deleted or moved events left out."""
    ledger = facts.evidence.ledger
    claims, pending = ledger.snapshot, ledger.pending
    if claims is None:
        return
    category = f"{claims.category}-"
    disputed = {each.stream_id for each in facts.damage} | {each.home[0] for each in facts.failing if each.home}
    found: list[tuple[str, tuple[str, int, str | None, str, str]]] = []
    for field, source in claims.copied.items():
        type_, _, path = source.partition(".")
        rows = facts.rows(_COPIED, category=category, type=type_, source=json_path(path), field=json_path(field))
        found += [(field, (*row,)) for row in rows]
    for field, type_ in claims.happened.items():
        rows = facts.rows(_HAPPENED, category=category, type=type_, field=json_path(field))
        found += [(field, (*row,)) for row in rows]
    if claims.holds is not None and pending is not None:
        rows = facts.rows(_HOLDS, category=category, field=json_path(claims.holds))
        doubtful = _with_doubtful_rows(facts)
        found += [(claims.holds, (*row,)) for row in rows if account_of(row[0]) not in doubtful]
    for field, (stream_id, version, shape, says, expected) in found:
        if stream_id not in disputed:
            yield WrongField(stream_id, version, shape, field, says, expected)


def _with_doubtful_rows(facts: Facts) -> set[str]:
    """Accounts of which a row tells an event otherwise than the log, or one that is gone: it may have been a hold."""
    told = {step.account for step in facts.residuals if step.kind == "running" and step.reason in (DIFFERS, NO_EVENT)}
    return told | {key[0] for key, _, _ in rows_without_event(facts)}
