"""Where passwords stand in what people hand over, and sentences without them.

The address of a database is easily mistyped, and then nobody can tell for certain where the password in it begins and
ends: a quote, a blank or an ``@`` in it that isn't percent-encoded moves the rest of it into the host, the path or the
file's name, from where a driver's sentence, or one of ours about a file, repeats it. So a password is cut out of a
sentence only where the address reads one way; any other address is not repeated at all, nor is a part of it.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote, unquote_plus

_KEYS = (
    r"(?:host|hostaddr|port|dbname|user|password|passfile|service|options|ssl\w+|connect_timeout|application_name"
    r"|client_encoding|target_session_attrs|keepalives\w*|gssencmode|channel_binding|require_auth)"
)
_URL = re.compile(
    r"""(?x)
    [A-Za-z][\w+]*://
    (?: [^\s:/?@]* (?: : (?P<password>[^/?@]*) )? @ )?
    (?: \[[\w:.%]*\] | [^\s:/?\#@\[\]]* ) (?: :\d* )?
    (?: / [^/?\#@]* )?
    (?: \? (?P<query>[\w.-]+=[^&@]* (?: &[\w.-]+=[^&@]* )*)? )?
    """
)
"""An address of which every reader makes the same host, port and database: one @ at most, and no / or ? before it."""

FILE = re.compile(r"sqlite(\+\w+)?:///")
_CONNINFO = re.compile(
    rf"""(?ix)\s* (?: {_KEYS} \s*=\s* (?: '(?:[^'\\]|\\.)*' | (?:[^\s'\\]|\\.)+ ) (?: \s+ | $ ) )+"""
)
"""libpq's other way to write an address."""

_ADDRESS = re.compile(rf"(?i)\s*(?:(?:postgres(?:ql)?|psql|sqlite)(?:\+\w+)?(?::|//)|{_KEYS}\s*=)")
"""How an address begins, well written or not."""

_SECRET = r"\w*(?:password|passwd|passphrase|pwd)|(?:ssl|pg|\w*_)?pass"
"""How the name of a password ends: an option's, or a variable's of a shell, such as PGPASSWORD, MYSQL_PWD, DB_PASS."""

_VALUE = r"'(?:[^'\\]|\\.)*'\S*|\S+"
_PAIR = re.compile(rf"(?i)\b({_SECRET})(\s*=\s*)({_VALUE})")
_USER = re.compile(r"""((?:^|[\s'"(])(?:[\w+.-]*:?/{1,3})?)([^\s'"/:@]*:)(?!//)(\S+)@""")
_PATH = re.compile(r"\s*(?:~|\.{0,2}/(?!/))")

SHORTEST_SECRET = 3
"""Whatever is shorter is hidden where it stands as a password, not wherever else these letters occur."""

UNREADABLE = (
    "what looks like a database URL can't be read: write it like sqlite:///store.db or "
    "postgresql://user@host:5432/name, with @ : / ? in a user's name, a password or an option percent-encoded "
    "(it isn't repeated here, because a password may stand in it)"
)


def reads_one_way(address: str) -> bool:
    """Whether a URL, or libpq's ``host=… password=…``, leaves no doubt about which part of it is the password."""
    return any(form.fullmatch(address) for form in (_URL, _CONNINFO)) or FILE.match(address) is not None


def begins_as_an_address(text: str) -> bool:
    """Whether text begins as a URL or a ``host=…`` does, or has a ``password=`` in it: no file of anybody's does."""
    return _ADDRESS.match(text) is not None or _PAIR.search(text) is not None


def may_hold_a_password(text: str) -> bool:
    """Whether text looks like an address, of which nobody can tell where its password begins and ends."""
    if reads_one_way(text):
        return False
    user, at, _ = text.partition("@")
    signed_in = bool(at) and ":" in user and _PATH.match(text) is None
    return "://" in text or signed_in or begins_as_an_address(text)


def secrets_in(address: str) -> list[str]:
    """The passwords in an address that reads one way, as they stand, as they are meant, and as part of a path."""
    written = []
    read = _URL.fullmatch(address)
    if read is not None:
        options = [option.partition("=") for option in (read["query"] or "").split("&")]
        passwords = [value for name, _, value in options if re.fullmatch(_SECRET, name, re.IGNORECASE)]
        written = [read["password"] or "", *passwords]
    elif _CONNINFO.fullmatch(address):
        written = [found[3].strip("'") for found in _PAIR.finditer(address)]
    meant = [
        form for each in written for form in (each, unquote_plus(each), unquote(each), re.sub(r"\\(.)", r"\1", each))
    ]
    spelt = [form for each in meant for form in (each, repr(each)[1:-1], re.sub("/+", "/", each), *each.split("/"))]
    return [each for each in dict.fromkeys(spelt) if len(each) >= SHORTEST_SECRET]


def shows_a_password(text: str) -> bool:
    """Whether an address with a password in it stands somewhere in a text that is going to be kept."""
    words = [text, *text.split()]
    return any(secrets_in(each) or may_hold_a_password(each) for each in words) or without_credentials(text) != text


def without_credentials(sentence: str, given: Iterable[str] = (), secrets: Iterable[str] = ()) -> str:
    """The sentence without anything that stands where a password stands.

    ``given`` is what a person handed over, addresses among it, ``secrets`` what is a password by itself: neither occurs
    in what is returned. A sentence that repeats any of an address which can't be read for certain is not said at all.
    """
    given = list(given)
    if any(_repeats(sentence, each) for each in given if may_hold_a_password(each)):
        return UNREADABLE
    known = [*secrets, *(secret for each in given for secret in secrets_in(each))]
    for secret in sorted(filter(None, known), key=len, reverse=True):
        sentence = sentence.replace(secret, "…")
    return _USER.sub(r"\1\2…@", _PAIR.sub(r"\1\2…", sentence))


def _repeats(sentence: str, text: str) -> bool:
    """Whether any of the text stands in the sentence: a word of it, or what lies between two marks of an address."""
    meant = unquote(text)
    pieces = [text, *re.split(r"""[\s/:@?&='"]+""", text), *re.findall(r"\w+", text), *re.findall(r"\w+", meant)]
    said = sentence.casefold()
    return any(piece.casefold() in said for piece in pieces if len(piece) >= SHORTEST_SECRET)
