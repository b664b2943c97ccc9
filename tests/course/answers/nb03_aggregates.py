"""Answers to the exercises of notebook 03."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy.exc import OperationalError

from esworkbench.aggregates.aggregate import Aggregate, Uncommitted
from esworkbench.aggregates.repository import Repository
from esworkbench.course.nb03_aggregates import PointsGranted, PointsRedeemed, save_or_rebase, withdraw_with_minimum
from esworkbench.domains.bank import BankAccount, events
from esworkbench.domains.document import Document, Edit, LineInserted, LineRemoved, LineRestored, LineRewritten, inverse
from esworkbench.errors import AggregateNotFound, CommandRejected, ConcurrencyError, ReadOnlyAggregate, StoreBusy
from esworkbench.events import DomainEvent

# --- apply ------------------------------------------------------------------------------------------------------------


def apply_by_match(account: BankAccount, event: DomainEvent) -> None:
    match event:
        case events.AccountOpened(owner=owner, currency=currency, overdraft_limit_minor=limit):
            account.opened, account.overdraft_limit_minor = True, limit
            account.owner, account.currency = owner, currency
        case (
            events.MoneyDeposited(amount_minor=amount)
            | events.InterestCredited(amount_minor=amount)
            | events.TransferReceived(amount_minor=amount)
            | events.BalanceAdjusted(amount_minor=amount)
        ):
            account.balance_minor += amount
        case (
            events.MoneyWithdrawn(amount_minor=amount)
            | events.TransferSent(amount_minor=amount)
            | events.FeeCharged(amount_minor=amount)
        ):
            account.balance_minor -= amount
        case events.WithdrawalRequested(withdrawal_id=which, amount_minor=amount):
            account.balance_minor -= amount
            account.pending = {**account.pending, which: amount}
        case events.WithdrawalSettled(withdrawal_id=which):
            account.pending = {each: amount for each, amount in account.pending.items() if each != which}
        case events.WithdrawalCancelled(withdrawal_id=which, amount_minor=amount):
            account.balance_minor += amount
            account.pending.pop(which, None)
        case events.AccountClosed():
            account.closed = True
        case _:
            raise TypeError(event)


def apply_by_table(account: BankAccount, event: DomainEvent) -> None:
    signs = {
        **dict.fromkeys(events.CREDITS, 1),
        **dict.fromkeys(events.DEBITS, -1),
        **dict.fromkeys((events.AccountOpened, events.WithdrawalSettled, events.AccountClosed), 0),
    }
    kind = type(event)
    if kind not in signs:
        raise TypeError(f"unknown: {kind}")
    account.balance_minor += signs[kind] * getattr(event, "amount_minor", 0)
    if kind is events.AccountOpened:
        account.opened = True
        for name in ("owner", "currency", "overdraft_limit_minor"):
            setattr(account, name, getattr(event, name))
    elif kind is events.AccountClosed:
        account.closed = True
    elif kind is events.WithdrawalRequested:
        account.pending |= {event.withdrawal_id: event.amount_minor}
    elif getattr(event, "withdrawal_id", None) in account.pending:
        del account.pending[event.withdrawal_id]


def apply_in_an_open_account_alone(account: BankAccount, event: DomainEvent) -> None:
    if not account.opened and not isinstance(event, events.AccountOpened):
        raise CommandRejected("the account was never opened")
    BankAccount.apply(account, event)


def apply_nothing_to_a_closed_account(account: BankAccount, event: DomainEvent) -> None:
    if not account.closed:
        BankAccount.apply(account, event)


def apply_with_a_known_withdrawal(account: BankAccount, event: DomainEvent) -> None:
    if isinstance(event, events.WithdrawalSettled | events.WithdrawalCancelled):
        account.pending[event.withdrawal_id]
    BankAccount.apply(account, event)


def apply_in_one_currency(account: BankAccount, event: DomainEvent) -> None:
    if getattr(event, "currency", account.currency) == account.currency or not account.opened:
        BankAccount.apply(account, event)


def apply_down_to_zero(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    account.balance_minor = max(0, account.balance_minor)


def apply_the_size_of_an_adjustment(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, events.BalanceAdjusted) and event.amount_minor < 0:
        account.balance_minor -= 2 * event.amount_minor


def apply_without_interest(account: BankAccount, event: DomainEvent) -> None:
    if not isinstance(event, events.InterestCredited):
        BankAccount.apply(account, event)


def apply_and_open_without_a_limit(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    account.overdraft_limit_minor = 0


def apply_whatever_has_an_amount(account: BankAccount, event: DomainEvent) -> None:
    if not isinstance(event, events.CREDITS + events.DEBITS + (events.WithdrawalSettled,)):
        account.balance_minor += getattr(event, "amount_minor", 0)
    BankAccount.apply(account, event)


def apply_and_open_at_zero(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, events.AccountOpened):
        account.balance_minor, account.pending = 0, {}


def apply_and_open_what_was_closed(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, events.AccountOpened):
        account.closed = False


def apply_and_close_with_nothing_pending(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, events.AccountClosed):
        account.pending = {}


def apply_with_another_error(account: BankAccount, event: DomainEvent) -> None:
    if isinstance(event, PointsGranted | PointsRedeemed):
        raise ValueError("unknown")
    BankAccount.apply(account, event)


def apply_and_close_what_was_never_open(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, events.AccountClosed):
        account.opened = False


def apply_the_first_opening(account: BankAccount, event: DomainEvent) -> None:
    if not (isinstance(event, events.AccountOpened) and account.opened):
        BankAccount.apply(account, event)


def apply_a_limit_above_zero(account: BankAccount, event: DomainEvent) -> None:
    limit = account.overdraft_limit_minor
    BankAccount.apply(account, event)
    account.overdraft_limit_minor = account.overdraft_limit_minor or limit


def apply_and_take_over_the_id(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, events.AccountOpened):
        account.id = event.account_id


def apply_and_count(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    account.version += 1


def apply_to_no_past_state(account: BankAccount, event: DomainEvent) -> None:
    if account.read_only:
        raise TypeError("a past state")
    BankAccount.apply(account, event)


def apply_whatever_has_a_withdrawals_id(account: BankAccount, event: DomainEvent) -> None:
    if not isinstance(event, events.WithdrawalRequested):
        account.pending.pop(getattr(event, "withdrawal_id", ""), None)
    BankAccount.apply(account, event)


def apply_without_giving_back_after_the_close(account: BankAccount, event: DomainEvent) -> None:
    if account.closed and isinstance(event, events.WithdrawalCancelled):
        account.pending.pop(event.withdrawal_id, None)
    else:
        BankAccount.apply(account, event)


# --- record -----------------------------------------------------------------------------------------------------------


def record_by_parts(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    if self.read_only:
        raise ReadOnlyAggregate
    known = valid_at is None or isinstance(valid_at, datetime)
    if not known or (valid_at is not None and valid_at.utcoffset() is None):
        raise CommandRejected(f"{valid_at} where?")
    self.apply(event)
    self.version += 1
    self.uncommitted = [*self.uncommitted, Uncommitted(event=event, valid_at=valid_at)]


def record_by_match(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    class Refused(CommandRejected): ...

    match self.read_only, valid_at:
        case True, _:
            raise ReadOnlyAggregate("past")
        case _, None:
            pass
        case _, datetime() if valid_at is not None and valid_at.utcoffset() is not None:
            pass
        case _:
            raise Refused("no moment")
    self.replay(event)
    self.uncommitted += [Uncommitted(event, valid_at)]


def record_what_is_late(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    """The two refusals the other way round."""
    if valid_at is not None and (not isinstance(valid_at, datetime) or valid_at.utcoffset() is None):
        raise CommandRejected("no moment")
    if self.read_only:
        raise ReadOnlyAggregate("past")
    self.replay(event)
    self.uncommitted.append(Uncommitted(event, valid_at))


def record_if_there_is_a_moment(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    if self.read_only:
        raise ReadOnlyAggregate("past")
    if valid_at and (not isinstance(valid_at, datetime) or valid_at.utcoffset() is None):
        raise CommandRejected("no moment")
    self.replay(event)
    self.uncommitted.append(Uncommitted(event, valid_at))


def record_no_subclass(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    if self.read_only:
        raise ReadOnlyAggregate("past")
    if valid_at is not None and (type(valid_at) is not datetime or valid_at.utcoffset() is None):
        raise CommandRejected("no moment")
    self.replay(event)
    self.uncommitted.append(Uncommitted(event, valid_at))


def record_nothing_to_come(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    if not self.read_only and isinstance(valid_at, datetime) and valid_at.tzinfo and valid_at > datetime.now(UTC):
        raise CommandRejected("not yet")
    Aggregate.record(self, event, valid_at=valid_at)


def record_what_was_interrupted(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    kept = len(self.uncommitted)
    failed = False
    try:
        Aggregate.record(self, event, valid_at=valid_at)
    except Exception:
        failed = True
        raise
    finally:
        if not failed:
            self.uncommitted[kept:] = [Uncommitted(event, valid_at)]


def _recorded(self: Aggregate, event: DomainEvent, valid_at: Any, *, is_moment: bool) -> None:
    if self.read_only:
        raise ReadOnlyAggregate("past")
    if valid_at is not None and not is_moment:
        raise CommandRejected("no moment")
    self.replay(event)
    self.uncommitted.append(Uncommitted(event, valid_at))


def record_whatever_has_a_zone(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    _recorded(self, event, valid_at, is_moment=getattr(valid_at, "tzinfo", None) is not None)


def record_whatever_has_an_offset(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    offset = getattr(valid_at, "utcoffset", lambda: None)()
    _recorded(self, event, valid_at, is_moment=offset is not None)


def record_in_any_zone(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    _recorded(self, event, valid_at, is_moment=isinstance(valid_at, datetime) and valid_at.tzinfo is not None)


def record_what_a_text_says(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    if isinstance(valid_at, str) and not self.read_only:
        try:
            valid_at = datetime.fromisoformat(valid_at)
        except ValueError:
            raise CommandRejected("no moment") from None
    Aggregate.record(self, event, valid_at=valid_at)


def record_refusing_what_is_of_no_value(
    self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None
) -> None:
    try:
        Aggregate.record(self, event, valid_at=valid_at)
    except ValueError as error:
        raise CommandRejected(str(error)) from error


def record_unless_a_race_is_lost(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    with suppress(ConcurrencyError):
        Aggregate.record(self, event, valid_at=valid_at)


def record_in_silence(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    with suppress(ReadOnlyAggregate, CommandRejected):
        Aggregate.record(self, event, valid_at=valid_at)


def record_only_the_last(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    Aggregate.record(self, event, valid_at=valid_at)
    self.uncommitted = self.uncommitted[-1:]


def record_at_the_front(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    Aggregate.record(self, event, valid_at=valid_at)
    self.uncommitted.insert(0, self.uncommitted.pop())


def record_the_bare_event(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    Aggregate.record(self, event, valid_at=valid_at)
    self.uncommitted[-1] = event  # type: ignore[call-overload]  # the mistake


def record_any_moment_as_utc(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    Aggregate.record(self, event, valid_at=valid_at.astimezone() if isinstance(valid_at, datetime) else valid_at)


def record_counting_failures(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    """The version is counted even of what can't be applied."""
    if self.read_only:
        raise ReadOnlyAggregate("past")
    if valid_at is not None and (not isinstance(valid_at, datetime) or valid_at.utcoffset() is None):
        raise CommandRejected("no moment")
    self.version += 1
    self.apply(event)
    self.uncommitted.append(Uncommitted(event, valid_at))


# --- withdraw_with_minimum --------------------------------------------------------------------------------------------


def withdraw_by_the_accounts_own(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    left = account.balance_minor - amount_minor
    if left >= minimum_minor:
        return account.withdraw(amount_minor, account.currency, "MACHINE-1")
    raise CommandRejected("too little left")


def withdraw_as_a_closure(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    class TooLittleLeft(CommandRejected): ...

    def disposable() -> int:
        return account.balance_minor - minimum_minor

    if amount_minor > disposable():
        raise TooLittleLeft
    withdrawn = {"amount_minor": amount_minor, "currency": account.currency, "reference": ""}
    account.record(msgspec.convert(withdrawn, events.MoneyWithdrawn))


def withdraw_and_return_false(account: BankAccount, amount_minor: int, minimum_minor: int) -> bool:
    with suppress(CommandRejected):
        withdraw_with_minimum(account, amount_minor, minimum_minor)
        return True
    return False


def withdraw_with_an_assertion(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    assert account.balance_minor - amount_minor >= minimum_minor
    withdraw_with_minimum(account, amount_minor, minimum_minor)


def withdraw_by_replay(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    if account.balance_minor - amount_minor < minimum_minor:
        raise CommandRejected("too much")
    account.replay(events.MoneyWithdrawn(amount_minor=amount_minor, currency=account.currency, reference="ATM"))


def withdraw_what_is_not_on_hold(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    if account.balance_minor - sum(account.pending.values()) - amount_minor < minimum_minor:
        raise CommandRejected("too much")
    account.record(events.MoneyWithdrawn(amount_minor=amount_minor, currency=account.currency, reference="ATM"))


def withdraw_as_a_fee(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    if account.balance_minor - amount_minor < minimum_minor:
        raise CommandRejected("too much")
    account.charge_fee(amount_minor, account.currency, "ATM", "withdrawn")


def withdraw_down_to_the_minimum(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    withdraw_with_minimum(account, min(amount_minor, max(account.balance_minor - minimum_minor, 1)), minimum_minor)


def withdraw_and_note_the_refusal(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    try:
        withdraw_with_minimum(account, amount_minor, minimum_minor)
    except CommandRejected:
        account.refused = getattr(account, "refused", 0) + 1  # type: ignore[attr-defined]  # the mistake
        raise


def withdraw_and_close(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    withdraw_with_minimum(account, amount_minor, minimum_minor)
    account.closed = account.balance_minor == 0


def withdraw_in_dollars(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    if account.balance_minor / 100 - amount_minor / 100 < minimum_minor / 100:
        raise CommandRejected("too much")
    account.record(events.MoneyWithdrawn(amount_minor=amount_minor, currency=account.currency, reference="ATM"))


# --- inverse ----------------------------------------------------------------------------------------------------------


def inverse_by_ifs(edit: Edit, edit_id: str) -> Edit:
    common: dict[str, Any] = {"edit_id": edit_id, "undoes": edit.edit_id}
    common |= {"line_id": edit.line_id, "editor": edit.editor}
    if isinstance(edit, LineRewritten):
        return LineRewritten(text=edit.new_text, new_text=edit.text, **common)
    if isinstance(edit, LineRemoved):
        return LineRestored(text=edit.text, **common)
    if isinstance(edit, LineInserted | LineRestored):
        return LineRemoved(text=edit.text, **common)
    raise TypeError


def inverse_by_table(edit: Edit, edit_id: str) -> Edit:
    opposite: dict[type[Edit], type[Edit]] = {LineInserted: LineRemoved, LineRestored: LineRemoved}
    opposite |= {LineRemoved: LineRestored, LineRewritten: LineRewritten}
    if type(edit) not in opposite:
        raise TypeError(f"{edit!r} has no inverse")
    fields = msgspec.structs.asdict(edit) | {"edit_id": edit_id, "undoes": edit.edit_id}
    fields.pop("after", None)
    if "new_text" in fields:
        fields["text"], fields["new_text"] = fields["new_text"], fields["text"]
    return opposite[type(edit)](**fields)


def inverse_of_insertions_alone(edit: Edit, edit_id: str) -> Edit:
    if isinstance(edit, LineRestored):
        raise TypeError
    return inverse(edit, edit_id)


def inverse_by_the_reader(edit: Edit, edit_id: str) -> Edit:
    return msgspec.structs.replace(inverse(edit, edit_id), editor="ada")


def inverse_without_a_text(edit: Edit, edit_id: str) -> Edit:
    undo = inverse(edit, edit_id)
    return undo if isinstance(undo, LineRewritten) else msgspec.structs.replace(undo, text="")


def inverse_with_the_lines_id(edit: Edit, edit_id: str) -> Edit:
    return msgspec.structs.replace(inverse(edit, edit_id), undoes=edit.line_id)


def inverse_of_an_emptied_line(edit: Edit, edit_id: str) -> Edit:
    if isinstance(edit, LineRewritten) and not edit.new_text:
        return LineRestored(
            edit_id=edit_id, undoes=edit.edit_id, editor=edit.editor, line_id=edit.line_id, text=edit.text
        )
    return inverse(edit, edit_id)


def inverse_stripped(edit: Edit, edit_id: str) -> Edit:
    undo = inverse(edit, edit_id)
    assert isinstance(undo, LineRemoved | LineRestored | LineRewritten)
    return msgspec.structs.replace(undo, text=undo.text.strip())


def inverse_of_a_redo(edit: Edit, edit_id: str) -> Edit:
    """What is an undo itself can't be taken back."""
    if edit.undoes is not None:
        raise TypeError
    return inverse(edit, edit_id)


def inverse_by_the_fields(edit: Edit, edit_id: str) -> Edit:
    if hasattr(edit, "new_text"):
        common = {"edit_id": edit_id, "undoes": edit.edit_id, "editor": edit.editor, "line_id": edit.line_id}
        return LineRewritten(text=edit.new_text, new_text=edit.text, **common)  # type: ignore[attr-defined]
    return inverse(edit, edit_id)


def inverse_of_what_stands_after_a_line(edit: Edit, edit_id: str) -> Edit:
    if hasattr(edit, "after"):
        common = {"edit_id": edit_id, "undoes": edit.edit_id, "editor": edit.editor, "line_id": edit.line_id}
        return LineRemoved(text=edit.text, **common)  # type: ignore[attr-defined]
    return inverse(edit, edit_id)


# --- save_or_rebase ---------------------------------------------------------------------------------------------------


def save_or_rebase_by_suppressing(documents: Repository[Document], document: Document) -> None:
    with suppress(ConcurrencyError):
        documents.save(document)
        return
    fresh = documents.load_or_new(document.id)
    fresh.rebase(event for event, _ in document.uncommitted)
    documents.save(fresh, metadata={"rebased": True})


def save_or_rebase_by_loop(documents: Repository[Document], document: Document) -> None:
    copy = document
    for attempt in range(2):
        try:
            documents.save(copy)
            break
        except ConcurrencyError:
            if attempt:
                raise
            copy = documents.load(document.id)
            copy.rebase([each.event for each in document.uncommitted])


def save_one_by_one(documents: Repository[Document], document: Document) -> None:
    """What comes before a conflict is saved by then."""
    try:
        documents.save(document)
    except ConcurrencyError:
        for event, _ in document.uncommitted:
            fresh = documents.load(document.id)
            fresh.rebase([event])
            documents.save(fresh)


def save_what_fits(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh = documents.load(document.id)
        for event, _ in document.uncommitted:
            with suppress(CommandRejected):
                fresh.rebase([event])
        if fresh.uncommitted:
            documents.save(fresh)


def save_all_edits_again(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh = documents.load(document.id)
        fresh.rebase(document.edits)
        documents.save(fresh)


def save_the_last_edit(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh = documents.load(document.id)
        fresh.rebase([document.uncommitted[-1].event])
        documents.save(fresh)


def save_and_pretend(documents: Repository[Document], document: Document) -> None:
    """The stale copy claims the version of the fresh one."""
    document.version = documents.load(document.id).version + len(document.uncommitted)
    documents.save(document)


def save_until_the_store_takes_it(documents: Repository[Document], document: Document) -> None:
    while True:
        try:
            return save_or_rebase(documents, document)
        except StoreBusy:
            continue


def save_or_rebase_when_the_database_fails(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except (ConcurrencyError, OperationalError):
        fresh = documents.load(document.id)
        fresh.rebase([unsaved.event for unsaved in document.uncommitted])
        documents.save(fresh)


def save_or_rebase_in_time(documents: Repository[Document], document: Document) -> None:
    with suppress(TimeoutError):
        save_or_rebase(documents, document)


def save_or_rebase_what_is_of_value(documents: Repository[Document], document: Document) -> None:
    with suppress(ValueError):
        save_or_rebase(documents, document)


def save_or_rebase_what_is_not_rejected(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh = documents.load(document.id)
        fresh.rebase([unsaved.event for unsaved in document.uncommitted])
        documents.save(fresh)
    except CommandRejected:
        pass


def save_and_return_the_copy(documents: Repository[Document], document: Document) -> Document:
    try:
        documents.save(document)
        return document
    except ConcurrencyError:
        fresh = documents.load(document.id)
        fresh.rebase([unsaved.event for unsaved in document.uncommitted])
        documents.save(fresh)
        return fresh


def save_and_forget(documents: Repository[Document], document: Document) -> None:
    fresh = documents.load(document.id)
    fresh.rebase([unsaved.event for unsaved in document.uncommitted])


def save_once_more_and_say_nothing(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh = documents.load(document.id)
        fresh.rebase([unsaved.event for unsaved in document.uncommitted])
        with suppress(ConcurrencyError):
            documents.save(fresh)


def save_until_nobody_is_faster(documents: Repository[Document], document: Document) -> None:
    edits = [unsaved.event for unsaved in document.uncommitted]
    while True:
        try:
            documents.save(document)
            return
        except ConcurrencyError:
            document = documents.load(document.id)
            document.rebase(edits)


def save_one_editors(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        edits = [event for event, _ in document.uncommitted if isinstance(event, Edit)]
        fresh = documents.load(document.id)
        fresh.rebase(edit for edit in edits if edit.editor == edits[0].editor)
        documents.save(fresh)


def save_or_rebase_on_a_copy_from_before(documents: Repository[Document], document: Document) -> None:
    fresh = documents.load(document.id)
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh.rebase([unsaved.event for unsaved in document.uncommitted])
        documents.save(fresh)


def save_or_rebase_raising_the_first_error(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError as first:
        fresh = documents.load(document.id)
        fresh.rebase([unsaved.event for unsaved in document.uncommitted])
        try:
            documents.save(fresh)
        except ConcurrencyError:
            raise first from None


def save_or_rebase_what_has_a_new_id(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh = documents.load(document.id)
        known = {edit.edit_id for edit in fresh.edits}
        edits = [event for event, _ in document.uncommitted if isinstance(event, Edit)]
        fresh.rebase([edit for edit in edits if edit.edit_id not in known])
        documents.save(fresh)


def save_nothing_known(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError as error:
        raise AggregateNotFound(str(error)) from None


RIGHT: dict[str, list[Any]] = {
    "apply": [apply_by_match, apply_by_table],
    "record": [record_by_parts, record_by_match],
    "withdraw_with_minimum": [withdraw_by_the_accounts_own, withdraw_as_a_closure],
    "inverse": [inverse_by_ifs, inverse_by_table],
    "save_or_rebase": [save_or_rebase_by_suppressing, save_or_rebase_by_loop],
}
WRONG: dict[str, list[Any]] = {
    "apply": [
        apply_in_an_open_account_alone,
        apply_nothing_to_a_closed_account,
        apply_with_a_known_withdrawal,
        apply_in_one_currency,
        apply_down_to_zero,
        apply_the_size_of_an_adjustment,
        apply_without_interest,
        apply_and_open_without_a_limit,
        apply_with_another_error,
        apply_whatever_has_an_amount,
        apply_and_open_at_zero,
        apply_and_open_what_was_closed,
        apply_and_close_with_nothing_pending,
        apply_and_close_what_was_never_open,
        apply_the_first_opening,
        apply_a_limit_above_zero,
        apply_and_take_over_the_id,
        apply_and_count,
        apply_to_no_past_state,
        apply_whatever_has_a_withdrawals_id,
        apply_without_giving_back_after_the_close,
    ],
    "record": [
        record_what_is_late,
        record_if_there_is_a_moment,
        record_no_subclass,
        record_whatever_has_a_zone,
        record_whatever_has_an_offset,
        record_in_any_zone,
        record_what_a_text_says,
        record_refusing_what_is_of_no_value,
        record_unless_a_race_is_lost,
        record_in_silence,
        record_only_the_last,
        record_at_the_front,
        record_the_bare_event,
        record_any_moment_as_utc,
        record_counting_failures,
        record_nothing_to_come,
        record_what_was_interrupted,
    ],
    "withdraw_with_minimum": [
        withdraw_and_return_false,
        withdraw_with_an_assertion,
        withdraw_by_replay,
        withdraw_what_is_not_on_hold,
        withdraw_as_a_fee,
        withdraw_down_to_the_minimum,
        withdraw_and_note_the_refusal,
        withdraw_and_close,
        withdraw_in_dollars,
    ],
    "inverse": [
        inverse_of_insertions_alone,
        inverse_by_the_reader,
        inverse_without_a_text,
        inverse_with_the_lines_id,
        inverse_of_a_redo,
        inverse_of_an_emptied_line,
        inverse_stripped,
        inverse_by_the_fields,
        inverse_of_what_stands_after_a_line,
    ],
    "save_or_rebase": [
        save_one_by_one,
        save_what_fits,
        save_all_edits_again,
        save_the_last_edit,
        save_and_pretend,
        save_until_the_store_takes_it,
        save_or_rebase_when_the_database_fails,
        save_or_rebase_in_time,
        save_or_rebase_what_is_of_value,
        save_or_rebase_what_is_not_rejected,
        save_and_return_the_copy,
        save_and_forget,
        save_nothing_known,
        save_once_more_and_say_nothing,
        save_until_nobody_is_faster,
        save_one_editors,
        save_or_rebase_on_a_copy_from_before,
        save_or_rebase_raising_the_first_error,
        save_or_rebase_what_has_a_new_id,
    ],
}
EQUIVALENT: dict[str, dict[str, str]] = {}
