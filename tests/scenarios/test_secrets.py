"""Unmistakable secrets are planted wherever a deployment has any, and nothing that ever comes out holds one."""

import itertools
import json
import re
import sqlite3
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bridge.playground.model import App
from bridge.playground.workspace import Workspace
from tests.crash.processes import free_port, lasting
from tests.scenarios.processes import Serving, arguments, of_slack, ran, serve, slack
from tests.unit.playground.stage import NEWS, SCOPES, TOM, serving

TOKENS = {
    "SLACK_BOT_TOKEN": "xoxb-planted-bot",
    "SLACK_SIGNING_SECRET": "planted-signing/secret+",
    "LEANCLOUD_APP_KEY": "planted-app-key",
    "LEANCLOUD_MASTER_KEY": "planted-master/key+",
    "LEANCLOUD_HOOK_KEY": "planted-hook-key",
}
APP_TOKEN = "xapp-planted-app"
PASSWORD = "planted-pass@word/1"
PLANTED = (*TOKENS.values(), APP_TOKEN, PASSWORD)
COMMANDS = (
    "help",
    "conv list",
    "conv create News --system",
    "conv show News",
    "conv show Nowhere",
    "conv list --where {",
    "broadcast News hello --from boss",
    "history News",
    "delivery list",
    "stats",
    "quota",
    "client show tom",
    "no such command",
)


def forms(secret: str) -> Iterator[str]:
    """How it could look on its way out."""
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield json.dumps(secret)[1:-1]
    yield b64encode(secret.encode()).decode().rstrip("=")
    yield b64encode(f"imbridge:{secret}".encode()).decode()[12:-4]


def leaks(*texts: str) -> list[str]:
    """Each secret that is in one of the texts."""
    return [each for secret in PLANTED for each in forms(secret) for text in texts if each in text]


@dataclass
class Talkative:
    """A messaging service that says what it was sent in every error, and in what it calls an address."""

    heard: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        """Nothing but a refusal, in one form after the other."""
        sent = request.headers.get("x-lc-key", "")
        self.heard.append(sent)
        words = f"wrong key {sent}; X-LC-Key: {sent}; {request.url}"
        match len(self.heard) % 4:
            case 0:
                return JSONResponse({"code": 401, "error": words}, 401)
            case 1:
                return JSONResponse({"code": 4000, "error": words}, 400)
            case 2:
                return PlainTextResponse(words, 502)
            case _:
                return PlainTextResponse(words)

    @property
    def app(self) -> Starlette:
        """Every path of it."""
        methods = ["GET", "POST", "PUT", "DELETE"]
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=methods)])


@asynccontextmanager
async def deployment(folder: Path, given: Mapping[str, str]) -> AsyncIterator[tuple[Serving, Workspace]]:
    """A bridge with these variables in a workspace whose tokens are the planted ones."""
    installed = App(
        bot_token=TOKENS["SLACK_BOT_TOKEN"],
        app_token=APP_TOKEN,
        signing_secret=TOKENS["SLACK_SIGNING_SECRET"],
        scopes=SCOPES,
    )
    (folder / "app.yaml").write_text("access: open\nrealtime: {sender: boss, aliases: {news: an-id}}\n")
    async with slack(installed) as workspace:
        # A source of another kind stands in the place of a variable.
        own = {name: value for name, value in of_slack(workspace).items() if not sources(given, name)}
        async with serve(folder, {**own, **given}) as bridge:
            if "SLACK_APP_TOKEN" not in given:
                workspace.app = replace(workspace.app, request_url=f"{bridge.url}/slack/events")
            yield bridge, workspace


def sources(given: Mapping[str, str], name: str) -> list[str]:
    """The variables that say where to find a secret."""
    return [each for each in given if each.startswith(name)]


async def used(bridge: Serving, workspace: Workspace) -> list[str]:
    """Everything that people, probes and strangers get out of a bridge at work."""
    told: list[str] = []
    for command in COMMANDS:
        outcome = await workspace.command(TOM, NEWS, f"/im {command}")
        told += [outcome.text, outcome.ack.body.decode() if outcome.ack else str(outcome.error)]
    told += [message.shown + json.dumps(message.blocks) for message in workspace.visible(NEWS, TOM)]
    async with httpx.AsyncClient(base_url=bridge.url, trust_env=False) as http:
        for path in ("/healthz", "/readyz", "/metrics", "/", "/nowhere", "/slack/events"):
            told.append((await http.get(path)).text)
        for body, headers in strange_requests():
            answer = await http.post("/slack/events", content=body, headers=headers)
            told += [answer.text, str(answer.headers)]
    told += arguments(bridge.pid)
    return told


def strange_requests() -> Iterable[tuple[bytes, Mapping[str, str]]]:
    """What makes a door write its errors: unsigned, half signed, and quoting our own secrets at us."""
    yield b"", {}
    yield b"payload=%7B", {"x-slack-signature": "v0=00", "x-slack-request-timestamp": "x"}
    secrets = "&".join(f"{name}={quote(value)}" for name, value in TOKENS.items()).encode()
    yield secrets, {"x-slack-signature": TOKENS["SLACK_SIGNING_SECRET"], "content-type": "text/plain"}


@pytest.mark.parametrize("sockets", [False, True], ids=["http", "socket mode"])
async def test_a_bridge_at_work_lets_no_secret_out(sockets: bool, tmp_path: Path) -> None:
    given = {**TOKENS, "LEANCLOUD_APP_ID": "an-app"}
    if sockets:
        given["SLACK_APP_TOKEN"] = APP_TOKEN
    async with deployment(tmp_path, given) as (bridge, workspace):
        told = await used(bridge, workspace)
        assert any("News" in each for each in told), bridge.said()
    assert leaks(bridge.said(), *told) == []
    assert leaks(*kept(tmp_path)) == []


def kept(folder: Path) -> list[str]:
    """All texts in the databases of a folder, and its other files but those that hold keys."""
    found = []
    for path in folder.rglob("*"):
        if path.suffix == ".db":
            with sqlite3.connect(path) as database:
                found.append("\n".join(database.iterdump()))
        elif path.is_file() and path.name != "realtime-keys.json":
            found.append(path.read_bytes().decode("latin-1"))
    return found


async def test_a_service_that_quotes_our_keys_at_us_is_not_quoted_further(tmp_path: Path) -> None:
    service = Talkative()
    async with serving(service.app) as url:
        given = {**TOKENS, "LEANCLOUD_APP_ID": "an-app", "LEANCLOUD_API_SERVER": url}
        async with deployment(tmp_path, given) as (bridge, workspace):
            told = await used(bridge, workspace)
        assert any(TOKENS["LEANCLOUD_MASTER_KEY"] in each for each in service.heard)
        assert any("wrong key" in each for each in told), "the service was not quoted at all"
        assert leaks(bridge.said(), *told) == []
        for words in (
            ("run", "conv", "list"),
            ("run", "--json", "conv", "list"),
            ("check",),
            ("export", "out"),
        ):
            ended = await ran(tmp_path, {**of_slack(workspace), **given}, *words)
            assert ended.code == 1
            assert leaks(ended.out, ended.err) == []


async def test_the_password_of_the_database_is_in_nothing_that_is_said(
    postgres_url: str, tmp_path: Path
) -> None:
    """Where its address works, where nobody answers, where there is no such database, where it is no address."""
    user = re.sub(r"://([^:/@?]*)(:[^@/]*)?@", rf"://\1:{quote(PASSWORD, safe='')}@", postgres_url)
    assert PASSWORD not in postgres_url
    assert quote(PASSWORD, safe="") in user
    async with deployment(tmp_path, {**TOKENS, "IMBRIDGE_DATABASE_URL": user}) as (bridge, workspace):
        told = await used(bridge, workspace)
        assert any("News" in each for each in told), bridge.said()
        assert leaks(bridge.said(), *told) == []
        given = {**of_slack(workspace), **TOKENS}
        wrong = (
            f"postgresql://imbridge:{quote(PASSWORD, safe='')}@127.0.0.1:{free_port()}/x",
            re.sub(r"/test_\d+", "/no_such_database", user),
            f"postgresql://imbridge:{PASSWORD}@127.0.0.1:port/x",
            f"mysql://imbridge:{PASSWORD}@127.0.0.1/x",
            PASSWORD,
        )
        ways = (("run", "conv", "list"), ("serve",), ("check",))
        for address, words in zip(wrong, itertools.cycle(ways), strict=False):
            ended = await ran(tmp_path, {**given, "IMBRIDGE_DATABASE_URL": address}, *words)
            assert ended.code == 1, (address, words, ended)
            assert leaks(ended.out, ended.err) == []
        ended = await ran(tmp_path, given, "realtime", "--port", "0", "--database-url", wrong[0])
        assert ended.code == 1
        assert leaks(ended.out, ended.err) == []


async def test_the_messaging_server_alone_shows_no_key_to_whoever_calls_it(tmp_path: Path) -> None:
    """Also where it calls the app's own servers, which are not there."""
    gone = f"http://127.0.0.1:{free_port()}"
    hooks = f"{{webhook: {gone}, functions: {gone}, push: {gone}, fail_closed: true}}"
    (tmp_path / "app.yaml").write_text(f"realtime: {{hooks: {hooks}}}\n")
    given = {**TOKENS, "LEANCLOUD_APP_ID": "an-app"}
    told: list[str] = []
    async with (
        lasting(["realtime", "--port", "0"], tmp_path, given) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
    ):
        for key in ("wrong", TOKENS["LEANCLOUD_APP_KEY"], f"{TOKENS['LEANCLOUD_MASTER_KEY']},master"):
            headers = {"X-LC-Id": "an-app", "X-LC-Key": key}
            for path in (
                "/1.2/rtm/all-conversations",
                "/1.2/rtm/service-conversations",
                "/nowhere",
                "/v1/route",
            ):
                told += [answer_of(await http.get(path, headers=headers))]
                told += [answer_of(await http.post(path, headers=headers, json={"name": "News"}))]
                told += [answer_of(await http.post(path, headers=headers, content=b"{"))]
    assert {each[:3] for each in told} >= {"200", "400", "401", "404"}
    assert leaks(*told, *kept(tmp_path)) == []


def answer_of(answer: httpx.Response) -> str:
    """All of it."""
    return f"{answer.status_code} {answer.headers} {answer.text}"


CRASH = """
import asyncio, bridge.app, os, threading
secrets = [os.environ[name] for name in os.environ if name.startswith(("SLACK_", "LEANCLOUD_", "IMBRIDGE_"))]
async def crash(*given):
    asyncio.get_running_loop().call_soon(lambda: 1 / len([each for each in secrets if each == ""]))
    threading.Thread(target=lambda: [].index(secrets)).start()
    await asyncio.sleep(0.05)
    try:
        raise KeyError(secrets)
    except KeyError as error:
        error.add_note(str(given) + " " + " ".join(secrets))
        raise RuntimeError(f"{secrets} {given!r}") from error
bridge.app.serve = crash
from bridge.cli import main
main()
"""


async def test_a_process_that_breaks_off_shows_why_and_no_secret(tmp_path: Path) -> None:
    url = f"postgresql://imbridge:{quote(PASSWORD, safe='')}@db.example/x"
    given = {**TOKENS, "SLACK_APP_TOKEN": APP_TOKEN, "IMBRIDGE_DATABASE_URL": url}
    ended = await ran(tmp_path, given, "serve", program=("-c", CRASH))
    assert ended.code == 1
    assert ended.err.count("Traceback") == 4  # the last two are one that led to the other
    assert "RuntimeError: ['***'" in ended.err
    assert "KeyError" in ended.err
    assert leaks(ended.out, ended.err) == []


async def test_secrets_from_files_and_commands_serve_and_show_no_more_than_others(tmp_path: Path) -> None:
    given: dict[str, str] = {"LEANCLOUD_APP_ID": "an-app"}
    mounted = tmp_path / "secrets"
    mounted.mkdir()
    for number, (name, value) in enumerate(TOKENS.items()):
        (mounted / name).write_text(f"{value}\n")
        source = ("_COMMAND", f"cat '{mounted / name}'") if number % 2 else ("_FILE", str(mounted / name))
        given[name + source[0]] = source[1]
    home = tmp_path / "home"
    home.mkdir()
    async with deployment(home, given) as (bridge, workspace):
        told = await used(bridge, workspace)
        assert any("News" in each for each in told), bridge.said()
    assert leaks(bridge.said(), *told) == []


async def test_settings_that_hold_a_secret_stop_the_start_and_do_not_repeat_it(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text(
        f"slack: {{bot_token: {TOKENS['SLACK_BOT_TOKEN']}}}\n"
        f"realtime: {{aliases: {{news: {TOKENS['LEANCLOUD_MASTER_KEY']}}}, sender: {APP_TOKEN}}}\n"
        f"{TOKENS['SLACK_BOT_TOKEN']}: 1\n"
    )
    for words in (("serve",), ("run", "--json", "conv", "list"), ("check",)):
        ended = await ran(tmp_path, TOKENS, *words)
        told = ended.out + ended.err
        assert ended.code == 1
        assert leaks(told) == []
        assert "app.yaml:1 slack.bot_token: belongs in the environment, as SLACK_BOT_TOKEN" in told
        assert "app.yaml:2 realtime.aliases.news: is the value of LEANCLOUD_MASTER_KEY" in told
        assert "app.yaml:2 realtime.sender: looks like a token of Slack" in told
