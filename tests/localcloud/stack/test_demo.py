from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.stack import ROOT, Stack


@pytest.mark.stack
def test_the_demo_connects_a_bank_and_finds_it_connected_the_next_time(stack: Stack) -> None:
    first, second = (demonstrate(stack), demonstrate(stack))

    for shown in (first, second):
        assert "Ana Žanić" in shown
        assert "Counterparty" in shown
        assert f"{stack.gateway_url}/banks?country=HR" in shown
        assert f"-X DELETE -H 'Authorization: ApiKey {stack.info['sandboxApiKey']}'" in shown
    assert "Ana signs in at her bank's own pages" in first
    assert "is connected already" in second


def demonstrate(stack: Stack) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "localcloud.stack.demo", str(stack.folder)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=170,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
