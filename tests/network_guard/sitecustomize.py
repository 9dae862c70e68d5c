"""Refuse every connection that leaves this machine, in any Python process that has this folder on its PYTHONPATH.

Python imports `sitecustomize` at start, before any other code: no cell and no library can connect first. Each attempt is also
written to the file named by $NETWORK_GUARD_LOG, because a library may swallow the error and try again. Only Python's own sockets
are watched: code that opens them in C, Rust or Java is not seen.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable
from typing import Any


class NetworkBlocked(RuntimeError):
    """Not an OSError: libraries take those for a network that is down and carry on with something else."""


def _is_local(host: object) -> bool:
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost", socket.gethostname()):  # the machine may look itself up and talk to itself
        return True
    try:
        return ipaddress.ip_address(str(host).split("%")[0]).is_loopback
    except ValueError:
        return False


def _is_number(host: object) -> bool:
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host).split("%")[0])
    except ValueError:
        return False
    return True


def _refuse(what: str) -> None:
    if log := os.environ.get("NETWORK_GUARD_LOG"):
        with open(log, "a", encoding="utf-8") as lines:
            lines.write(what + "\n")
    raise NetworkBlocked(f"{what}: nothing may be fetched here; worlds and tests need only the repository")


def _guard_connection(method: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, *arguments: Any) -> Any:
        address = arguments[-1]  # connect(address), sendto(data, [flags,] address)
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            _refuse(f"connection to {address[0]}:{address[1]}")
        return method(self, *arguments)

    return guarded


def _guard_lookup(function: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(host: object, *arguments: Any, **options: Any) -> Any:
        if not _is_local(host) and not _is_number(host):  # reading an address as a number asks nobody
            _refuse(f"look-up of {host!r}")
        return function(host, *arguments, **options)

    return guarded


def install() -> None:
    """Put the guard in place. `socket.socket` stays the class it is, so that isinstance and subclasses keep working."""
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _guard_connection(getattr(socket.socket, name)))
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        setattr(socket, name, _guard_lookup(getattr(socket, name)))


install()
