"""The composition root: the one place where a domain's code is chosen, and always by name.

Everything below works on any domain and is given what it needs from one; whatever works on a store asks here. A domain
is named on the command line, or recognised from the event types in a log, or read from a manifest; a name chooses only
among those built in here. ``module:object`` is loaded only if the command line names it. A manifest records such a
reference as text, and nothing is imported from a manifest, a case or a ledger. (Seemann, *Dependency Injection*: one
composition root, as near to the entry point as can be.)
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, Unpack

from sqlalchemy import Engine

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.cqrs.queries import Answer
from esworkbench.domains.activity.activity import activity_decoder
from esworkbench.domains.activity.aggregates import Profile, Purchase, Referral, Session
from esworkbench.domains.activity.contracts import contract_decoder
from esworkbench.domains.activity.read_models import UserActivityByRegion
from esworkbench.domains.bank import Bank, BankAccount, bank_decoder
from esworkbench.domains.bank.compensate import BankCompensator
from esworkbench.domains.bank.queries import BankQueries, Hold, PendingWithdrawalsOlderThan
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.domains.bank.read_models.set_based import BANK_QUERIES
from esworkbench.domains.document import Document, document_decoder
from esworkbench.domains.orders import Order, order_decoder
from esworkbench.domains.orders.contracts import contract_v1_decoder
from esworkbench.domains.orders.read_models import ORDER_PROJECTIONS, OrderTotalsV1
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.database import described, parse_url
from esworkbench.events import LOG_RECORDS, EventTypes
from esworkbench.evidence.capturing.shipped_ledgers import NO_LEDGER, shipped_ledger
from esworkbench.projections import Projection
from esworkbench.projections.set_based import SetBased
from esworkbench.resources import data_path
from esworkbench.upcasters import EventDecoder, UpcasterChain

if TYPE_CHECKING:  # only whoever has evidence loads what reads it: a monitor that asks for a domain has none
    from esworkbench.evidence import Evidence
    from esworkbench.forensics.diagnosis.findings import Diagnosis
    from esworkbench.forensics.diagnosis.replay_with_code import Code
    from esworkbench.forensics.investigation.investigate import Handlers
    from esworkbench.forensics.repair.apply import Copied, Repaired
    from esworkbench.forensics.repair.plan import Compensator, RepairPlan


class CaptureOptions(TypedDict, total=False):
    """What else ``evidence.capture`` takes, with the meaning and defaults it has there."""

    layout: str | None
    progress: bool
    buckets: int
    rate_limit: float | None
    give_up_after: float
    clock: Callable[[], datetime]


Projections = Mapping[str, Callable[[], Projection]]
Holds = Callable[[Engine, timedelta, datetime], Answer[list[Hold]]]


class ReadModelCode(NamedTuple):
    """How to make a projection, and the decoder that feeds it, in any process: functions that can be imported.

    ``query`` gives the same rows as one query over all events, if the projection has such a definition.
    """

    projection: Callable[[], Projection]
    decoder: Callable[[], EventDecoder]
    query: Callable[[Any], SetBased] | None = None


class Domain(NamedTuple):
    """What the bench may use from a domain.

    ``decoder`` reads every event ever stored. ``account`` is the aggregate whose id is the ledger's account, or
    None. ``read_models`` go by their projection's name. ``compensator`` makes the one that appends corrections,
    ``holds`` finds what is held for longer than a limit, as of a moment: each None where the domain has no such thing.
    """

    name: str
    ledger: Path
    decoder: Callable[[], EventDecoder]
    aggregates: tuple[type[Aggregate], ...]
    account: type[Aggregate] | None = None
    read_models: Mapping[str, ReadModelCode] = {}
    compensator: Callable[[EventStore], "Compensator"] | None = None
    holds: Holds | None = None

    def event_types(self) -> frozenset[str]:
        """Every event type its log may hold, including those of the past."""
        decoder = self.decoder()
        return frozenset([*decoder.event_types.names(), *(step.event_type for step in decoder.upcasters)])

    def read_model(self, projection: str) -> ReadModelCode:
        """How to make one of its read models. Raises UnusableInput naming those that exist."""
        if projection not in self.read_models:
            there = f"there are {', '.join(sorted(self.read_models))}" if self.read_models else "it has none"
            raise UnusableInput(f"there is no projection {projection!r} in the domain {self.name}: {there}")
        return self.read_models[projection]

    def aggregate(self, category: str | None) -> type[Aggregate]:
        """The aggregate of that category, or its only one. Raises UnusableInput naming those that exist."""
        by_category = {each.category: each for each in self.aggregates}
        if category is None and len(by_category) == 1:
            return self.aggregates[0]
        if category is None or category not in by_category:
            what = "say which aggregates with --category" if category is None else f"there is no category {category!r}"
            raise UnusableInput(f"{what}: the domain {self.name} has {', '.join(by_category)}")
        return by_category[category]


def _bank_holds(engine: Engine, limit: timedelta, now: datetime) -> Answer[list[Hold]]:
    return BankQueries(engine, clock=lambda: now).ask(PendingWithdrawalsOlderThan(limit=limit, now=now))


DOMAINS = {
    domain.name: domain
    for domain in (
        Domain(
            "bank",
            data_path("ledgers", "bank.toml"),
            bank_decoder,
            (BankAccount,),
            account=BankAccount,
            read_models={
                name: ReadModelCode(projection, bank_decoder, BANK_QUERIES.get(name))
                for name, projection in BANK_PROJECTIONS.items()
            },
            compensator=lambda store: BankCompensator(Bank(store)),
            holds=_bank_holds,
        ),
        Domain(
            "orders",
            data_path("ledgers", "orders.toml"),
            order_decoder,
            (Order,),
            account=Order,
            read_models={
                **{name: ReadModelCode(projection, order_decoder) for name, projection in ORDER_PROJECTIONS.items()},
                OrderTotalsV1.name: ReadModelCode(OrderTotalsV1, contract_v1_decoder),
            },
        ),
        Domain(
            "activity",
            data_path("ledgers", "activity.toml"),
            activity_decoder,
            (Session, Profile, Purchase, Referral),
            read_models={UserActivityByRegion.name: ReadModelCode(UserActivityByRegion, contract_decoder)},
        ),
        Domain("document", data_path("ledgers", "document.toml"), document_decoder, (Document,), account=Document),
    )
}
"""Every domain that is built in, by name."""


def domain_named(reference: str) -> Domain:
    """A built-in domain by its name, or a ``Domain`` of yours as module:object. Only for what a person typed."""
    if ":" in reference:
        found = loaded(reference, "--domain")
        if not isinstance(found, Domain):
            raise UnusableInput(f"--domain {reference!r} is not an {Domain.__module__}.Domain")
        return found
    if reference not in DOMAINS:
        raise UnusableInput(f"there is no domain {reference!r}; there are {', '.join(DOMAINS)}, or write module:object")
    return DOMAINS[reference]


def recognised(event_types: Collection[str]) -> Domain | None:
    """The one built-in domain whose ledger fits a log with these event types; None if there isn't exactly one."""
    ledger = shipped_ledger(event_types)
    return next((domain for domain in DOMAINS.values() if domain.ledger == ledger), None)


def domain_of_store(url: str, named: str | None = None, *, instead: str = "") -> Domain:
    """The domain that was typed, or the one a store's log belongs to. Raises UnusableInput, saying what to type.

    ``instead`` is what else may be typed, if anything else will do.
    """
    if named is not None:
        return domain_named(named)
    from esworkbench.evidence.capturing.opening import event_types_in

    event_types = event_types_in(url)
    found = recognised(event_types)
    if found is None:
        raise UnusableInput(f"{_whose(event_types, url)}: say whose code is meant with --domain {_choices()}{instead}")
    return found


def domain_of(evidence: "Evidence", named: str | None = None) -> Domain | None:
    """The domain that was typed, else the one that the manifest names; where it names none, by the event types.

    None if there is no code for it: then postings are stepped through, and repairs are planned in words.
    """
    if named is not None:
        return domain_named(named)
    from esworkbench.evidence.capturing.capture import OWN_LAYOUT

    manifest = evidence.manifest
    if manifest.layout != OWN_LAYOUT:
        return None
    if manifest.domain is None:
        return recognised({event_type for (event_type,) in evidence.rows("SELECT DISTINCT type FROM events")})
    return DOMAINS.get(manifest.domain)


def capture(
    source: str,
    into: Path | str,
    *,
    ledger: Path | str | None = None,
    domain: str | None = None,
    **options: Unpack[CaptureOptions],
) -> "Evidence":
    """Like ``evidence.capture``, which gets ``options``; a built-in domain's store is judged by that domain's ledger.

    ``domain`` is a name or module:object, as a person types it. A log without events needs no ledger. Raises
    UnusableInput for a store whose event types belong to no domain that is built in, or to several, and that came
    without a ledger and without a domain.
    """
    from esworkbench.evidence.capturing.capture import capture as freeze
    from esworkbench.evidence.capturing.opening import event_types_in, is_database

    if not is_database(source):
        if domain is not None:
            raise UnusableInput(f"{source} is read as a delimited file, which belongs to no domain: leave --domain out")
        return freeze(source, into, ledger=ledger, **options)
    event_types = frozenset() if domain else event_types_in(source)
    found = domain_named(domain) if domain else recognised(event_types)
    if ledger is not None:
        return freeze(source, into, ledger=ledger, domain=domain or (found and found.name), **options)
    if found is None and event_types <= LOG_RECORDS:
        return freeze(source, into, ledger=NO_LEDGER, ledger_origin="because the log holds no event", **options)
    if found is None:
        raise UnusableInput(
            f"{_whose(event_types, source)}, and no ledger is assumed: say whose it is with --domain {_choices()}, or "
            "what its events post with --ledger FILE"
        )
    origin = f"the one that the domain {found.name} ships, " + ("as typed" if domain else "by the log's event types")
    return freeze(source, into, ledger=found.ledger, ledger_origin=origin, domain=domain or found.name, **options)


def capture_to_verify(
    source: str, into: Path | str, *, ledger: Path | str | None = None, domain: str | None = None
) -> "Evidence":
    """Like ``capture``, for verifying the chain alone: that needs no ledger, so anybody's store will do."""
    from esworkbench.evidence.capturing.capture import capture as freeze
    from esworkbench.evidence.capturing.opening import event_types_in, is_database

    if is_database(source) and ledger is None and domain is None and recognised(event_types_in(source)) is None:
        return freeze(source, into, ledger=NO_LEDGER, ledger_origin="because none is known for these events")
    return capture(source, into, ledger=ledger, domain=domain)


def repair(
    evidence: "Evidence",
    store: EventStore,
    *,
    operator: str,
    apply: bool = False,
    digest: str | None = None,
    domain: str | None = None,
    account: str | None = None,
    diagnosis: "Diagnosis | None" = None,
    copied: "Copied | None" = None,
    show: "Callable[[RepairPlan], None] | None" = None,
) -> "Repaired":
    """Plan how what ``diagnose`` found is put right; with ``apply`` do it, then capture and diagnose the store anew.

    ``store`` is the one that the evidence was captured from, and ``operator`` answers for what is appended to it.
    ``digest`` is the evidence's, as its capture printed it: nothing is applied without. ``domain`` is as for
    ``capture``; without one, steps that need its code are planned in words, for somebody's hands. With ``account`` only
    what concerns it is planned. ``diagnosis`` is the evidence's, where it is at hand; ``copied`` is given where the
    store is a scratch copy; ``show`` sees the plan before anything is done. Safe to run twice. Raises UnusableInput for
    another store, or where ``apply`` comes without the digest.
    """
    from esworkbench.forensics.diagnosis.diagnose import diagnose
    from esworkbench.forensics.repair.apply import Repaired, require_digest, require_same_store
    from esworkbench.forensics.repair.apply import apply as carry_out
    from esworkbench.forensics.repair.plan import plan

    if apply:
        if digest is None:
            raise UnusableInput(
                f"nothing is applied without the digest that the capture of {evidence.path} printed: --digest"
            )
        require_digest(evidence, digest)
    require_same_store(evidence, store)
    code = domain_of(evidence, domain)
    compensator = code.compensator(store) if code and code.compensator else None
    found = copied.diagnosis if copied else diagnosis or diagnose(evidence)
    planned = plan(evidence, found, operator=operator, account=account, compensator=compensator)
    if show is not None:
        show(planned)
    if not apply or digest is None:
        return Repaired.not_applied(planned, found)
    return carry_out(
        planned, store, evidence, digest=digest, projections=projections_of(code), decoder=decoder_of(code),
        compensator=compensator, copied=copied,
    )  # fmt: skip


def handlers_for(domain: Domain | None) -> "Handlers | None":
    """The apply path behind the ledger's accounts, where there is one."""
    from esworkbench.forensics.investigation.investigate import Handlers

    return Handlers(domain.account, domain.decoder()) if domain and domain.account else None


def projections_of(domain: Domain | None) -> Projections:
    """The read models that read the log through the domain's own decoder, by name."""
    if domain is None:
        return {}
    return {name: each.projection for name, each in domain.read_models.items() if each.decoder is domain.decoder}


def decoder_of(domain: Domain | None) -> EventDecoder:
    """What reads the log; without a domain it knows no event."""
    return domain.decoder() if domain else EventDecoder(EventTypes(), UpcasterChain())


def code_named(reference: str, domain: Domain | None) -> "Code":
    """A read model's own code: a built-in one by its name, or module:object of a Projection or a function making one.

    The latter only for what a person typed. Raises UnusableInput.
    """
    from esworkbench.forensics.diagnosis.replay_with_code import Code

    if ":" not in reference:
        if domain is None:
            raise UnusableInput(
                f"there is no telling whose read model {reference!r} is: write module:object, or add --domain"
            )
        built_in = domain.read_model(reference)
        return Code(built_in.projection, built_in.decoder())
    factory = loaded(reference, "--projection")
    if not callable(factory) or not isinstance(factory(), Projection):
        raise UnusableInput(f"--projection {reference!r} doesn't make a Projection")
    return Code(factory, decoder_of(domain))


def loaded(reference: str, option: str, form: str = "module:object") -> Any:
    """What ``module:object`` names. Only for something typed on the command line, after ``option``."""
    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnusableInput(f"{option} {reference!r} names no code ({error}): write it as {form}") from None


def _whose(event_types: Collection[str], source: str) -> str:
    told = sorted(set(event_types) - LOG_RECORDS)
    where = described(parse_url(source))
    if not told:
        return f"{where} holds no event yet, so there is no telling whose store it is"
    named = ", ".join(told[:5]) + (" …" if len(told) > 5 else "")
    known = [name for name, domain in DOMAINS.items() if domain.event_types() & set(told)]
    if len(known) > 1:
        return f"the event types in {where} ({named}) belong to several domains ({', '.join(known)})"
    if known:
        return f"the domain {known[0]} knows too few of the event types in {where} ({named}) for a store of its own"
    return f"the event types in {where} ({named}) belong to no domain that is built in"


def _choices() -> str:
    return "|".join(DOMAINS)
