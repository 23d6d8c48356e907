"""Where the operator answers probes and metrics."""

import asyncio
import socket

import aiohttp
import pytest

from controller.entrypoints import metrics
from controller.entrypoints.cli import run
from tests.entrypoints.well import Well


@pytest.mark.parametrize("listen", ["8080x", "localhost", ":", ":65536", ":-1", ":٨"])
def test_without_a_port_it_is_wrong_usage(listen: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["operator", "--listen", listen]) == 64

    assert "ends in no port" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_by_default_it_answers_on_ipv4_and_on_ipv6(address: str) -> None:
    """A pod has the one, the other or both."""
    if address == "[::1]" and not has_ipv6():
        pytest.skip("this machine has no IPv6")

    assert asyncio.run(asked(None, address)) == "ok\n"


async def asked(listening: str | None, address: str) -> str:
    port = free_port()
    meter = metrics.Meter()
    runner = await metrics.serve(listening, port, meter, Well())
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://{address}:{port}/healthz") as answer:
            return await answer.text()
    finally:
        await runner.cleanup()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as local:
            local.bind(("::1", 0))
    except OSError:
        return False
    return True
