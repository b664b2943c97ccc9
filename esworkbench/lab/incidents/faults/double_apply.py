"""A runner that saves its checkpoint in a transaction of its own, killed between the two."""

from datetime import timedelta

from esworkbench.domains.bank import bank_decoder
from esworkbench.errors import UnusableInput
from esworkbench.events import Event
from esworkbench.lab.incidents.faults.killed_process import RunnerTask, run_and_kill
from esworkbench.lab.incidents.faults.naive_runner import BETWEEN_ROWS_AND_CHECKPOINT, NaiveRunner
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, effect, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault

READ_MODEL = "account_balances"


class DoubleApply(PlantableFault):
    """For one run the balances are kept by the naive runner; it is killed, and started again."""

    name = "double_apply"
    shows_in = (READ_MODEL,)

    def __init__(self) -> None:
        self.twice: list[Event] = []

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.6), lambda: self.crash_and_restart(scene))

    def crash_and_restart(self, scene: Scene) -> None:
        runner = scene.readers.runner(READ_MODEL)
        waiting = scene.decoded(after=runner.checkpoint())
        self.twice = visible_batch(waiting, scene.account)
        runner.catch_up(up_to=self.twice[0].recorded.global_position - 1)
        agenda = scene.life.agenda
        run_and_kill(
            RunnerTask(
                scene.url, READ_MODEL, scene.readers.next_run_id(), len(self.twice), agenda.now,
                BETWEEN_ROWS_AND_CHECKPOINT,
            )
        )  # fmt: skip
        scene.life.operations.note("restart", agenda.now)
        agenda.wait(timedelta(seconds=40))
        NaiveRunner(
            scene.store, scene.readers.code[READ_MODEL](), bank_decoder(), run_id=scene.readers.next_run_id(),
            batch_size=len(self.twice),
        ).catch_up()  # fmt: skip

    def after(self, scene: Scene) -> list[PlantedFault]:
        return planted_per_account(self.name, [(event, amount_of(event)) for event in self.twice])


def visible_batch(waiting: list[Event], account: str) -> list[Event]:
    """A few neighbouring events that all move money, the account's among them, adding up to 0 for no account."""
    for size in (3, 2, 1):
        for start in range(len(waiting) // 3, len(waiting) - size):
            batch = waiting[start : start + size]
            postings = [posting for event in batch if (posting := effect(event)) is not None]
            sums: dict[str, int] = {}
            for posting in postings:
                sums[posting.account_id] = sums.get(posting.account_id, 0) + posting.amount_minor
            if len(postings) == size and sums.get(account) and all(sums.values()):
                return batch
    raise UnusableInput(
        f"no event of {account} waits to be read where double_apply is to strike: take another seed, or a larger scale"
    )


def amount_of(event: Event) -> int:
    posting = effect(event)
    assert posting is not None
    return posting.amount_minor
