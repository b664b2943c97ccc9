"""The exercises of notebook 03: deciding and applying, on an account; undoing and rebasing, in a document."""

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from esworkbench.aggregates.aggregate import Aggregate, Uncommitted
from esworkbench.aggregates.repository import Repository
from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.domains.bank import (
    AccountOpened,
    BankAccount,
    FeeCharged,
    MoneyDeposited,
    MoneyWithdrawn,
    WithdrawalCancelled,
    WithdrawalRequested,
    WithdrawalSettled,
)
from esworkbench.domains.document import (
    Document,
    Edit,
    LineInserted,
    LineRemoved,
    LineRestored,
    LineRewritten,
    document_decoder,
    inverse,
)
from esworkbench.errors import CommandRejected, ConcurrencyError, ReadOnlyAggregate
from esworkbench.event_store import ANY_VERSION, EventStore, StreamAppend
from esworkbench.events import DomainEvent

# --- apply ------------------------------------------------------------------------------------------------------------

HISTORY: tuple[tuple[DomainEvent, int, dict[str, int]], ...] = (
    (AccountOpened(account_id="a", owner="Ada", currency="USD"), 0, {}),
    (MoneyDeposited(amount_minor=1_999, reference="r1", currency="USD"), 1_999, {}),
    (
        WithdrawalRequested(withdrawal_id="w1", amount_minor=500, reference="r2", currency="USD"),
        1_499,
        {"w1": 500},
    ),
    (WithdrawalSettled(withdrawal_id="w1", amount_minor=500, currency="USD"), 1_499, {}),
    (
        WithdrawalRequested(withdrawal_id="w2", amount_minor=300, reference="r3", currency="USD"),
        1_199,
        {"w2": 300},
    ),
    (WithdrawalCancelled(withdrawal_id="w2", amount_minor=300, reason="gone home", currency="USD"), 1_499, {}),
    (MoneyWithdrawn(amount_minor=1_400, reference="r4", currency="USD"), 99, {}),
    (FeeCharged(amount_minor=250, reference="r5", reason="paper statement", currency="USD"), -151, {}),
)
"""Each event, with the balance and what is pending after it. The last one, a bank fee, overdraws the account."""


def account_with(**own: Any) -> BankAccount:
    """An account of a class in which ``own`` replaces the bank's methods of the same names."""
    return type("MyAccount", (BankAccount,), own)("a")  # type: ignore[no-any-return]


def examine_apply(answer: Callable[[Any, DomainEvent], None]) -> None:
    account = account_with(apply=answer)
    for event, balance, pending in HISTORY:
        name, before = type(event).__name__, account.balance_minor
        try:
            account.replay(event)
        except (CommandRejected, ValueError) as error:
            raise Wrong(
                f"it refuses {name}, which has happened ({error}): rules belong in the command, not here"
            ) from error
        if type(account.balance_minor) is not int:
            raise Wrong(f"the balance became {account.balance_minor!r}: money is a whole number of minor units")
        if account.balance_minor != balance:
            if isinstance(event, WithdrawalSettled):
                raise Wrong("a settlement takes money that the request has already taken: it is applied twice")
            raise Wrong(f"{name} should change the balance by {balance - before}, not {account.balance_minor - before}")
        if account.pending != pending:
            raise Wrong(f"after {name} pending should be {pending}, not {account.pending}: what is still open?")


def settles_twice(account: Any, event: DomainEvent) -> None:
    if isinstance(event, WithdrawalSettled):
        account.balance_minor -= event.amount_minor
    BankAccount.apply(account, event)


def checks_the_rule(account: Any, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if account.balance_minor < 0:
        raise CommandRejected("the account is overdrawn")


def adds_the_fee(account: Any, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, FeeCharged):
        account.balance_minor += 2 * event.amount_minor


def counts_in_dollars(account: Any, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, MoneyDeposited):
        account.balance_minor = event.amount_minor / 100


def never_resolves(account: Any, event: DomainEvent) -> None:
    pending = dict(account.pending)
    BankAccount.apply(account, event)
    account.pending = {**pending, **account.pending}


APPLY = Exercise(
    name="apply",
    task=(
        "Write `my_apply(account, event)`: apply one fact to `account.balance_minor` and `account.pending`. The "
        "events: AccountOpened, MoneyDeposited, MoneyWithdrawn, FeeCharged, WithdrawalRequested (takes the money, "
        "and `pending` remembers it), WithdrawalSettled, WithdrawalCancelled (gives it back)."
    ),
    examine=examine_apply,
    reference=BankAccount.apply,
    hints=(
        "One `match` with a case for each event. None of them may be refused.",
        "A request has taken the money. What is left for the settlement to do?",
    ),
    mistakes={
        "double apply": Mistake(settles_twice, "applied twice"),
        "a rule in the handler": Mistake(checks_the_rule, "rules belong in the command"),
        "wrong sign": Mistake(adds_the_fee, "FeeCharged should change the balance by -250"),
        "float money": Mistake(counts_in_dollars, "whole number of minor units"),
        "never resolved": Mistake(never_resolves, "what is still open"),
    },
)

# --- record -----------------------------------------------------------------------------------------------------------


def examine_record(answer: Callable[..., None]) -> None:
    account = account_with(record=answer)
    account.open("Ada", "USD")
    if not account.opened:
        raise Wrong("an account just opened doesn't know it is open: the event must be applied as well as kept")
    account.deposit(100, "USD", "r1")
    if account.balance_minor != 100:
        raise Wrong(f"a deposit of 100 made the balance {account.balance_minor}: the event is applied more than once")
    if account.version != 2:
        raise Wrong(
            f"after two events the version is {account.version}: replaying an event counts it, applying doesn't"
        )
    if [type(each.event).__name__ for each in account.uncommitted] != ["AccountOpened", "MoneyDeposited"]:
        raise Wrong("what was decided isn't in `uncommitted` in its order: the repository would save something else")
    account.read_only = True
    try:
        account.deposit(1, "USD", "r2")
    except ReadOnlyAggregate:
        pass
    else:
        raise Wrong("it decides on a past state: check `read_only` first")
    account.read_only = False
    try:
        account.deposit(1, "USD", "r3", valid_at=datetime(2024, 10, 15, 15, 0))  # noqa: DTZ001 - the mistake looked for
    except CommandRejected:
        return
    raise Wrong("it takes a valid_at without a time zone: 15:00 where?")


def keeps_only(self: Any, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    self.uncommitted.append(Uncommitted(event, valid_at))
    self.version += 1


def applies_without_counting(self: Any, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    self.apply(event)
    self.uncommitted.append(Uncommitted(event, valid_at))


def applies_twice(self: Any, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    self.apply(event)
    self.replay(event)
    self.uncommitted.append(Uncommitted(event, valid_at))


def decides_in_the_past(self: Any, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    self.replay(event)
    self.uncommitted.append(Uncommitted(event, valid_at))


def takes_naive_moments(self: Any, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    if self.read_only:
        raise ReadOnlyAggregate("a past state is for looking at")
    self.replay(event)
    self.uncommitted.append(Uncommitted(event, valid_at))


RECORD = Exercise(
    name="record",
    task=(
        "Write `my_record(self, event, *, valid_at=None)`, the one path: refuse on a past state, refuse a naive "
        "`valid_at`, apply the event as a replay would, and keep `Uncommitted(event, valid_at)`."
    ),
    examine=examine_record,
    reference=Aggregate.record,
    hints=(
        "`self.replay(event)` applies and counts.",
        "ReadOnlyAggregate, then CommandRejected, then `replay`, then `self.uncommitted.append(...)`.",
    ),
    mistakes={
        "not applied": Mistake(keeps_only, "must be applied as well as kept"),
        "off by one version": Mistake(applies_without_counting, "replaying an event counts it"),
        "double apply": Mistake(applies_twice, "applied more than once"),
        "decides in the past": Mistake(decides_in_the_past, "read_only"),
        "naive time zone": Mistake(takes_naive_moments, "without a time zone"),
    },
)

# --- withdraw_with_minimum --------------------------------------------------------------------------------------------

MINIMUM = 1_000


def withdraw_with_minimum(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    """A new rule, in the command: what is left must be at least the minimum. Old events never meet it."""
    if account.balance_minor - amount_minor < minimum_minor:
        raise CommandRejected(f"{minimum_minor} must be left in the account")
    account.record(MoneyWithdrawn(amount_minor=amount_minor, currency=account.currency, reference="ATM"))


def examine_withdraw(answer: Callable[[BankAccount, int, int], None]) -> None:
    def account_of(balance_minor: int) -> BankAccount:
        account = BankAccount("a")
        account.open("Ada", "USD")
        account.deposit(balance_minor, "USD", "r1")
        account.mark_saved()
        return account

    account = account_of(5_000)
    answer(account, 1_500, MINIMUM)
    if [type(each.event) for each in account.uncommitted] != [MoneyWithdrawn]:
        raise Wrong("an allowed withdrawal should record one MoneyWithdrawn: without the event nothing happened")
    if account.balance_minor != 3_500:
        raise Wrong(
            f"1,500 of 5,000 left {account.balance_minor}: `record` applies the event, so the command changes no state"
        )
    account = account_of(5_000)
    try:
        answer(account, 4_000, MINIMUM)
    except CommandRejected as error:
        raise Wrong("it refuses to leave exactly the minimum, which is allowed: look at the comparison") from error
    account = account_of(5_000)
    try:
        answer(account, 4_001, MINIMUM)
    except CommandRejected:
        if account.uncommitted:
            raise Wrong("it refuses, but the event is recorded already: decide first, then record") from None
        return
    raise Wrong("it leaves 999 where 1,000 must stay: raise CommandRejected")


def refuses_the_minimum(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    withdraw_with_minimum(account, amount_minor, minimum_minor + 1)


def records_first(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    account.record(MoneyWithdrawn(amount_minor=amount_minor, currency=account.currency, reference="ATM"))
    if account.balance_minor < minimum_minor:
        raise CommandRejected("too much")


def changes_state_too(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    withdraw_with_minimum(account, amount_minor, minimum_minor)
    account.balance_minor -= amount_minor


def only_changes_state(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    account.balance_minor -= amount_minor


WITHDRAW_WITH_MINIMUM = Exercise(
    name="withdraw_with_minimum",
    task=(
        "Write `my_withdraw(account, amount_minor, minimum_minor)`: raise CommandRejected when less than the "
        "minimum would be left, else record a MoneyWithdrawn."
    ),
    examine=examine_withdraw,
    reference=withdraw_with_minimum,
    hints=(
        "Two steps: decide, then record. Neither changes the balance by hand.",
        "Leaving exactly the minimum is allowed.",
    ),
    mistakes={
        "off by one": Mistake(refuses_the_minimum, "look at the comparison"),
        "wrong order": Mistake(records_first, "decide first, then record"),
        "double apply": Mistake(changes_state_too, "the command changes no state"),
        "no event": Mistake(only_changes_state, "without the event nothing happened"),
    },
)

# --- inverse ----------------------------------------------------------------------------------------------------------

EDITS: tuple[Edit, ...] = (
    LineInserted(edit_id="one", line_id="one", after=None, text="one", editor="ada"),
    LineInserted(edit_id="two", line_id="two", after="one", text="two", editor="ada"),
    LineRewritten(edit_id="e1", line_id="two", text="two", new_text="zwei", editor="ada"),
    LineRemoved(edit_id="e2", line_id="one", text="one", editor="ada"),
    LineRestored(edit_id="e3", line_id="one", text="one", editor="ada", undoes="e2"),
)


def examine_inverse(answer: Callable[[Edit, str], Edit]) -> None:
    """Make each edit on a document, and undo it by the document's own rules."""
    document = Document("d")
    document.start("Minutes")
    for edit in EDITS:
        before = document.text()
        document.replay(edit)
        undo_id, places = f"undo {edit.edit_id}", [line.line_id for line in document.lines]
        undo = answer(edit, undo_id)
        if undo.edit_id != undo_id:
            raise Wrong(f"the inverse has the id {undo.edit_id}: it is an edit of its own, named {undo_id}")
        if undo.undoes != edit.edit_id:
            raise Wrong(f"undoes is {undo.undoes!r}, not {edit.edit_id!r}: then nobody knows what can still be undone")
        taken_back = Document("d")
        taken_back.restore(document.state())
        name = type(edit).__name__
        try:
            taken_back.rebase([undo])
        except CommandRejected as error:
            raise Wrong(f"the inverse of {name} must expect what that edit left: {error}") from error
        if [line.line_id for line in taken_back.lines] != places:
            raise Wrong(f"the inverse of {name} makes a new line: a removed one kept its place, so restore that")
        if taken_back.text() != before:
            raise Wrong(f"after {name} and its inverse the text is {taken_back.text()}, but it was {before}")


def without_undoes(edit: Edit, edit_id: str) -> Edit:
    return msgspec.structs.replace(inverse(edit, edit_id), undoes=None)


def under_the_same_id(edit: Edit, edit_id: str) -> Edit:
    return inverse(edit, edit.edit_id)


def the_wrong_way_round(edit: Edit, edit_id: str) -> Edit:
    undo = inverse(edit, edit_id)
    if isinstance(undo, LineRewritten):
        return msgspec.structs.replace(undo, text=undo.new_text, new_text=undo.text)
    return undo


def inserts_again(edit: Edit, edit_id: str) -> Edit:
    undo = inverse(edit, edit_id)
    if isinstance(edit, LineRemoved):
        return LineInserted(
            edit_id=edit_id, editor=edit.editor, line_id=edit_id, undoes=edit.edit_id, after=None, text=edit.text
        )
    return undo


INVERSE = Exercise(
    name="inverse",
    task=(
        "Write `my_inverse(edit, edit_id)`: the edit that undoes a LineInserted, LineRemoved, LineRestored or "
        "LineRewritten. It has its own id, `edit_id`, and `undoes` names the edit it undoes."
    ),
    examine=examine_inverse,
    reference=inverse,
    hints=(
        "Inserted and restored lines are removed, removed ones restored, never inserted anew.",
        "A rewrite says `text` (what it replaced) and `new_text`: the inverse replaces the second with the first.",
    ),
    mistakes={
        "undoes nothing": Mistake(without_undoes, "what can still be undone"),
        "the same id": Mistake(under_the_same_id, "an edit of its own"),
        "wrong order": Mistake(the_wrong_way_round, "must expect what that edit left"),
        "a new line": Mistake(inserts_again, "makes a new line"),
    },
)

# --- save_or_rebase ---------------------------------------------------------------------------------------------------


def save_or_rebase(documents: Repository[Document], document: Document) -> None:
    """Save; if somebody was faster, make the same edits on a fresh copy and save that."""
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh = documents.load(document.id)
        fresh.rebase([unsaved.event for unsaved in document.uncommitted])
        documents.save(fresh)


def examine_save(answer: Callable[[Repository[Document], Document], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="esworkbench-exercise-") as folder:
        store = EventStore.open(f"sqlite:///{Path(folder) / 'documents.db'}")
        try:
            _examine_save(answer, Repository(store, Document, document_decoder()), store)
        finally:
            store.engine.dispose()


def _examine_save(
    answer: Callable[[Repository[Document], Document], None], documents: Repository[Document], store: EventStore
) -> None:
    document = Document("d")
    document.start("Minutes")
    document.insert("one", "one", after=None, editor="ada")
    documents.save(document)
    ada, bob = documents.load("d"), documents.load("d")
    ada.rewrite("e1", "one", "ONE", editor="ada")
    documents.save(ada)
    bob.insert("two", "two", after="one", editor="bob")
    bob.insert("three", "three", after="two", editor="bob")
    try:
        answer(documents, bob)
    except ConcurrencyError as error:
        raise Wrong("the stale copy is saved again: it stays stale, so load a fresh one first") from error
    last = store.read_stream("Document-d")[-1].metadata_dict()
    saved = documents.load("d")
    if saved.text() == ["ONE"]:
        raise Wrong("no error, but Bob's two lines are gone: a refused edit must be made again, not dropped")
    if saved.text() != ["ONE", "two", "three"]:
        raise Wrong(f"the document reads {saved.text()}: it should have all of Bob's edits, each once")
    if last.get("decided_on_version") != 3:
        raise Wrong("it went in without the expected version: nobody checked whether Bob's edits still fit")
    ada, bob = documents.load("d"), documents.load("d")
    ada.remove("e2", "two", editor="ada")
    documents.save(ada)
    bob.rewrite("e3", "two", "zwei", editor="bob")
    try:
        answer(documents, bob)
    except CommandRejected:
        return
    raise Wrong("both changed one line, and nobody is told: let CommandRejected out, so that a person decides")


def drops_the_edit(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        documents.load(document.id)


def saves_the_stale_copy(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        documents.save(document)


def checks_no_version(documents: Repository[Document], document: Document) -> None:
    append = documents.append_of(document, {})
    unchecked = StreamAppend(append.stream_id, ANY_VERSION, append.events)
    documents._store.append_many([unchecked])


def tells_nobody(documents: Repository[Document], document: Document) -> None:
    try:
        save_or_rebase(documents, document)
    except CommandRejected:
        return


SAVE_OR_REBASE = Exercise(
    name="save_or_rebase",
    task=(
        "Write `my_save(documents, document)`: save; on ConcurrencyError rebase the unsaved edits on a fresh copy "
        "and save that. A real conflict is for a person to settle: let the error out."
    ),
    examine=examine_save,
    reference=save_or_rebase,
    hints=(
        "`documents.load(document.id)` gives the fresh copy.",
        "`fresh.rebase([unsaved.event for unsaved in document.uncommitted])`, then save `fresh`.",
    ),
    mistakes={
        "the edit is dropped": Mistake(drops_the_edit, "not dropped"),
        "stale again": Mistake(saves_the_stale_copy, "load a fresh one first"),
        "missing expected version": Mistake(checks_no_version, "without the expected version"),
        "tells nobody": Mistake(tells_nobody, "so that a person decides"),
    },
)

exercises = Exercises(APPLY, RECORD, WITHDRAW_WITH_MINIMUM, INVERSE, SAVE_OR_REBASE)
