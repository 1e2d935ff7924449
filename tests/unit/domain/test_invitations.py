from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.errors import Invalid
from shared.domain.invitations import INVITATION_LIFETIME, Invitation, is_invitation_token, require_email

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_an_invitation_is_open_until_it_is_used_withdrawn_or_over() -> None:
    invitation = Invitation(
        id="inv_1",
        organisation_id="org_1",
        email="a@b.hr",
        role="viewer",
        invited_by="usr_1",
        created_at=NOW,
        expires_at=NOW + INVITATION_LIFETIME,
    )
    assert invitation.is_open(at=NOW)
    assert not invitation.is_open(at=NOW + timedelta(days=7))


@pytest.mark.parametrize("email", ["ana@bilko.io", " Ana@Bilko.IO ", "a.b+c@x-y.co.rs", "čika@bilko.rs"])
def test_addresses(email: str) -> None:
    assert require_email(email) == email.strip().lower()


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "a@",
        "@b.hr",
        "a@b",
        "a@@b.hr",
        "a@b..hr",
        "a\n@b.hr",
        "a b@c.hr",
        "a@b.hr,c@d.hr",
        "x" * 250 + "@b.hr",
    ],
)
def test_what_is_no_address(email: str) -> None:
    with pytest.raises(Invalid):
        require_email(email)


@pytest.mark.parametrize(
    "text", ["", "tok_invitation_", "tok_invitation_" + "a" * 42, "tok_live_" + "a" * 43]
)
def test_what_is_no_token(text: str) -> None:
    assert not is_invitation_token(text)
