"""A command on a store's outbox: what waits to be published, what is parked, and what to do about it."""

from datetime import datetime
from shlex import quote
from typing import Annotated, Any

import typer
from rich.console import Console

from esworkbench.cli.options import Json
from esworkbench.cli.output import answer, table
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.database import address_of, parse_url
from esworkbench.outbox.outbox import backlog, is_enabled
from esworkbench.outbox.parked import let_stream_go_on, parked_messages, retry

PARKED = ["position", "stream", "attempts", "error", "failed_at", "holds_stream"]


def outbox(
    url: Annotated[str, typer.Argument(help="The store.")],
    try_again: Annotated[
        int | None,
        typer.Option("--retry", min=1, help="Try the parked message at this position again, with all its attempts."),
    ] = None,
    leave_out: Annotated[
        int | None,
        typer.Option("--leave-out", min=1, help="Let its stream go on without the message parked at this position."),
    ] = None,
    json: Json = False,
) -> None:
    """What waits to be published, since when, and what was given up; exit code 1 if a stream is stuck."""
    store = EventStore.open(url, create=False)
    engine = store.engine
    with engine.connect() as connection:
        enabled = is_enabled(connection)
    if not enabled:
        raise UnusableInput("no outbox is enabled in this store: enable_outbox(engine) begins one")
    if try_again is not None:
        retry(engine, try_again)
    if leave_out is not None:
        let_stream_go_on(engine, leave_out)
    waiting, parked = backlog(engine), parked_messages(engine)
    rows = [dict(zip(PARKED, message, strict=True)) for message in parked]
    document: dict[str, Any] = {
        "queued": waiting.queued, "oldest": waiting.oldest,
        "oldest_age_seconds": _seconds(waiting.oldest, store.clock()), "parked": rows,
    }  # fmt: skip

    def prose(console: Console) -> None:
        age = document["oldest_age_seconds"]
        since = "" if age is None else f", the oldest recorded {age:,} s ago"
        console.print(f"{waiting.queued:,} messages wait to be published{since}")
        if rows:
            console.print(table("parked", PARKED, [list(row.values()) for row in rows]))

    held = [message for message in parked if message.holds_stream]
    shown = quote(address_of(parse_url(url)))
    following = f"esworkbench outbox {shown} --retry {held[0].global_position}" if held else None
    answer(document, prose, as_json=json, found=bool(held), next_command=following)


def _seconds(since: datetime | None, now: datetime) -> int | None:
    return None if since is None else int((now - since).total_seconds())
