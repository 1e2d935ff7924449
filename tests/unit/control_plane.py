"""An organisation of the control plane with people, keys and an invitation, on the real stores."""

from __future__ import annotations

from google.cloud.firestore import Client

from shared.domain.audit import Actor, Origin
from shared.domain.clock import Clock
from shared.domain.effects import new_effect
from shared.domain.users import Identity, user_id_of
from shared.gcp.invitation_store import InvitationStore
from shared.gcp.key_store import KeyStore
from shared.gcp.organisation_store import OrganisationStore
from shared.http.sealing import Sealer
from shared.use_cases.accept_invitation import accept_invitation
from shared.use_cases.invite_user import IssuedInvitation, invite_user
from shared.use_cases.sign_up import SignedUp, sign_up

_SECRETS_KEY = b"s" * 32
_ISSUER = "https://issuer.example"


def person(name: str) -> Identity:
    return Identity(
        user_id=user_id_of(issuer=_ISSUER, subject=name), subject=name, email=f"{name}@client.example"
    )


def origin_of(identity: Identity) -> Origin:
    return Origin(actor=Actor(kind="user", id=identity.user_id), ip_address="203.0.113.7", request_id="req_1")


class ControlPlane:
    def __init__(self, control: Client, clock: Clock) -> None:
        self.control = control
        self.organisations = OrganisationStore(control)
        self.invitations = InvitationStore(control)
        self.keys = KeyStore(control)
        self._clock = clock

    def sign_up(self, owner: Identity, *, name: str = "Bilko d.o.o.") -> SignedUp:
        return sign_up(
            name,
            identity=owner,
            effect=new_effect(at=self._clock.now()),
            secrets_key=_SECRETS_KEY,
            origin=origin_of(owner),
            organisations=self.organisations,
        )

    def invite(self, organisation_id: str, *, by: Identity, email: str) -> IssuedInvitation:
        return invite_user(
            organisation_id,
            by=by.user_id,
            email=email,
            role="viewer",
            effect=new_effect(at=self._clock.now()),
            secrets_key=_SECRETS_KEY,
            origin=origin_of(by),
            organisations=self.organisations,
            invitations=self.invitations,
            sealer=Sealer(b"l" * 32),
            environment="sandbox",
        )

    def join(self, organisation_id: str, identity: Identity, *, invited_by: Identity) -> None:
        token = self.invite(organisation_id, by=invited_by, email=identity.email).token
        accept_invitation(
            token,
            identity=identity,
            origin=origin_of(identity),
            organisations=self.organisations,
            invitations=self.invitations,
            clock=self._clock,
        )
