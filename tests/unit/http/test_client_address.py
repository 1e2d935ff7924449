"""Nobody chooses the address that the audit log and the banks are told: proxies' words count, the client's do not."""

from __future__ import annotations

import pytest

from shared.http.client_address import client_address
from shared.settings import MissingSetting, load_settings

CLIENT, BALANCER, GATEWAY, FORGED = "198.51.100.7", "203.0.113.9", "10.0.0.1", "192.0.2.66"


def seen(*hops: str, trusted: int = 1, peer: str | None = "127.0.0.1") -> str:
    return client_address(
        ", ".join(hops) or None, peer=peer, trusted_proxies=trusted, known_proxies=(BALANCER,)
    )


@pytest.mark.parametrize("claim", [(), (FORGED,), (FORGED, BALANCER), ("é", "1", "x"), ("",), (FORGED,) * 50])
@pytest.mark.parametrize(
    "added",
    [
        (CLIENT, GATEWAY),  # by the gateway's own host name
        (CLIENT, BALANCER, GATEWAY),  # as the load balancer's documentation has it
        (CLIENT, BALANCER, CLIENT, GATEWAY),  # as it was measured before Cloud Run
    ],
)
def test_a_claim_changes_nothing_whichever_way_the_request_came(
    claim: tuple[str, ...], added: tuple[str, ...]
) -> None:
    assert seen(*claim, *added) == CLIENT


def test_with_too_few_proxies_it_is_a_proxys_address_and_never_a_claim() -> None:
    assert seen(FORGED, CLIENT, GATEWAY, trusted=0) == GATEWAY


@pytest.mark.parametrize("trusted", [0, 1, 2, 5])
def test_a_single_address_is_taken_whatever_the_number(trusted: int) -> None:
    assert seen(CLIENT, trusted=trusted) == CLIENT


@pytest.mark.parametrize("hops", [(), ("unknown", GATEWAY), ("", GATEWAY), ("<script>", GATEWAY)])
def test_what_is_no_address_is_not_believed(hops: tuple[str, ...]) -> None:
    assert seen(*hops) == "127.0.0.1"
    assert seen(*hops, peer=None) == ""


def test_addresses_are_written_in_one_way() -> None:
    assert seen("2001:DB8:0:0::7", GATEWAY) == "2001:db8::7"


BASE = {"TOK_ENVIRONMENT": "live", "TOK_PROJECT": "p", "TOK_INVOKERS": "gateway@p"}


def test_the_setting_names_a_number_and_known_addresses() -> None:
    assert load_settings(BASE).trusted_proxies == 0, "never a claim, where nobody said anything"
    settings = load_settings(BASE | {"TOK_TRUSTED_PROXIES": "1,203.0.113.9, 2001:DB8::1"})
    assert (settings.trusted_proxies, settings.known_proxies) == (1, ("203.0.113.9", "2001:db8::1"))


@pytest.mark.parametrize("text", ["", "-1", "6", "one", "1,", "1,front", "203.0.113.9", "1.5"])
def test_a_setting_that_says_nothing_stops_the_function(text: str) -> None:
    with pytest.raises(MissingSetting, match="TOK_TRUSTED_PROXIES"):
        load_settings(BASE | {"TOK_TRUSTED_PROXIES": text})


@pytest.mark.parametrize("text", ["", "sandbox", "live,test", "live,"])
def test_environments_without_ones_own_or_with_unknown_ones_stop_the_function(text: str) -> None:
    with pytest.raises(MissingSetting, match="TOK_ENVIRONMENTS"):
        load_settings(BASE | {"TOK_ENVIRONMENTS": text})
