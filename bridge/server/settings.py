"""What a server needs to be told before it starts, and the rate limits of each plan."""

from dataclasses import dataclass, field
from pathlib import Path

from bridge.clock import Clock, now_ms


@dataclass(frozen=True)
class Plan:
    """How many REST calls of each rate family the app may make; `None` is no limit.

    The per-minute figures hold for one minute, the daily ones until the day ends. The families are described in the
    section on REST rate limits: ordinary messages, messages to all subscribers, and broadcasts.
    """

    ordinary_per_minute: int | None
    subscription_per_minute: int | None
    subscription_per_day: int | None
    broadcast_per_minute: int | None
    broadcast_per_day: int | None


DEVELOPMENT = Plan(
    ordinary_per_minute=120,
    subscription_per_minute=10,
    subscription_per_day=100,
    broadcast_per_minute=1,
    broadcast_per_day=10,
)
BUSINESS = Plan(
    ordinary_per_minute=1800,
    subscription_per_minute=30,
    subscription_per_day=1000,
    broadcast_per_minute=10,
    broadcast_per_day=30,
)
UNLIMITED = Plan(
    ordinary_per_minute=None,
    subscription_per_minute=None,
    subscription_per_day=None,
    broadcast_per_minute=None,
    broadcast_per_day=None,
)


@dataclass(frozen=True)
class Hooks:
    """The app's own addresses that the server calls, each absent where it has none; none of them is ever logged.

    The `webhook` gets the upstream messages of service conversations, `push` gets push data, `functions` is the base of
    the cloud functions: `/1.1/functions/NAME` there is called with `key`. A function that gives no answer within
    `function_seconds` is passed over or, with `fail_closed`, counts as a refusal; the other two have `answer_seconds`,
    and `retry_seconds` is the first wait before they are called again.
    """

    webhook: str | None = field(default=None, repr=False)
    functions: str | None = field(default=None, repr=False)
    push: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    fail_closed: bool = False
    function_seconds: float = 3
    answer_seconds: float = 5
    retry_seconds: float = 1

    @property
    def any(self) -> bool:
        """Whether there is any address at all."""
        return bool(self.webhook or self.functions or self.push)


@dataclass(frozen=True)
class ServerSettings:
    """One app's identity, keys, storage, limits and clock (UTC milliseconds); the keys stay out of its repr.

    `sign_history` makes REST history reads carry a signature, `sign_login` the opening of sessions,
    `sign_conversations` making conversations, inviting and removing, and `sign_blacklists` blocking: switches that the
    service keeps off unless asked. `web_origins` are the pages that browsers may connect from, all when empty.
    A socket has `login_seconds` to open a session; one on which nothing is heard at all is ended with another code.
    `files_folder` holds the files of messages that were moved here; none are served without it.
    `history_days` is how long messages are kept, for good when absent; the service keeps them for 180 days.
    """

    app_id: str
    app_key: str = field(repr=False)
    master_key: str = field(repr=False)
    database_url: str = field(repr=False)
    plan: Plan = BUSINESS
    clock: Clock = now_ms
    sign_history: bool = False
    sign_login: bool = False
    sign_conversations: bool = False
    sign_blacklists: bool = False
    web_origins: tuple[str, ...] = ()
    login_seconds: float = 60
    files_folder: Path | None = None
    hooks: Hooks = Hooks()
    history_days: float | None = None
