"""`notify` to 10,000 clients: with the ledger, by the same HTTP client without one, and by the service's Python SDK.

The server is a process of its own and its quotas are lifted. All three make the same 500 calls.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.messaging_server import IDENTITY, KEYS, messaging
from benchmarks.processes import environment
from benchmarks.report import Table, middle
from bridge.database.engine import Database
from bridge.database.ledger import Ledger
from bridge.delivery import Deliveries, Pace
from bridge.invocation import Actor, Invocation, Place, Trigger
from bridge.ledger import Act, Plan, State
from bridge.listen import run
from bridge.realtime.client import RealtimeClient, open_http
from bridge.realtime.content import Plain, Text, encode, with_delivery
from bridge.realtime.models import Kind, NewConversation, Ref
from bridge.reply import Reply

CLIENTS = 10_000
PER_CALL = 20
AT_ONCE = Pace().calls_at_once
ROUNDS = 5
SDK_PYTHONS = "var/test-environments/leancloud-*/bin/python"
SDK_SCRIPT = Path(__file__).with_name("sdk_notify.py")
AUDIENCE = tuple(f"client-{number}" for number in range(CLIENTS))
MESSAGE = encode(with_delivery(Text("您的退款已到账。"), "benchmark00"))


@dataclass(frozen=True, slots=True)
class Round:
    """One run: its seconds by the clock, and on a processor in the process that calls (None: another's)."""

    seconds: float
    cpu: float | None


async def measure() -> list[Table]:
    """The three in turn, round after round, so that what disturbs the machine disturbs all alike."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = await stack.enter_async_context(
            messaging(folder / "server", f"sqlite:///{folder}/realtime.db")
        )
        http = await stack.enter_async_context(open_http(server.url))
        client = RealtimeClient(http, KEYS)
        made = await client.create_conversation(NewConversation("news", Kind.SYSTEM))
        conversation = Ref(made.id, Kind.SYSTEM)
        numbers = iter(range(1_000))
        database = await Database.open(f"sqlite:///{folder}/bridge.db")
        stack.push_async_callback(database.close)

        async def recorded() -> None:
            await _recorded(client, database, conversation, next(numbers))

        async def bare() -> None:
            await _bare(client, conversation)

        await recorded()
        await bare()
        rounds: dict[str, list[Round]] = {"bare": [], "recorded": [], "sdk": []}
        for _ in range(ROUNDS):
            rounds["bare"].append(await _timed(bare))
            rounds["recorded"].append(await _timed(recorded))
        interpreter = sdk()
        if interpreter is not None:
            rounds["sdk"] = [await _sdk(interpreter, server.url, made.id) for _ in range(2)]
        return [_table(rounds)]


def sdk() -> Path | None:
    """An interpreter that has the service's Python SDK, where its contract tests have made one."""
    return next((each.absolute() for each in Path().glob(SDK_PYTHONS)), None)


def _table(rounds: dict[str, list[Round]]) -> Table:
    calls = CLIENTS // PER_CALL
    bare = middle([each.seconds for each in rounds["bare"]])
    bare_cpu = middle([each.cpu or 0.0 for each in rounds["bare"]])
    rows = []
    names = {
        "bare": "the HTTP client alone",
        "recorded": "notify, each call in the ledger",
        "sdk": "Python SDK, a loop",
    }
    for key, name in names.items():
        if done := rounds[key]:
            seconds = middle([each.seconds for each in done])
            cpu = None if done[0].cpu is None else middle([each.cpu or 0.0 for each in done])
            of_cpu = None if cpu is None else bare_cpu / cpu
            rows.append(
                (name, calls / seconds, bare / seconds, None if cpu is None else cpu / calls * 1e6, of_cpu)
            )
    return Table(
        f"Notify {CLIENTS} clients, {calls} calls",
        ("who", "calls/s", "of the client's", "CPU µs a call", "of the client's CPU"),
        tuple(rows),
        (f"Medians of {ROUNDS} rounds, {AT_ONCE} calls at once; CPU of the calling process alone.",),
    )


async def _timed(work: Callable[[], Awaitable[None]]) -> Round:
    started, cpu = time.perf_counter(), time.process_time()
    await work()
    return Round(time.perf_counter() - started, time.process_time() - cpu)


async def _bare(client: RealtimeClient, conversation: Ref) -> None:
    calls = iter([AUDIENCE[start : start + PER_CALL] for start in range(0, CLIENTS, PER_CALL)])

    async def work() -> None:
        for clients in calls:
            await client.send_to_clients(conversation, "boss", Plain(MESSAGE), clients)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _recorded(client: RealtimeClient, database: Database, conversation: Ref, number: int) -> None:
    ledger = Ledger(database, "benchmark")
    plan = Plan(
        id=f"benchmark{number}",
        act=Act.NOTIFY,
        conversation=conversation.id,
        kind=Kind.SYSTEM,
        name="news",
        sender="boss",
        message=MESSAGE,
        text="您的退款已到账。",
        audience=AUDIENCE,
    )
    asked = Invocation("i1", f"request-{number}", Actor("U1"), Place("T1", "C1"), Trigger.SLASH, 0)
    delivery = await Deliveries(ledger, client).carry_out(plan, asked, _untold)
    await ledger.finish()
    assert delivery.state is State.SENT


async def _untold(_: Reply) -> None:
    """Nobody watches."""


async def _sdk(interpreter: Path, url: str, conversation: str) -> Round:
    command = [
        str(interpreter),
        str(SDK_SCRIPT),
        *IDENTITY.values(),
        conversation,
        str(CLIENTS // PER_CALL),
    ]
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        env=environment({"LEANCLOUD_API_SERVER": url}),
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(done.stdout)
    return Round(seen["seconds"], seen["cpu"])


if __name__ == "__main__":
    for table in run(measure()):
        sys.stdout.write(table.text() + "\n")
