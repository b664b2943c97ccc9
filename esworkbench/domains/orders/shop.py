"""The shop's write side, put together: one handler per command loads, tells the order, returns what changed."""

from esworkbench.aggregates.repository import Repository
from esworkbench.cqrs.commands import CommandBus
from esworkbench.domains.orders import commands
from esworkbench.domains.orders.order import Order
from esworkbench.domains.orders.upcasters import order_decoder
from esworkbench.event_store import EventStore


class Shop:
    """Orders to load, a bus to send commands to; ``handle`` is the bus's."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.orders = Repository(store, Order, order_decoder())
        self.bus = CommandBus(store, self.orders)
        self.handle = self.bus.handle
        self.bus.register(commands.PlaceOrder, self._place)
        self.bus.register(commands.PayOrder, self._pay)
        self.bus.register(commands.ShipParcel, self._ship)
        self.bus.register(commands.CancelOrder, self._cancel)
        self.bus.register(commands.NoteConversion, self._note_conversion)

    def _place(self, command: commands.PlaceOrder) -> list[Order]:
        order = self.orders.load_or_new(command.order_id)
        order.place(command.customer, command.total_cents, valid_at=command.valid_at)
        return [order]

    def _pay(self, command: commands.PayOrder) -> list[Order]:
        order = self.orders.load(command.order_id)
        order.pay(command.payment_reference, valid_at=command.valid_at)
        return [order]

    def _ship(self, command: commands.ShipParcel) -> list[Order]:
        order = self.orders.load(command.order_id)
        order.ship(command.tracking_number, valid_at=command.valid_at)
        return [order]

    def _cancel(self, command: commands.CancelOrder) -> list[Order]:
        order = self.orders.load(command.order_id)
        order.cancel(command.reason, valid_at=command.valid_at)
        return [order]

    def _note_conversion(self, command: commands.NoteConversion) -> list[Order]:
        order = self.orders.load(command.order_id)
        order.note_conversion(command.from_dollars, command.to_cents)
        return [order]
