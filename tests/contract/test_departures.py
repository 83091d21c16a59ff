"""Callers that give up: in the middle of their request, or of its answer."""

import asyncio
import logging
from pathlib import Path

import pytest

from tests.contract.messaging import RTM
from tests.contract.service import APP_ID, MASTER_KEY, Service, running


class Noted(logging.Handler):
    """Says when somebody is said to have gone."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.gone = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Looks at one line of the log."""
        if "went away" in record.getMessage():
            self.gone.set()


async def give_up(service: Service, path: str, kind: str) -> None:
    """Sends half of what was announced, and hangs up."""
    port = int(service.base_url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: service.test",
        f"X-LC-Id: {APP_ID}",
        f"X-LC-Key: {MASTER_KEY},master",
        f"Content-Type: {kind}",
        "Content-Length: 1000",
    ]
    writer.write(("\r\n".join(lines) + '\r\n\r\n{"name": "half').encode())
    await writer.drain()
    writer.transport.abort()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (f"{RTM}/conversations", "application/json"),
        ("/1.1/classes/_Conversation", "text/plain"),
        ("/1.1/files/half.txt", "text/plain"),
    ],
)
async def test_a_request_that_breaks_off_is_an_ordinary_line_of_the_log_and_changes_nothing(
    pair: tuple[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str, kind: str
) -> None:
    folder, noted = tmp_path / "files", Noted()
    logging.getLogger("bridge").addHandler(noted)
    caplog.set_level(logging.DEBUG, logger="bridge")
    try:
        async with running(pair[0], "socket", files_folder=folder) as service:
            await give_up(service, path, kind)
            await asyncio.wait_for(noted.gone.wait(), 10)
            assert (await service.ok("GET", f"{RTM}/all-conversations"))["results"] == []
            assert (await service.ok("GET", "/1.1/files"))["results"] == []
    finally:
        logging.getLogger("bridge").removeHandler(noted)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert [one for one in folder.rglob("*") if one.name != ".uploads"] == []


async def test_an_answer_that_nobody_takes_is_one_as_well(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="bridge")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/healthz",
        "raw_path": b"/healthz",
        "query_string": b"",
        "headers": [],
        "server": ("service.test", 80),
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        raise BrokenPipeError

    await service.server.asgi(scope, receive, send)
    lines = [record for record in caplog.records if record.name.startswith("bridge.server")]
    assert [(record.levelname, record.getMessage()) for record in lines] == [
        ("INFO", "GET /healthz: the caller went away")
    ]
