"""Put first on PYTHONPATH: a Python, and every Python it starts, that refuses to leave this machine.

Each attempt is also written to the file that NO_NETWORK_LOG names, so that one whose error is caught still shows.
"""

import os
import socket
from pathlib import Path

LOOPBACK = {"localhost", "::1", "0.0.0.0", "::", "", None}

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_sendto = socket.socket.sendto
_getaddrinfo = socket.getaddrinfo


def refuse(what):
    with Path(os.environ["NO_NETWORK_LOG"]).open("a", encoding="utf-8") as log:
        log.write(f"{what}\n")
    raise OSError(f"no network here: {what}")


def stays_here(host):
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    return host in LOOPBACK or host.startswith("127.")


def check(connection, address, what):
    if connection.family in (socket.AF_INET, socket.AF_INET6) and not stays_here(address[0]):
        refuse(f"{what} {address}")


def connect(self, address):
    check(self, address, "connect")
    return _connect(self, address)


def connect_ex(self, address):
    check(self, address, "connect_ex")
    return _connect_ex(self, address)


def sendto(self, data, *flags_and_address):
    check(self, flags_and_address[-1], "sendto")
    return _sendto(self, data, *flags_and_address)


def getaddrinfo(host, *arguments, **options):
    if not stays_here(host) and host != socket.gethostname():
        refuse(f"getaddrinfo {host}")
    return _getaddrinfo(host, *arguments, **options)


socket.socket.connect = connect
socket.socket.connect_ex = connect_ex
socket.socket.sendto = sendto
socket.getaddrinfo = getaddrinfo
