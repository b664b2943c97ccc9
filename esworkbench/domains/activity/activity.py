"""The activity domain's write side, put together."""

from esworkbench.aggregates.repository import Repository
from esworkbench.cqrs.commands import CommandBus, CommandReply
from esworkbench.domains.activity import commands
from esworkbench.domains.activity.aggregates import ItemPutInBasket, Profile, Purchase, Referral, Session
from esworkbench.domains.activity.contracts import PUBLIC_EVENT_TYPES
from esworkbench.event_store import EventStore
from esworkbench.events import EventTypes
from esworkbench.upcasters import EventDecoder, UpcasterChain

ACTIVITY_EVENT_TYPES = EventTypes(*map(PUBLIC_EVENT_TYPES.class_of, PUBLIC_EVENT_TYPES.names()), ItemPutInBasket)


def activity_decoder() -> EventDecoder:
    """Reads every event of the domain, the private ones too: for its own aggregates only."""
    return EventDecoder(ACTIVITY_EVENT_TYPES, UpcasterChain())


class Activity:
    """Sessions, profiles, purchases and referrals, and a bus to send their commands to."""

    def __init__(self, store: EventStore) -> None:
        decoder = activity_decoder()
        self.sessions = Repository(store, Session, decoder)
        self.profiles = Repository(store, Profile, decoder)
        self.purchases = Repository(store, Purchase, decoder)
        self.referrals = Repository(store, Referral, decoder)
        self.bus = CommandBus(store, self.sessions, self.profiles, self.purchases, self.referrals)
        self.bus.register(commands.UpdateProfile, self._update_profile)
        self.bus.register(commands.LogIn, self._log_in)
        self.bus.register(commands.PutInBasket, self._put_in_basket)
        self.bus.register(commands.Pay, self._pay)
        self.bus.register(commands.SubmitReferral, self._submit_referral)

    def handle(
        self,
        command: commands.UpdateProfile | commands.InSession,
        *,
        idempotency_key: str | None = None,
        actor: str | None = None,
    ) -> CommandReply:
        """As ``CommandBus.handle``. What is done in a session is correlated by its id, whoever sends the command."""
        session_id = command.session_id if isinstance(command, commands.InSession) else None
        return self.bus.handle(command, idempotency_key=idempotency_key, actor=actor, correlation_id=session_id)

    def _update_profile(self, command: commands.UpdateProfile) -> list[Profile]:
        profile = self.profiles.load_or_new(command.user_id)
        profile.update(command.region, valid_at=command.valid_at)
        return [profile]

    def _log_in(self, command: commands.LogIn) -> list[Session]:
        """The login names the profile version that this decision saw, whatever becomes of the profile afterwards."""
        session = self.sessions.load_or_new(command.session_id)
        seen = self.profiles.load_or_new(command.user_id).profile_version
        session.log_in(command.user_id, seen, valid_at=command.valid_at)
        return [session]

    def _put_in_basket(self, command: commands.PutInBasket) -> list[Purchase]:
        purchase = self.purchases.load_or_new(command.purchase_id)
        purchase.put_in_basket(command.article, command.price_minor, command.currency, valid_at=command.valid_at)
        return [purchase]

    def _pay(self, command: commands.Pay) -> list[Purchase]:
        purchase = self.purchases.load(command.purchase_id)
        purchase.pay(command.user_id, valid_at=command.valid_at)
        return [purchase]

    def _submit_referral(self, command: commands.SubmitReferral) -> list[Referral]:
        referral = self.referrals.load_or_new(command.referral_id)
        referral.submit(command.user_id, valid_at=command.valid_at)
        return [referral]
