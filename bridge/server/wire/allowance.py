"""How much one client may do over its sockets: above it a command gets no answer at all (client-side rate limits)."""

from weakref import WeakValueDictionary

from bridge.clock import Clock

MINUTE_MS = 60_000
MESSAGES = 60
HISTORY = 120
OTHERS = 30
"""A minute, of each other kind of operation."""

_LIMITS: dict[tuple[str, str | None], int] = {("direct", None): MESSAGES, ("logs", None): HISTORY}


class Allowance:
    """The commands of one client in the current minute, by kind."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._used: dict[tuple[str, str | None], tuple[int, int]] = {}

    def take(self, cmd: str, op: str | None) -> bool:
        """Counts a command; False when the client has used up what it may do of its kind."""
        kind = (cmd, op)
        now = self._clock()
        began, used = self._used.get(kind, (now, 0))
        if not began <= now < began + MINUTE_MS:
            began, used = now, 0
        if used >= _LIMITS.get(kind, OTHERS):
            return False
        self._used[kind] = (began, used + 1)
        return True


class Allowances:
    """The allowances of the clients that are here; without a limit, what they may do is not counted."""

    def __init__(self, clock: Clock, limited: bool) -> None:
        self._clock = clock
        self._limited = limited
        self._clients: WeakValueDictionary[str, Allowance] = WeakValueDictionary()

    def of(self, client_id: str) -> Allowance | None:
        """What the sessions of a client share."""
        if not self._limited:
            return None
        return self._clients.setdefault(client_id, Allowance(self._clock))
