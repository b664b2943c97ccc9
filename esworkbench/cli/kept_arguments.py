"""What a log keeps of an argument: no user, query or fragment of a URL."""

import re

from esworkbench.credentials import FILE, reads_one_way

_NOBODYS = re.compile(r"[A-Za-z][\w+.-]*://[\w.-]+(:\d+)?(/[\w.~%/+-]*)?([?#][^@]*)?")
"""A URL in which nobody signs in."""

_SCHEME = re.compile(r"[A-Za-z][\w+.-]+:/{1,2}")


def kept_of(argument: str) -> str:
    """An argument as a log may keep it: of a URL the scheme, the host and the path.

    Who signs in, with what, and what is asked for are left out, since tokens stand there; of a URL that reads more ways
    than one, all but the scheme is.
    """
    found = _SCHEME.search(argument)
    if found is None:
        return argument
    before, scheme, url = argument[: found.start()], found[0], argument[found.start() :]
    if not (reads_one_way(url) or _NOBODYS.fullmatch(url)):
        return f"{before}{scheme}…"
    is_file = FILE.match(url) is not None
    place = re.split(r"\?" if is_file else "[?#]", url, maxsplit=1)[0]
    asked = url[len(place) : len(place) + 1]
    shown = place if is_file else re.sub("//[^@]+@", "//…@", place)
    return f"{before}{shown}{asked and asked + '…'}"
