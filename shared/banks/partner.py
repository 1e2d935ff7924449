"""Who we are, where no PSU's token says it."""

from __future__ import annotations

import base64
from urllib.parse import quote

from shared.banks.profile import BankSetup


def partner_headers(setup: BankSetup) -> dict[str, str]:
    """HTTP Basic with the client credentials; nothing where the certificate of the connection says it."""
    if setup.profile.partner_auth == "certificate":
        return {}
    pair = f"{form_encoded(setup.client_id)}:{form_encoded(setup.client_secret)}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def form_encoded(credential: str) -> str:
    """RFC 6749 §2.3.1: both parts are form-encoded before they are joined. authlib leaves that out.

    A space is %20 and not +, which servers that decode percent signs only would keep.
    """
    return quote(credential, safe="")
