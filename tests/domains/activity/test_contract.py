"""The read model depends on the public contract alone: aggregates may change all the rest."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from typing import Any, ClassVar

import msgspec
import pytest
from activity_log import runner_of, tables
from sqlalchemy import select

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.aggregates.repository import Repository
from esworkbench.domains.activity.activity import Activity
from esworkbench.domains.activity.commands import LogIn, Pay, PutInBasket, UpdateProfile
from esworkbench.domains.activity.contracts import PUBLIC_EVENT_TYPES, UserPurchased, contract_decoder
from esworkbench.event_store import EventStore
from esworkbench.events import DomainEvent, EventTypes
from esworkbench.projections.tables import dead_letters
from esworkbench.upcasters import EventDecoder, UpcasterChain
from esworkbench.upcasters.one_payload import upcast
from tests.support import StepClock

FROZEN: dict[tuple[str, int], dict[str, Any]] = {
    ("UserLoggedIn", 1): {"user_id": "ada", "profile_version": 3},
    ("UserProfileUpdated", 1): {"user_id": "ada", "profile_version": 3, "region": "north"},
    ("UserPurchased", 1): {"purchase_id": "p1", "user_id": "ada", "amount_minor": 750, "currency": "EUR"},
    ("UserReferralSubmitted", 1): {"referral_id": "r1", "user_id": "ada"},
}
"""Each version ever published, as it was. Add one; never change one."""


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url, clock=StepClock())
    yield store
    store.engine.dispose()


@pytest.mark.parametrize(("event_type", "version"), FROZEN)
def test_every_version_ever_published_can_still_be_read(event_type: str, version: int) -> None:
    latest = PUBLIC_EVENT_TYPES.class_of(event_type)
    payload = FROZEN[event_type, version]
    decoder = contract_decoder()
    shaped = upcast(decoder.upcasters, event_type, version, dict(payload), to_version=latest.schema_version)
    event = decoder.event_types.decode(event_type, shaped)
    if version == latest.schema_version:
        assert msgspec.to_builtins(event) == payload


def test_what_is_published_today_is_frozen() -> None:
    """A field that came, went or changed its type without a new version shows here."""
    for name in PUBLIC_EVENT_TYPES.names():
        published = PUBLIC_EVENT_TYPES.class_of(name)
        frozen = FROZEN[name, published.schema_version]
        fields = {field.name: (field.type, field.required) for field in msgspec.structs.fields(published)}
        assert fields == {field: (type(value), True) for field, value in frozen.items()}


def test_every_public_field_says_what_it_means() -> None:
    for name in PUBLIC_EVENT_TYPES.names():
        published = PUBLIC_EVENT_TYPES.class_of(name)
        for field in published.__struct_fields__:
            assert f"``{field}``:" in (published.__doc__ or ""), f"{name}.{field}"


def test_the_read_model_loads_no_aggregate_and_no_command() -> None:
    inside = "import sys, esworkbench.domains.activity.read_models; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", inside], stdout=subprocess.PIPE, encoding="utf-8", check=True)
    write_side = {"aggregates", "repository", "commands", "domains.activity.aggregates", "domains.activity.activity"}
    assert write_side.isdisjoint(name.removeprefix("esworkbench.") for name in loaded.stdout.split())


class BasketChanged(DomainEvent, frozen=True, kw_only=True):
    """What the next release keeps privately: the whole basket, under other names."""

    articles: dict[str, int]
    iso_currency: str


class RewrittenPurchase(Aggregate):
    """The purchase with another inside: other private events, other attributes, the same public event."""

    category: ClassVar[str] = "Purchase"

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self._basket = BasketChanged(articles={}, iso_currency="")

    def apply(self, event: DomainEvent) -> None:
        if isinstance(event, BasketChanged):
            self._basket = event

    def state(self) -> dict[str, Any]:
        return {"basket": msgspec.to_builtins(self._basket)}

    def change_basket(self, article: str, price_minor: int, currency: str) -> None:
        self.record(BasketChanged(articles={**self._basket.articles, article: price_minor}, iso_currency=currency))

    def settle(self, user_id: str) -> None:
        total, currency = sum(self._basket.articles.values()), self._basket.iso_currency
        self.record(UserPurchased(purchase_id=self.id, user_id=user_id, amount_minor=total, currency=currency))


def test_an_aggregate_rewritten_inside_leaves_the_read_model_unharmed(store: EventStore) -> None:
    activity = Activity(store)
    session: dict[str, str] = {"session_id": "s1", "user_id": "ada"}
    activity.handle(UpdateProfile(user_id="ada", region="north"))
    activity.handle(LogIn(**session))
    activity.handle(PutInBasket(**session, purchase_id="p1", article="tea", price_minor=300, currency="EUR"))
    activity.handle(Pay(**session, purchase_id="p1"))

    own = EventDecoder(EventTypes(BasketChanged, UserPurchased), UpcasterChain())
    purchases = Repository(store, RewrittenPurchase, own)
    purchase = purchases.load_or_new("p2")
    purchase.change_basket("tea", 300, "EUR")
    purchase.change_basket("cup", 450, "EUR")
    purchase.settle("ada")
    purchases.save(purchase, metadata={"correlation_id": "s1"})

    runner_of(store).catch_up()
    day = date(2026, 1, 1)
    assert tables(store)["user_activity_by_region"] == [
        ("north", day, "EUR", 0, 2, 1050, 0, 1),
        ("north", day, "XXX", 1, 0, 0, 0, 1),
    ]
    with store.engine.connect() as connection:
        assert connection.execute(select(dead_letters)).all() == []
