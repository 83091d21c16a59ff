"""What can come of a call to the messaging service: one class for each different reaction.

    RealtimeError
    ├── NotSent             the service has certainly not acted: the same call may be made again
    │   └── RateLimited     ... once `wait_ms` has passed: a quota is used up
    ├── Rejected            the service, or the documented rules before it, said no: tell whoever asked
    │   └── Unauthorized    ... and tell the administrator: keys, permissions or the app itself
    ├── Unknown             a call that acts went out and no readable answer came: look it up, never repeat it
    └── Unavailable         a read failed (already tried again here): nothing was changed, ask later

A call that acts raises NotSent, RateLimited, Rejected, Unauthorized or Unknown. A read raises Unavailable where
an acting call would raise NotSent or Unknown, and RateLimited, Rejected or Unauthorized as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.realtime.limits import Family


class RealtimeError(Exception):
    """A call that failed: which one, and what is known of why; never a key, never a body."""

    def __init__(
        self, reason: str, *, request: str, code: int | None = None, status: int | None = None
    ) -> None:
        super().__init__(reason)
        self._reason = reason
        self._request = request
        self._code = code
        self._status = status

    @property
    def reason(self) -> str:
        """For people: the service's own words where it gave any."""
        return self._reason

    @property
    def request(self) -> str:
        """Method and path, such as `POST /1.2/rtm/broadcasts`."""
        return self._request

    @property
    def code(self) -> int | None:
        """The service's error code (REST 1.2, error codes)."""
        return self._code

    @property
    def status(self) -> int | None:
        """The HTTP status; None where no answer came or the call was not made."""
        return self._status

    def __str__(self) -> str:
        known = [
            f"code {self.code}" if self.code is not None else "",
            f"HTTP {self.status}" if self.status else "",
        ]
        return f"{self.request}: {self.reason}" + "".join(f" ({part})" for part in known if part)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class NotSent(RealtimeError):
    """The call certainly did nothing; it may be made again."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The quota that is used up."""

    family: Family | None = None
    """None when it is the general API concurrency, or a quota of the whole app."""
    daily: bool = False
    """Whether it is the day's total, not only the minute's."""
    wait_ms: int = 60_000
    """Milliseconds after which asking again makes sense."""


class RateLimited(NotSent):
    """A quota is used up: by the service's answer, or by our own count before the call."""

    def __init__(
        self, reason: str, *, request: str, code: int | None = None, status: int | None = None, limit: Limit
    ) -> None:
        super().__init__(reason, request=request, code=code, status=status)
        self._limit = limit

    @property
    def limit(self) -> Limit:
        """Which quota, and how long to wait."""
        return self._limit

    @property
    def family(self) -> Family | None:
        """The family of calls whose quota it is."""
        return self._limit.family

    @property
    def wait_ms(self) -> int:
        """Milliseconds after which asking again makes sense."""
        return self._limit.wait_ms


class Rejected(RealtimeError):
    """A definite no; nothing was done."""


class Unauthorized(Rejected):
    """The keys, the permissions or the app's own state forbid it: an administrator must act."""


class Unknown(RealtimeError):
    """The call may have acted or not: only the service's own records can tell."""


class Unavailable(RealtimeError):
    """A read that got no usable answer."""
