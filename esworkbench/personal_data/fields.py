"""Which fields of a command are personal, and whose: they are sealed before anything is decided, hashed or kept."""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import msgspec

from esworkbench.personal_data.keys import PersonalKeys

S = TypeVar("S", bound=msgspec.Struct)


class PersonalFields(NamedTuple):
    """``subject`` names the field that says who it is about; ``fields`` each personal one, and where it ends up."""

    subject: str
    fields: Mapping[str, str]


def sealed(command: S, personal: Mapping[type[msgspec.Struct], PersonalFields], keys: PersonalKeys) -> S:
    """The command with its personal texts sealed; itself, if it has none. Raises CommandRejected for an erased subject.

    Since the command is sealed before it is decided, its digest, its reply and snapshots hold no plain text either.
    """
    declared = personal.get(type(command))
    if declared is None:
        return command
    subject = getattr(command, declared.subject)
    if not _says(subject):
        return command
    said = {name: getattr(command, name) for name in declared.fields}
    texts = {name: keys.seal(subject, declared.fields[name], plain) for name, plain in said.items() if _says(plain)}
    return msgspec.structs.replace(command, **texts)


def _says(plain: object) -> bool:
    """Whether this is a text that can be kept. What isn't stays as it is, for the command's own rules to refuse."""
    try:
        return isinstance(plain, str) and bool(plain.strip()) and "\0" not in plain and bool(plain.encode())
    except UnicodeEncodeError:
        return False
