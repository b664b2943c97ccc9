"""A release of the history's handler that rounds interest by a rule of its own."""

from collections.abc import Callable

from sqlalchemy import select

from esworkbench.domains.bank import InterestCredited
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.domains.bank.read_models.transaction_history import transaction_history
from esworkbench.lab.incidents.faults.buggy_handlers import InterestWorkedOut
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.projections import Projection

READ_MODEL = "transaction_history"


class Rounding(PlantableFault):
    """The release stays live for a good part of the bank's life, then is taken back; the cents it lost stay lost."""

    name = "rounding"
    shows_in = (READ_MODEL,)

    def before(self, scene: Scene) -> None:
        agenda = scene.life.agenda
        months = scene.life.scale.interest_months
        agenda.at(scene.quiet_moment(0.4), lambda: self.release(scene, lambda: InterestWorkedOut(months)))
        agenda.at(scene.quiet_moment(0.9), lambda: self.release(scene, BANK_PROJECTIONS[READ_MODEL]))

    def release(self, scene: Scene, code: Callable[[], Projection]) -> None:
        scene.readers.run(READ_MODEL)
        scene.readers.code[READ_MODEL] = code
        scene.life.operations.note("release", scene.life.agenda.now)

    def after(self, scene: Scene) -> list[PlantedFault]:
        """The rows show what was rounded away: compare each interest row with its event."""
        table = transaction_history
        with scene.engine.connect() as connection:
            rows = connection.execute(select(table.c.event_id, table.c.amount_minor)).all()
        shown = {event_id: amount for event_id, amount in rows}
        off_by = [
            (event, shown[event.recorded.event_id] - event.data.amount_minor)
            for event in scene.decoded()
            if isinstance(event.data, InterestCredited)
        ]
        return planted_per_account(self.name, [(event, amount) for event, amount in off_by if amount])
