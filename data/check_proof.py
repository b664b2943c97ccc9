"""Check a proof that `esworkbench prove` wrote, without esworkbench: it takes Python 3.11 and `cryptography`.
python check_proof.py PROOF.json EVENT.json KEY.pem   this very event is in the log that the key's owner anchored
python check_proof.py PROOF.json KEY.pem              the later anchor's log begins with all of the earlier one's
KEY.pem must come from whom you trust, not from whoever gave you the proof. The tree is that of RFC 9162, section 2.1.
"""

import base64, json, sys  # noqa: E401, I001
from datetime import datetime, timedelta
from hashlib import sha256
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def check(holds, what):
    if not holds:
        raise ValueError(what)


def values(found, names):
    numbers = ("version", "position", "index", "count", "schema_version")
    right = [type(value) in ((int,) if name in numbers else (str, dict)) for name, value in found.items()]
    check(list(found) == names.split() and all(right), f"there are to be {names}, in this order")
    return list(found.values())


def framed(*fields):
    return b"".join(len(data).to_bytes(8, "big") + data for data in (str(each).encode() for each in fields))


def root_signed(anchor, key):
    *said, by = values(anchor, "log_id position count root anchored_at previous key_id signature")
    check(anchor["key_id"] == sha256(key.public_bytes_raw()).hexdigest(), "the anchor names another key")
    check(bytes.fromhex(by).hex() == by, "the signature is written otherwise")
    return key.verify(bytes.fromhex(by), b"esworkbench:anchor:v1\n" + framed(*said)) or bytes.fromhex(anchor["root"])


def climb(at, last, start, path):
    old = new = start  # the roots of the earlier tree and of the whole, from subtree `at` of 0 … `last`
    for sibling in path:
        check(0 <= at <= last > 0, "the path is too long, or there is no such leaf")
        right = at & 1 or at == last
        new = sha256(b"\x01" + (sibling + new if right else new + sibling)).digest()
        old = sha256(b"\x01" + sibling + old).digest() if right else old
        while right and at and not at & 1:
            at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
    check(at == last == 0, "the path is too short")
    return old, new


def main(*files):
    *given, key = [open(each, "rb").read() for each in files]  # noqa: PTH123, SIM115
    unique = json.JSONDecoder(object_pairs_hook=lambda pairs: dict(pairs) if len(dict(pairs)) == len(pairs) else {})
    (proof, *event), key = [unique.decode(each.decode()) for each in given], load_pem_public_key(key)
    check(base64.b64encode(base64.b64decode(proof["path"])).decode() == proof["path"], "the path is written otherwise")
    path = [bytes(each) for each in zip(*[iter(base64.b64decode(proof["path"]))] * 32, strict=True)]
    check(proof["kind"] == f"esworkbench:{('consistency', 'inclusion')[len(event)]}:v1", "it is another kind")
    if event:
        _, place, index, _, anchor = values(proof, "kind event index path anchor")
        names = "prev_hash stream_id version event_id event_type schema_version recorded_at valid_at payload metadata"
        before, *fields = values(event[0], names)
        times = [datetime.fromisoformat(each[:-1]) for each in fields[5:7]]
        written = [*(f"{each.isoformat(timespec='microseconds')}Z" for each in times), bytes.fromhex(before).hex()]
        check(written == [*fields[5:7], before], "a time or a hash is written otherwise")
        fields[5:7] = [(each - datetime(1970, 1, 1)) // timedelta(microseconds=1) for each in times]  # noqa: DTZ001
        digest = sha256(b"esworkbench:event:v1\n" + bytes.fromhex(before) + framed(*fields)).hexdigest()
        stream_id, version, position, proved = values(place, "stream_id version position hash")
        check([stream_id, version, proved] == [*fields[:2], digest], "the event isn't the one that was proved")
        leaf = sha256(b"\x00esworkbench:leaf:v1\n" + framed(stream_id, version, position, digest)).digest()
        check(climb(index, anchor["count"] - 1, leaf, path)[1] == root_signed(anchor, key), "it leads to another root")
        return f"PROVED: position {position} of the log that was anchored at {anchor['anchored_at']}"
    _, earlier, later, _ = values(proof, "kind earlier later path")
    roots, at, last = (root_signed(earlier, key), root_signed(later, key)), earlier["count"] - 1, later["count"] - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    check(climb(at, last, *((path[0], path[1:]) if at else (roots[0], path))) == roots, "it leads to other roots")
    return f"PROVED: the log of {later['count']} events begins with all {earlier['count']} of the earlier anchor"


sys.excepthook = lambda kind, error, traceback: print(f"NOT PROVED: {error!r}", file=sys.stderr)
print(main(*sys.argv[1:]))
