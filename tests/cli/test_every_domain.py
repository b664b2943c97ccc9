"""The bench knows no bank: a store of any domain goes through every step, by its own code and its own ledger."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cli_shell import Ran, Shell
from sqlalchemy import Table, select, text

from esworkbench.aggregates.repository import Repository
from esworkbench.composition import DOMAINS
from esworkbench.domains.activity.activity import Activity
from esworkbench.domains.activity.commands import LogIn, Pay, PutInBasket, UpdateProfile
from esworkbench.domains.activity.contracts import contract_decoder
from esworkbench.domains.activity.read_models import UserActivityByRegion
from esworkbench.domains.activity.read_models.user_activity_by_region import user_activity_by_region
from esworkbench.domains.document import Document, document_decoder
from esworkbench.domains.orders import order_decoder
from esworkbench.domains.orders.contracts import contract_v1_decoder
from esworkbench.domains.orders.read_models import (
    ORDER_PROJECTIONS,
    OrderTotals,
    OrderTotalsV1,
    order_totals,
    order_totals_v1,
)
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.evidence import Evidence
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.lab.old_orders import open_old_shop
from esworkbench.projections import ProjectionRunner
from esworkbench.resources import data_path

ORDERS = 30


def a_shop(url: str) -> None:
    """Orders in every shape of the past, in all the shop's read models."""
    shop = open_old_shop(url, orders=ORDERS)
    for make in ORDER_PROJECTIONS.values():
        ProjectionRunner(shop.store, make(), order_decoder(), run_id="r").catch_up()
    ProjectionRunner(shop.store, OrderTotalsV1(), contract_v1_decoder(), run_id="r").catch_up()
    shop.store.engine.dispose()


def a_document(url: str) -> None:
    store = EventStore.open(url)
    document = Document("minutes")
    document.start("Minutes")
    document.insert("e1", "We met.", after=None, editor="Ada")
    document.rewrite("e2", "e1", "We met at noon.", editor="Ada")
    Repository(store, Document, document_decoder()).save(document)
    store.engine.dispose()


def some_activity(url: str) -> None:
    store = EventStore.open(url)
    activity = Activity(store)
    basket = {"purchase_id": "p1", "session_id": "s1", "user_id": "ada"}
    activity.handle(UpdateProfile(user_id="ada", region="CH"))
    activity.handle(LogIn(session_id="s1", user_id="ada"))
    activity.handle(PutInBasket(**basket, article="tea", price_minor=450, currency="CHF"))
    activity.handle(Pay(**basket))
    ProjectionRunner(store, UserActivityByRegion(), contract_decoder(), run_id="r").catch_up()
    store.engine.dispose()


def rows_of(url: str, table: Table) -> Counter[tuple[Any, ...]]:
    store = EventStore.open(url, create=False)
    with store.engine.connect() as connection:
        rows = Counter(tuple(row) for row in connection.execute(select(table)))
    store.engine.dispose()
    return rows


def written(url: str, statement: str) -> None:
    """What somebody does in the database, past the package."""
    store = EventStore.open(url, create=False)
    with write_transaction(store.engine) as connection:
        connection.execute(text(statement))
    store.engine.dispose()


def judged(ran: Ran, name: str) -> dict[str, Any]:
    """The document, once it and the prose have named the ledger that judged."""
    judge = ran.document["ledger"]
    assert judge["name"] == name
    assert judge["sha256"] == hashlib.sha256(data_path("ledgers", f"{name}.toml").read_bytes()).hexdigest()
    assert f"judged by the ledger {name}, {judge['origin']}" in ran.err
    return ran.document


def test_orders_from_capture_to_rebuild(shell: Shell, store_url: str, tmp_path: Path) -> None:
    a_shop(store_url)
    evidence = tmp_path / "evidence"
    captured = judged(shell.json("capture", store_url, "--into", evidence), "orders")
    assert (captured["domain"], captured["accounts"], captured["unposted"]) == ("orders", ORDERS, {})
    assert captured["ledger"]["origin"] == "the one that the domain orders ships, by the log's event types"
    found = judged(shell.json("diff", evidence), "orders")
    assert (found["compared"], found["divergent"]) == (ORDERS, 0)
    replayed = judged(shell.json("replay", evidence, "--account", f"o{ORDERS:03d}"), "orders")
    assert replayed["state"]["status"] == "paid"
    assert replayed["balance"] == replayed["state"]["total_cents"] > 0
    for command in (
        ["verify"],
        ["diagnose"],
        ["bisect", "--account", "o001"],
        ["report", "--out", tmp_path / "r.html"],
    ):
        ran = shell.json(command[0], evidence, *command[1:])
        assert ran.code == 0, ran
        judged(ran, "orders")
    assert "judged by the ledger" in (tmp_path / "r.html").read_text(encoding="utf-8")
    judged(shell.json("case", evidence, "--replay"), "orders")
    assert {each["projection"] for each in shell.json("lag", store_url).document["projections"]} == {
        "order_totals", "converted_totals", "parcels", "order_totals_v1",
    }  # fmt: skip
    for table in (order_totals, order_totals_v1):
        before = rows_of(store_url, table)
        written(store_url, f"DELETE FROM {table.name} WHERE order_id = 'o002'")
        ran = shell.json("rebuild", store_url, "--projection", table.name)
        assert ran.code == 0, ran
        assert rows_of(store_url, table) == before
    wrong = shell.json("rebuild", store_url, "--projection", "account_balances")
    assert wrong.code == 2
    assert "in the domain orders: there are converted_totals, order_totals, order_totals_v1, parcels" in wrong.err


def test_a_damaged_read_model_that_no_other_claim_vouches_for_is_found_and_held_back(
    shell: Shell, sqlite_url: str, tmp_path: Path
) -> None:
    """The shop keeps one read model: that the log was rewritten and it remembers can't be excluded."""
    a_shop(sqlite_url)
    written(sqlite_url, "UPDATE order_totals SET total_cents = total_cents + 300 WHERE order_id = 'o007'")
    ran = shell.json("investigate", sqlite_url, "--account", "o007", "--out", tmp_path / "case")
    document = judged(ran, "orders")
    assert (document["delta"], document["repair"]["applied"], document["verified"]) == (300, False, False), ran.err
    evidence = tmp_path / "case" / "evidence"
    [row] = shell.json("diff", evidence).document["rows"]
    assert (row["account"], row["source"], row["delta"]) == ("o007", "order_totals", 300)
    digest = Evidence.open(evidence).digest
    ran = shell.json("repair", evidence, "--store", sqlite_url, "--operator", "ada", "--apply", "--digest", digest)
    assert (ran.code, [step["state"] for step in judged(ran, "orders")["plan"]]) == (1, ["held back"])


def test_a_document_has_nothing_to_sum_and_is_replayed_all_the_same(
    shell: Shell, store_url: str, tmp_path: Path
) -> None:
    a_document(store_url)
    evidence = tmp_path / "evidence"
    assert judged(shell.json("capture", store_url, "--into", evidence), "document")["accounts"] == 0
    ran = shell.json("diff", evidence)
    assert judged(ran, "document")["compared"] == 0
    assert "there is nothing to sum" in ran.err
    replayed = judged(shell.json("replay", evidence, "--account", "minutes"), "document")
    assert (replayed["balance"], replayed["events"], replayed["version"]) == (None, 3, 3)
    assert [line["text"] for line in replayed["state"]["lines"]] == ["We met at noon."]
    earlier = shell.json("replay", evidence, "--account", "minutes", "--version", 2).document
    assert [line["text"] for line in earlier["state"]["lines"]] == ["We met."]
    assert "no stream" in shell.json("replay", evidence, "--account", "minute").document["error"]
    assert shell.json("case", evidence, "--replay").code == 0
    for command in (["verify"], ["diagnose"]):
        assert judged(shell.json(command[0], evidence), "document")
    assert shell.json("investigate", store_url, "--out", tmp_path / "case").code == 0
    assert "no projection has ever run" in shell.json("lag", store_url).document["error"]
    rebuilt = shell.json("rebuild", store_url, "--projection", "account_balances")
    assert (rebuilt.code, "in the domain document: it has none" in rebuilt.err) == (2, True)
    taken = shell.json("take-snapshots", store_url, "--every", 2).document
    assert taken == {"projection": "snapshots of Document", "events": 3, "checkpoint": 3}


def test_activity_is_judged_by_what_users_spent(shell: Shell, store_url: str, tmp_path: Path) -> None:
    some_activity(store_url)
    evidence = tmp_path / "evidence"
    judged(shell.json("capture", store_url, "--into", evidence), "activity")
    replayed = judged(shell.json("replay", evidence, "--account", "ada"), "activity")
    assert (replayed["balance"], replayed["currency"], replayed["state"]) == (450, "CHF", None)
    before = rows_of(store_url, user_activity_by_region)
    assert shell.json("rebuild", store_url, "--projection", "user_activity_by_region").code == 0
    assert rows_of(store_url, user_activity_by_region) == before
    several = shell.json("take-snapshots", store_url)
    assert (several.code, "--category: the domain activity has Session, Profile" in several.err) == (2, True)
    assert shell.json("take-snapshots", store_url, "--category", "Session").code == 0
    kept = shell.json("keep-read-model", store_url, "--projection", UserActivityByRegion.name, "--into", tmp_path / "k")
    assert (kept.code, kept.document["position"]) == (0, 4)
    pending = shell.json("pending", store_url)
    assert (pending.code, "the domain activity holds no money back" in pending.err) == (2, True)


def test_shapes_upcasters_and_compaction_work_on_any_domain(shell: Shell, sqlite_url: str, tmp_path: Path) -> None:
    a_shop(sqlite_url)
    new = tmp_path / "new.db"
    compacted = shell.json("compact", sqlite_url, "--into", new)
    assert (compacted.code, compacted.document["verified"]) == (0, True)
    assert "OrderViewed" not in str(shell.json("shapes", new).document)
    captured = judged(shell.json("capture", new, "--into", tmp_path / "evidence"), "orders")
    assert captured["domain"] == "orders", "what the log says of itself belongs to no domain"
    measured = shell.json("snapshot-frequency", "--url", sqlite_url, "--loads", 1, "--limit-ms", 1000)
    assert (measured.code, measured.document["profile"]) == (0, "20 streams of Order")


def test_a_projection_has_one_name_whichever_domain_it_is_of() -> None:
    names = Counter(name for domain in DOMAINS.values() for name in domain.read_models)
    assert max(names.values()) == 1
    for domain in DOMAINS.values():
        assert all(name == each.projection().name for name, each in domain.read_models.items())
    assert OrderTotals.name in names


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_a_domains_ledger_knows_every_type_that_its_code_reads(name: str) -> None:
    ledger = LedgerDefinition.load(DOMAINS[name].ledger)
    assert ledger.name == name
    assert {rule.event for rule in ledger.posting} | set(ledger.without_posting) == DOMAINS[name].event_types()
