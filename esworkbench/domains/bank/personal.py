"""What the bank's events say of a person: the account's owner. Who that is about is named by the account's id."""

from collections.abc import Mapping

import msgspec

from esworkbench.domains.bank.commands import OpenAccount
from esworkbench.personal_data.fields import PersonalFields

OWNER = "AccountOpened.owner"

PERSONAL: Mapping[type[msgspec.Struct], PersonalFields] = {
    OpenAccount: PersonalFields(subject="account_id", fields={"owner": OWNER})
}
"""By the command that brings it. Amounts, currencies, references and ids are the ledger's, and stay."""
