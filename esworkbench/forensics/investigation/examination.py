"""A second examiner: the same questions asked again, and control totals by an engine that shares no code.

Every answer of the bench comes through DuckDB. Here the totals that an auditor ticks off (events by type, positions,
postings and their sum by currency) are taken once more from the same files by Arrow's own kernels, and held against
DuckDB's and against the manifest. Both read the same files, so they vouch for the reckoning, not for the source.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from esworkbench.archive import GAPS_KEPT
from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.forensics.investigation.case import Case, digest_of

ASKED = ("verify", "diff", "diagnose")
"""What an examination asks, each of the whole evidence."""

KNOWN_BY = {
    "verify": {"breaks", "gaps", "unprovable"}, "diff": {"compared", "divergent", "rows"},
    "diagnose": {"findings", "tested", "unexplained"},
}  # fmt: skip
"""By which keys a command's JSON document is recognised."""

BOUND_BY = ("evidence", "totals")
"""What an examination holds beside the answers: of which evidence they are, and its control totals."""

BESIDE = {"ledger", "domain"}
"""What a command adds to its answer: whose ledger judged, which the manifest says as well."""

SHOWN = 200

LIMITS = [
    "both engines read the files of the evidence: that these are what the source held rests on the capture, and on "
    "anchors where there are any",
    "an identical re-run shows that the findings follow from this evidence with this release, not that they are right",
]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Control totals. Sums are exact whole numbers of minor units; ``gaps`` are ranges of positions without an event,
    both ends included, and at most the first thousand of ``gap_count``."""

    events: int
    events_by_type: dict[str, int]
    first_position: int | None
    last_position: int | None
    positions: int
    gap_count: int
    gaps: list[tuple[int, int]]
    postings: int
    postings_by_currency: dict[str, int]
    sum_by_currency: dict[str, int]


class AnswerDifference(NamedTuple):
    """One place in which two answers differ: where, and what each says there, shortened."""

    place: str
    recorded: str
    now: str


def totals_by_arrow(evidence: Evidence) -> Totals:
    """The totals by Arrow, file by file, without DuckDB."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    def read(table: str, columns: list[str]) -> Iterator[Any]:
        for name in evidence.manifest.files_of(table):
            yield pq.read_table(evidence.path / name, columns=columns, partitioning=None)

    types: Counter[str] = Counter()
    positions: list[Any] = []
    for part in read("events", ["type", "position"]):
        for counted in pc.value_counts(part["type"]).to_pylist():
            types[_name(counted["values"])] += counted["counts"]
        positions.append(part["position"].combine_chunks())
    count: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for part in read("postings", ["currency", "amount_minor"]):
        # As decimals: Arrow's sum of whole numbers wraps around without a word.
        exact = part.set_column(1, "amount_minor", pc.cast(part["amount_minor"], pa.decimal128(38, 0)))
        for row in exact.group_by("currency").aggregate([("amount_minor", "sum"), ([], "count_all")]).to_pylist():
            count[_name(row["currency"])] += row["count_all"]
            total[_name(row["currency"])] += int(row["amount_minor_sum"] or Decimal(0))
    held = pc.unique(pc.drop_null(pa.chunked_array(positions, pa.int64())))
    held = held.take(pc.array_sort_indices(held))
    gaps = _gaps_in(evidence.manifest.cut.after, held)
    return Totals(
        events=sum(types.values()), events_by_type=dict(sorted(types.items())),
        first_position=held[0].as_py() if len(held) else None, last_position=held[-1].as_py() if len(held) else None,
        positions=len(held), gap_count=len(gaps), gaps=gaps[:GAPS_KEPT],
        postings=sum(count.values()), postings_by_currency=dict(sorted(count.items())),
        sum_by_currency=dict(sorted(total.items())),
    )  # fmt: skip


def totals_by_duckdb(evidence: Evidence) -> Totals:
    """The same by the engine that every other answer comes from."""
    types = evidence.rows("SELECT type, count(*) FROM events GROUP BY ALL")
    ((first, last, positions),) = evidence.rows(
        "SELECT min(position), max(position), count(DISTINCT position) FROM events"
    )
    gaps = evidence.rows(
        """
        SELECT before + 1, position - 1 FROM (
            SELECT position, coalesce(lag(position) OVER (ORDER BY position), $after) AS before
            FROM (SELECT DISTINCT position FROM events WHERE position IS NOT NULL)
        ) WHERE position > before + 1 ORDER BY 1
        """,
        after=evidence.manifest.cut.after,
    )
    sums = evidence.rows("SELECT currency, count(*), sum(amount_minor)::VARCHAR FROM postings GROUP BY ALL")
    return Totals(
        events=sum(number for _, number in types),
        events_by_type=dict(sorted((_name(kind), number) for kind, number in types)),
        first_position=first, last_position=last, positions=positions, gap_count=len(gaps), gaps=gaps[:GAPS_KEPT],
        postings=sum(number for _, number, _ in sums),
        postings_by_currency=dict(sorted((_name(currency), number) for currency, number, _ in sums)),
        sum_by_currency=dict(sorted((_name(currency), int(total or 0)) for currency, _, total in sums)),
    )  # fmt: skip


def disagreements(evidence: Evidence, first: Totals, second: Totals) -> list[str]:
    """In which totals the two engines, or the second and the manifest, don't agree, in sentences."""
    found = [
        f"{difference.place}: DuckDB says {difference.recorded}, Arrow {difference.now}"
        for difference in differences(msgspec.to_builtins(first), msgspec.to_builtins(second))
    ]
    manifest = evidence.manifest
    said: list[tuple[str, Any, Any]] = [
        ("events", manifest.rows["events"], second.events),
        ("postings", manifest.rows["postings"], second.postings),
        ("the last position", manifest.cut.high_water, second.last_position or manifest.cut.after or None),
        ("gaps", manifest.cut.gaps, second.gaps),
        ("the number of gaps", len(manifest.cut.gaps) + manifest.cut.gaps_left_out, second.gap_count),
    ]
    return found + [
        f"{what}: the manifest says {told}, Arrow {counted}" for what, told, counted in said if told != counted
    ]


def recorded_in_case(
    evidence: Evidence, answers: Mapping[str, Mapping[str, Any]]
) -> tuple[list[str], list[AnswerDifference]]:
    """The answers that the case holds to these very questions about this very evidence, and those that differ.

    A case keeps digests, so it tells that an answer differs and not in what.
    """
    compared: list[str] = []
    found: list[AnswerDifference] = []
    for entry in Case(evidence.path).entries():
        narrowed = any(value is not None for value in entry.arguments.values())
        if entry.question not in answers or narrowed or entry.evidence not in (None, evidence.digest):
            continue
        compared.append(entry.question)
        digest = digest_of(answers[entry.question])
        if digest != entry.digest:
            found.append(AnswerDifference(f"{entry.question}, line {entry.number} of the case", entry.digest, digest))
    return compared, found


def recorded_in(document: Any, of: str) -> dict[str, Any]:
    """The answers that a JSON document holds, by question: an examination, or what verify, diff or diagnose printed.

    An examination's digest of the evidence and its totals are among them, as ``evidence`` and ``totals``.

    Raises UnusableInput for any other document; ``of`` is its name.
    """
    if isinstance(document, dict) and isinstance(answers := document.get("answers"), dict):
        known = {name: answer for name, answer in answers.items() if name in ASKED and isinstance(answer, dict)}
        if known:
            return known | {name: document[name] for name in BOUND_BY if name in document}
    if isinstance(document, dict):
        for name, keys in KNOWN_BY.items():
            if keys <= document.keys():
                return {name: {key: value for key, value in document.items() if key not in BESIDE}}
    raise UnusableInput(
        f"{of} holds no findings that can be compared: give what examine, verify, diff or diagnose printed with --json"
    )


def differences(recorded: Any, now: Any, place: str = "") -> list[AnswerDifference]:
    """Where two JSON values differ, in order, each place once."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        return [
            each
            for key in [*recorded, *(key for key in now if key not in recorded)]
            for each in _below(recorded, now, key, f"{place}.{key}" if place else str(key))
        ]
    if isinstance(recorded, list) and isinstance(now, list):
        found = [
            each
            for number, pair in enumerate(zip(recorded, now, strict=False))
            for each in differences(*pair, f"{place}[{number}]")
        ]
        if len(recorded) != len(now):
            found.append(AnswerDifference(f"{place}, its length", str(len(recorded)), str(len(now))))
        return found
    # 1 and true are equal to Python, and not in JSON.
    same = type(recorded) is type(now) and recorded == now
    return [] if same else [AnswerDifference(place, _shown(recorded), _shown(now))]


def _below(recorded: Mapping[str, Any], now: Mapping[str, Any], key: str, place: str) -> list[AnswerDifference]:
    if key in recorded and key in now:
        return differences(recorded[key], now[key], place)
    return [AnswerDifference(place, *(_shown(each[key]) if key in each else "nothing" for each in (recorded, now)))]


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value)
    except RecursionError:
        text = "nested too deep to be shown"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _name(value: str | None) -> str:
    """Null is shown as a word that stands in no log: it has blanks and brackets."""
    return "(no value)" if value is None else value


def _gaps_in(after: int, held: Any) -> list[tuple[int, int]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    ends: Any = pa.concat_arrays([pa.array([after], pa.int64()), held])
    before, behind = ends[:-1], ends[1:]
    jumps = pc.greater(pc.subtract(behind, before), pa.scalar(1))
    pairs = zip(before.filter(jumps).to_pylist(), behind.filter(jumps).to_pylist(), strict=True)
    return [(low + 1, high - 1) for low, high in pairs]
