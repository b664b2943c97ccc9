"""The core: the files that a learner reads, in that order."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CORE = [
    "events",
    "event_store.store", "event_store.drafts", "event_store.chain", "event_store.engine", "event_store.sqlite.log",
    "aggregates.aggregate", "aggregates.repository",
    "upcasters.chain", "upcasters.steps", "upcasters.decoder",
    "projections.projection", "projections.runner", "projections.checkpoints",
    "cqrs.commands",
    "domains.bank.events", "domains.bank.commands", "domains.bank.account", "domains.bank.handlers",
    "domains.bank.read_models.account_balances",
]  # fmt: skip


def file_of(module: str) -> Path | None:
    path = ROOT.joinpath("esworkbench", *module.split(".")) if module else ROOT / "esworkbench"
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None
