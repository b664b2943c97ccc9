"""Which format a statement has, by what is in it, and its lines in the one form that evidence keeps.

Names and endings don't count: banks call all of these ``.txt``.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.regular_file import regular_file, says_where_it_ends, taken_to_be_whole
from esworkbench.evidence.capturing.statement_file import COLUMNS, StatementLine, read_statement
from esworkbench.evidence.capturing.statements import bank_csv, camt053, mt940, ofx
from esworkbench.evidence.capturing.statements.lines import lines_of
from esworkbench.evidence.capturing.statements.statement import StatementReader
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.evidence.scales import Scales

Format = Literal["own CSV", "described CSV", "CAMT.053", "MT940", "OFX"]

HEAD = 65_536
"""Bytes in which a format shows itself."""

TAGS = re.compile(r"^:20:.*^:25:.*^:60[FM]:", re.MULTILINE | re.DOTALL)
MANY = 3
"""So many repeated ids are named."""


MOST_BYTES = 1 << 28
"""No bank's statement is larger; of a file without an end all would be read."""


class StatementRead(NamedTuple):
    """A file's lines, the format that it was read by, and in sentences what had to be assumed."""

    format: Format
    lines: list[StatementLine]
    said: list[str]


def format_of(path: Path) -> Format | None:
    """The format of a file; None for one that is none of these, but may be a bank's CSV. Raises UnusableInput."""
    require_size(path)
    try:
        with regular_file(path).open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise UnusableInput(f"statement {path} can't be read: {error.strerror}") from None
    if not head.strip():
        raise UnusableInput(f"statement {path} is empty: ask for it again")
    text = _as_text(head).lstrip()
    if text.startswith("OFXHEADER:") or re.match(r"(<\?xml[^>]*>\s*)?(<\?OFX\s|<OFX>)", text):
        return "OFX"
    if text.startswith(("<?xml", "<!DOCTYPE", "<!--")) or re.match(r"<[A-Za-z_][\w:.-]*[\s>/]", text):
        return "CAMT.053"
    # A large file may reach its first balance late; a small one may be torn before it.
    if TAGS.search(text) or text.startswith(":20:") or re.match(r"\{1:[^}]*\}", text):
        return "MT940"
    first = text.partition("\n")[0]
    if sum(name in first for name in COLUMNS) > 1 and "account_id" in first:
        return "own CSV"
    return None


def require_size(path: Path) -> None:
    """Raises UnusableInput for a file that is no regular one, or larger than any statement: before it is read."""
    if regular_file(path).stat().st_size > MOST_BYTES:
        raise UnusableInput(
            f"statement {path} is larger than {MOST_BYTES >> 20} MB, and no statement is: name the file as it was "
            "sent, or split it"
        )


def _as_text(head: bytes) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return head.removeprefix(mark).decode(encoding, "replace")
    if head[:4] in (b"<\0?\0", b"\0<\0?"):
        return head.decode("utf-16-le" if head[0] else "utf-16-be", "replace")
    return head.decode("utf-8", "replace")


def read_lines(path: Path, ledger: LedgerDefinition, described: LedgerDefinition | None = None) -> StatementRead:
    """A statement's lines, accounts under the names that the statement gives them.

    ``ledger`` is the evidence's, for the zone of days and the scale of currencies; ``described`` says what the columns
    of a bank's own CSV mean. Raises UnusableInput naming the file, and what is wrong with it and where.
    """
    found = format_of(path)
    if found == "own CSV" or (found is None and described is None and path.name.casefold().endswith(".csv")):
        ends = [] if says_where_it_ends(path) else [taken_to_be_whole(path)]
        return StatementRead("own CSV", list(read_statement(path)), ends)
    scales = Scales(ledger)
    if found is None:
        if described is None:
            raise UnusableInput(
                f"statement {path} is neither CAMT.053, MT940 nor OFX, nor a CSV file with the columns "
                f"{', '.join(COLUMNS)}; if it is a CSV file of another form, a ledger file with a [file] section says "
                "what its columns mean"
            )
        lines, said = bank_csv.lines_in(path, described, scales)
        return StatementRead("described CSV", lines, said)
    reading = StatementReader(path.name, ledger.zone(), scales)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnusableInput(f"statement {path} can't be read: {error.strerror}") from None
    module = {"CAMT.053": camt053, "MT940": mt940, "OFX": ofx}[found]
    statements = module.statements_in(reading, content)
    lines = lines_of(statements, ledger.zone())
    said = [words for each in statements for words in each.said]
    if not_booked := sum(each.not_booked for each in statements):
        said.append(f"{not_booked} entries of {path.name} are pending or for information: no balance counts them yet")
    if found == "MT940" and not says_where_it_ends(path):
        said.append(taken_to_be_whole(path))
    if any(line.by_day for line in lines):
        said.append(f"{path.name} tells days without hours: they were taken as days in {ledger.time_zone}")
    if any(line.balance_is_computed and line.kind in ("opening", "closing") for line in lines):
        said.append(f"{path.name} states a balance at one end alone: the one at the other was computed from its lines")
    return StatementRead(found, lines, [*said, *_repeated(path, lines)])


def _repeated(path: Path, lines: list[StatementLine]) -> list[str]:
    """Ids of the bank's that stand on several lines: what is known by them isn't known."""
    counts = Counter((line.account, line.bank_id) for line in lines if line.bank_id)
    twice = [bank_id for (_, bank_id), count in counts.items() if count > 1]
    named = ", ".join(map(repr, twice[:MANY])) + (f" and {len(twice) - MANY} more" if len(twice) > MANY else "")
    return [f"{path.name} has lines under one id of its sender's, so no line is known by it: {named}"] if twice else []


def with_accounts_of(
    read: StatementRead, name: str, known: Callable[[], set[str]], given: Mapping[str, str]
) -> StatementRead:
    """The lines under the ledger's names of their accounts.

    ``known`` gives the ledger's accounts; ``given`` says which of them a name in the statement means, spaces in an IBAN
    aside. Raises UnusableInput, listing both sides, for a name that is neither; but a file with our own columns is
    written for this ledger, and may tell of an account of which no event is left.
    """
    means = {_plain(theirs): ours for theirs, ours in given.items()}
    found = {line.account: means.get(_plain(line.account), line.account) for line in read.lines}
    ours = set(found.values()) if read.format == "own CSV" else known()
    strange = [theirs for theirs, means_ours in found.items() if means_ours not in ours]
    if strange:
        raise UnusableInput(
            f"statement {name} is about {_listed(strange)}, which the ledger doesn't know; its accounts are "
            f"{_listed(sorted(ours))}: say which is meant, under [statement_accounts] in the ledger file, or with "
            "--account STATEMENT=LEDGER where it is added to evidence"
        )
    return read._replace(lines=[line._replace(account=found[line.account]) for line in read.lines])


def _plain(account: str) -> str:
    return "".join(account.split()).upper()


def _listed(names: list[str], most: int = 5) -> str:
    words = ", ".join(repr(each) for each in names[:most])
    return f"{words} and {len(names) - most:,} more" if len(names) > most else words or "none"
