"""A command on personal data: erase what a log says of one subject."""

from shlex import quote
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy import func, select

from esworkbench.cli.options import Json
from esworkbench.cli.output import answer
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.columns import moment_text
from esworkbench.event_store.database import address_of, parse_url
from esworkbench.event_store.schema import events
from esworkbench.personal_data.envelope import VERSION
from esworkbench.personal_data.keys import PersonalKeys, write_records


def erase_subject(
    url: Annotated[str, typer.Argument(help="The store.")],
    subject: Annotated[str, typer.Option(help="Whose personal data: of a bank, the account's id.")],
    keys: Annotated[
        str | None, typer.Option(metavar="URL", help="The database of the keys; absent: the store's, in your folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Erase a subject's sealed personal data for good, by destroying its key; amounts and links stay.

    No event changes, so hashes and anchors go on holding. What was written before sealing began stays readable.
    """
    store = EventStore.open(url, create=False)
    kept = PersonalKeys.open(url, keys, create=False)
    record = kept.destroy(subject)
    try:
        laid_down = write_records(url, kept.records())
    except OSError as error:
        raise UnusableInput(
            f"the key of {subject!r} was destroyed, but what is known of it can't be laid into the store's outside "
            f"folder ({error.strerror}): free that, and run the command again"
        ) from None
    envelope = events.c.payload.contains(f'"{VERSION}:{record.key_id}:', autoescape=True)
    with store.engine.connect() as connection:
        sealed = connection.execute(select(func.count()).select_from(events).where(envelope)).scalar_one()
    assert record.destroyed_at is not None
    at = moment_text(record.destroyed_at)
    document = {
        "subject": subject, "key_id": record.key_id, "destroyed_at": record.destroyed_at, "events": sealed,
        "records": str(laid_down),
    }  # fmt: skip

    def prose(console: Console) -> None:
        console.print(f"the key of {subject!r} was destroyed at {at}: {sealed:,} events keep what nobody can read")
        console.print("backups of the keys' database still hold it: destroy those of before as well")

    answer(document, prose, as_json=json, next_command=f"esworkbench verify {quote(address_of(parse_url(url)))}")
