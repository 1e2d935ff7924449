"""Which ports a stack uses: free ones, kept from run to run when nobody took them meanwhile."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterable, Mapping

# Below the range that kernels hand out for outgoing connections (32768 on Linux, 49152 elsewhere).
_FIRST, _LAST = 20_000, 32_000
_TRIES = 200


class PortTaken(Exception):
    pass


def choose(names: Iterable[str], *, kept: Mapping[str, int], gateway_port: int) -> dict[str, int]:
    """A port for each of `names`; "gateway" gets `gateway_port` (0: any). Raises PortTaken."""
    chosen: dict[str, int] = {}
    for name in names:
        if name == "gateway" and gateway_port:
            if not _is_free(gateway_port):
                raise PortTaken(
                    f"port {gateway_port} is taken: PORT=0 make run picks a free one, PORT=N another one"
                )
            chosen[name] = gateway_port
            continue
        port = kept.get(name, 0)
        if not port or port in chosen.values() or not _is_free(port):
            port = _pick(avoiding={*chosen.values(), *kept.values()})
        chosen[name] = port
    return chosen


def _pick(*, avoiding: set[int]) -> int:
    for _ in range(_TRIES):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if port not in avoiding and _is_free(port):
            return port
    raise PortTaken(f"no free port between {_FIRST} and {_LAST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
