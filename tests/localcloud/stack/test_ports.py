from __future__ import annotations

import socket

import pytest

from localcloud.stack.ports import PortTaken, choose


def test_each_name_gets_a_port_of_its_own() -> None:
    chosen = choose(["gateway", "a", "b", "c"], kept={}, gateway_port=0)

    assert len(set(chosen.values())) == 4
    assert all(20_000 <= port < 32_000 for port in chosen.values())


def test_ports_are_kept_while_they_are_free() -> None:
    kept = choose(["gateway", "a", "b"], kept={}, gateway_port=0)

    assert choose(["gateway", "a", "b"], kept=kept, gateway_port=0) == kept


def test_a_port_that_was_taken_meanwhile_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert choose(["a"], kept={"a": port}, gateway_port=0)["a"] != port


def test_the_gateways_port_is_as_asked_or_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} is taken: PORT=0 make run"):
            choose(["gateway"], kept={}, gateway_port=port)

    assert choose(["gateway"], kept={"gateway": 1}, gateway_port=port) == {"gateway": port}
