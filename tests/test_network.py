"""The door is shut: tests reach servers on this machine and nothing else."""

import socket

import pytest

from tests.support.network import NetworkClosedError


def test_a_connection_past_loopback_is_refused_with_a_sentence() -> None:
    with socket.socket() as client, pytest.raises(NetworkClosedError, match=r"connect to 192\.0\.2\.1:80"):
        client.connect(("192.0.2.1", 80))


def test_a_name_past_loopback_is_not_looked_up() -> None:
    with pytest.raises(NetworkClosedError, match=r"example\.invalid"):
        socket.getaddrinfo("example.invalid", 80)


def test_servers_on_loopback_are_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 5) as client:
        assert client.getpeername() == server.getsockname()
