"""Who banks here: each account's habits, drawn from the seed. All amounts in minor units."""

from random import Random
from typing import NamedTuple

NAMES = (
    "Ada Brunner", "Bela Horvath", "Chiara Conti", "Dunja Petrovic", "Elif Demir", "Farid Rahimi", "Greta Lund",
    "Hugo Marchand", "Ines Duarte", "Jonas Keller", "Kofi Mensah", "Lena Vogt", "Mateo Rojas", "Noor Haddad",
    "Olga Sokolova", "Pablo Ibarra", "Quinn Murphy", "Rosa Ferrari", "Sven Nilsson", "Tariq Aziz", "Uma Iyer",
    "Viktor Novak", "Wanda Zielinska", "Xenia Pappas", "Yusuf Kaya", "Zoe Martin",
)  # fmt: skip

CURRENT_ACCOUNT = "ACC-1001"
"""The account everything is about: the busiest one."""


class Person(NamedTuple):
    """An account and what goes on in it. Months count from 0; ``closes`` None: never."""

    account: str
    owner: str
    currency: str
    overdraft_minor: int
    opens: int
    closes: int | None
    salary_minor: int = 0
    rent_minor: int = 0
    purchases: int = 0
    cash_per_cent: int = 0
    saves_minor: int = 0
    savings_account: str = ""
    fee_months: int = 3
    interest: bool = False


class Scale(NamedTuple):
    """How large the world is: ``months`` long, ``others`` accounts beside the busy one with its ``purchases`` a month.

    ``newcomers`` are accounts with short lives, beside those (see ``newcomers``).
    Interest is credited every ``interest_months``; read models are brought up to date every ``run_months``.
    """

    first_year: int
    months: int
    others: int
    purchases: int
    declines_per_cent: int
    interest_months: int
    run_months: int
    snapshot_every: int
    newcomers: int = 0

    def with_accounts(self, accounts: int) -> "Scale":
        """The same years with so many accounts: up to 41 with whole lives, the others with short ones."""
        others = min(accounts - 1, MOST_OTHERS)
        return self._replace(others=others, newcomers=accounts - 1 - others)


MOST_OTHERS = 40

FIRST_MONTH = 3

SCALES = {
    "full": Scale(2016, 96, 40, 15, 4, 3, 6, 25),
    "small": Scale(2023, 12, 5, 5, 16, 1, 2, 25),
}


def draw_people(scale: Scale, rng: Random) -> list[Person]:
    """The busy account first. Savings accounts come right after the account that saves into them.

    Accounts in euros open only once the bank writes currencies down (see ``Life.shape_of_today``).
    """
    busy = Person(
        CURRENT_ACCOUNT, NAMES[0], "USD", 50_000, 0, None, salary_minor=312_500, rent_minor=118_000,
        purchases=scale.purchases, cash_per_cent=100, saves_minor=30_000, savings_account="ACC-1002",
        fee_months=1, interest=True,
    )  # fmt: skip
    people = [busy, Person("ACC-1002", NAMES[0], "USD", 0, 0, None, fee_months=12, interest=True)]
    later = scale.months // 3
    for number in range(2, scale.others + 1):
        account = f"ACC-{1001 + number}"
        owner = NAMES[number % len(NAMES)]
        currency = "EUR" if number % 6 == 4 else "USD"
        opens = rng.randrange(later, 2 * later) if currency == "EUR" else rng.randrange(1, scale.months // 2)
        person = Person(account, owner, currency, 20_000, opens, None, interest=number % 2 == 0)
        if number % 4 == 3:
            salary = rng.randrange(180_000, 420_000, 500)
            person = person._replace(salary_minor=salary, rent_minor=95_000, purchases=1)
        elif number % 4 == 1:
            person = person._replace(salary_minor=60_000, cash_per_cent=30, fee_months=6)
        else:
            person = person._replace(cash_per_cent=35)
        people.append(person)
    # One of the older accounts is given up late in the bank's life.
    people[-1] = people[-1]._replace(closes=scale.months - 2)
    return people
