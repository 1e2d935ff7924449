from __future__ import annotations

from urllib.parse import parse_qs

import httpx
import pytest

from localcloud.stack.psu import Person, PsuStuck, parse, walk

LOGIN = """<html><style>p {}</style><form action="/cancel"><button>Cancel</button></form>
<form method="post" action="login?step=1"><input type="hidden" name="csrf" value="a&amp;b">
<input name="username"><input type="password" name="password"><button>Go on</button></form>"""
CONSENT = """<form method=post><input type=checkbox name=account value=one checked>
<input type=checkbox name=account value=two><input type=checkbox name=news value=yes>
<input type=radio name=language value=hr checked><input type=radio name=language value=en>
<button name=decision value=approve>Yes</button><button name=decision value=decline>No</button></form>"""
BACK = "https://client.example/back"


def bank(seen: list[tuple[str, dict[str, list[str]]]]) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((str(request.url), parse_qs(request.content.decode())))
        match (request.method, request.url.path):
            case ("GET", "/start"):
                return httpx.Response(302, headers={"location": "/pages/login"})
            case ("GET", "/pages/login"):
                return httpx.Response(200, html=LOGIN)
            case ("POST", "/pages/login"):
                return httpx.Response(303, headers={"location": "consent"})
            case ("GET", "/pages/consent"):
                return httpx.Response(200, html=CONSENT)
            case ("POST", "/pages/consent"):
                return httpx.Response(302, headers={"location": f"{BACK}?code=1"})
        return httpx.Response(500, html="<p>Out of <b>order</b></p><script>x</script>")

    return httpx.Client(transport=httpx.MockTransport(answer))


def test_the_forms_are_filled_in_to_the_end() -> None:
    seen: list[tuple[str, dict[str, list[str]]]] = []

    end = walk(bank(seen), "https://bank.example/start", until=BACK, person=Person(username="iva"))

    assert end == f"{BACK}?code=1"
    posted = [(url, fields) for url, fields in seen if fields]
    assert posted == [
        (
            "https://bank.example/pages/login?step=1",
            {"csrf": ["a&b"], "username": ["iva"], "password": ["sandbox"]},
        ),
        (
            "https://bank.example/pages/consent",
            {"account": ["one", "two"], "language": ["hr"], "decision": ["approve"]},
        ),
    ]


def test_accounts_and_decision_may_be_chosen() -> None:
    seen: list[tuple[str, dict[str, list[str]]]] = []

    walk(bank(seen), "https://bank.example/start", until=BACK, decision="decline", accounts=["two"])

    assert seen[-1][1] == {"account": ["two"], "language": ["hr"], "decision": ["decline"]}


def test_a_page_without_a_form_is_told() -> None:
    with pytest.raises(PsuStuck, match=r"500 from https://bank\.example/broken: Out of order"):
        walk(bank([]), "https://bank.example/broken?secret=1", until=BACK)


def test_text_leaves_styles_and_scripts_out() -> None:
    assert parse("<style>a{}</style><p>Hello</p><script>b</script> you").text == "Hello you"
