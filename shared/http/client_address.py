"""Where a request came from, as the platform's own proxies saw it.

Each proxy adds the address of whoever called it to the end of X-Forwarded-For; what stands before that is the
client's own claim. How many of the last addresses are proxies' differs between installations: it is a setting
(TOK_TRUSTED_PROXIES), and docs/operations.md says how to confirm it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence


def client_address(
    forwarded_for: str | None, *, peer: str | None, trusted_proxies: int, known_proxies: Sequence[str] = ()
) -> str:
    """The last of `forwarded_for`, once its last `trusted_proxies` and then those of `known_proxies` are taken off.

    `peer`, who opened the connection, where there is none or it is no address; "" where nothing is known.
    """
    hops = [hop.strip() for hop in (forwarded_for or "").split(",")]
    del hops[max(1, len(hops) - trusted_proxies) :]
    while len(hops) > 1 and _address(hops[-1]) in known_proxies:
        hops.pop()
    return _address(hops[-1]) or _address(peer or "")


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
