"""The guard that the tests rely on: it refuses every way out, lets the machine talk to itself, and children inherit it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

FAR = "192.0.2.1"  # reserved for documentation: nobody answers, so an unguarded attempt would hang until its timeout
ATTEMPTS = {
    "connect": f"socket.socket().connect(('{FAR}', 80))",
    "connect_ex": f"socket.socket().connect_ex(('{FAR}', 80))",
    "connect over IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
    "create_connection": f"socket.create_connection(('{FAR}', 80), timeout=1)",
    "datagram": f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('{FAR}', 53))",
    "datagram with flags": f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', 0, ('{FAR}', 53))",
    "look-up": "socket.getaddrinfo('example.org', 80)",
    "old look-up": "socket.gethostbyname('example.org')",
    "urllib": "urllib.request.urlopen('http://example.org', timeout=1)",
    "asyncio": f"asyncio.run(asyncio.open_connection('{FAR}', 80))",
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_child_cannot_leave_the_machine_and_the_attempt_is_noted(attempt: str, tmp_path: Path):
    code = f"import asyncio, socket, urllib.request\ntry:\n    {ATTEMPTS[attempt]}\nexcept OSError:\n    pass"
    env = {**os.environ, "NETWORK_GUARD_LOG": str(tmp_path / "log")}
    child = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=30)
    assert child.returncode == 1
    assert "NetworkBlocked" in child.stderr
    assert (tmp_path / "log").read_text().count("\n") == 1


def test_this_process_is_guarded_too():
    with pytest.raises(RuntimeError, match=r"look-up of 'example\.org'"):
        urllib.request.urlopen("http://example.org", timeout=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_machine_may_talk_to_itself(host: str):
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection((host, server.getsockname()[1])) as near,
        server.accept()[0] as far,
    ):
        near.sendall(b"hello")
        assert far.recv(5) == b"hello"


def test_processes_may_talk_through_a_file():
    near, far = socket.socketpair(socket.AF_UNIX)
    with near, far:
        near.sendall(b"pair")
        assert far.recv(4) == b"pair"
