"""One call to the XS2A interface: the headers that all calls share, and refusals as BankErrors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.banks.berlin_group.errors import failure
from shared.banks.http import BankHttp, Reply, segment
from shared.banks.partner import partner_headers
from shared.banks.profile import BankSetup
from shared.domain.bank_data import BankAccess
from shared.domain.clock import Clock
from shared.domain.errors import BankConfigurationError, BankTokenExpired, BankUnavailable


class BerlinGroupApi:
    def __init__(self, setup: BankSetup, http: BankHttp, clock: Clock) -> None:
        self.profile = setup.profile
        self.root = setup.base_url + setup.profile.api_path
        self._setup = setup
        self._http = http
        self._clock = clock

    def url(self, *segments: str) -> str:
        try:
            return "/".join((self.root, *(segment(part) for part in segments)))
        except ValueError:
            raise BankUnavailable(self.profile.id, "The bank's own id cannot be asked for.") from None

    def link(self, href: str, *, request_url: str) -> str:
        """A link of the bank's, absolute; only on the bank's own origin."""
        if self.profile.link_base == "api" and "://" not in href:
            return self._http.resolve(self._setup.base_url + "/", href.lstrip("/"))
        return self._http.resolve(request_url, href)

    def on_bank(self, path: str) -> str:
        """A path and query that a link once gave."""
        return self._http.resolve(self._setup.base_url, path)

    def as_partner(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        may_be_absent: bool = False,
    ) -> Any:
        """A call in our own name. Answers the body; None for a 404 that `may_be_absent` allows."""
        try:
            return self._call(
                method,
                url,
                headers={**partner_headers(self._setup), **(headers or {})},
                json=json,
                may_be_absent=may_be_absent,
            )
        except BankTokenExpired:
            # No PSU's token was sent: a bare 401 is about us.
            raise BankConfigurationError(
                self.profile.id, "The bank does not accept our registration."
            ) from None

    def as_psu(self, url: str, access: BankAccess, *, params: Mapping[str, str] | None = None) -> Any:
        """A read under a PSU's consent. Answers the body."""
        headers = {"Authorization": f"Bearer {access.access_token}", "Consent-ID": access.bank_consent_id}
        if access.psu_ip_address is not None:
            headers["PSU-IP-Address"] = access.psu_ip_address
        return self._call("GET", url, headers=headers, params=params)

    def _call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        may_be_absent: bool = False,
    ) -> Any:
        reply: Reply = self._http.call(
            method, url, headers={**self.profile.headers, **headers}, params=params, json=json
        )
        if reply.status in (404, 410) and may_be_absent:
            return None
        if reply.status >= 400:
            raise failure(self.profile.id, reply, now=self._clock.now())
        return reply.body
