from __future__ import annotations

from shared.domain.errors import BankLeftAlone, BankUnavailable
from shared.http.errors import error_reply


def test_a_bank_that_is_left_alone_says_for_how_long() -> None:
    reply, kind = error_reply(
        BankLeftAlone("erste-hr", "Not now.", retry_after_seconds=17), request_id="req_1"
    )
    assert (kind.status, kind.code) == (502, "BANK_API_ERROR")
    assert ("Retry-After", "17") in reply.headers
    asked, _ = error_reply(BankUnavailable("erste-hr", "Down."), request_id="req_1")
    assert "Retry-After" not in dict(asked.headers)
