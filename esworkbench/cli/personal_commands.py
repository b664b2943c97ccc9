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
from esworkbench.personal_data.keys import PersonalKeys, laid_down, write_records


def erase_subject(
    url: Annotated[str, typer.Argument(help="The store.")],
    subject: Annotated[str, typer.Option(help="Whose personal data: of a bank, the account's id.")],
    keys: Annotated[
        str | None, typer.Option(metavar="URL", help="The database of the keys; absent: the store's, in your folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Erase a subject's sealed personal data for good, by destroying its key; amounts and links stay.

    No event changes, so hashes and anchors go on holding. What was written before sealing began stays readable. Exit
    code 1 means that the key's bytes may still lie in its database's files: the answer says where, and what to run.
    """
    store = EventStore.open(url, create=False)
    kept = PersonalKeys.open(url, keys, create=False)
    laid_down(url)  # what lies there may be somebody's: asked before anything is destroyed
    record, still_in = kept.destroy(subject)
    try:
        path = write_records(url, kept.records())
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
        "records": str(path), "still_in": still_in,
    }  # fmt: skip

    def prose(console: Console) -> None:
        told = f"the key of {subject!r} was destroyed at {at}"
        if not still_in:
            console.print(f"{told}: {sealed:,} events keep what nobody can read", markup=False)
        else:
            console.print(f"{told}, but its bytes may still lie in the files of its database:", markup=False)
            for place in still_in:
                console.print(f"- {place}", markup=False)
            console.print(
                f"who finds them there reads what {sealed:,} events keep: when that is over, or as who may, run the "
                "command below, which clears them away again"
            )
        log = "" if kept.engine.dialect.name == "sqlite" else ", and the server's write-ahead log with its archive,"
        console.print(f"backups of the keys' database{log} still hold it: destroy those of before as well")

    address = quote(address_of(parse_url(url)))
    again = f"esworkbench erase-subject {address} --subject {quote(subject)}"
    if keys is not None:
        again += f" --keys {quote(address_of(parse_url(keys)))}"
    next_command = again if still_in else f"esworkbench verify {address}"
    answer(document, prose, as_json=json, found=bool(still_in), next_command=next_command)
