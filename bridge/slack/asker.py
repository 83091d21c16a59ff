"""Who is answered, and Slack's address for answering them late."""

from dataclasses import dataclass, field

URL_USES = 5
URL_PROGRESS_USES = 3
URL_LIFETIME_MS = 30 * 60 * 1000


@dataclass(slots=True)
class ResponseUrl:
    """Slack's address for late answers: five posts within 30 minutes, of which progress gets three.

    A command's stands for what was last posted through it, which a later post then replaces; a button's (`ours`
    false) for the message that holds the button.
    """

    url: str = field(repr=False)
    opened_at: int
    ours: bool = True
    standing: bool = False
    used: int = 0
    used_for_progress: int = 0

    def take(self, now: int, *, progress: bool) -> bool:
        """One use, where there is one left."""
        exhausted = self.used >= URL_USES or now - self.opened_at >= URL_LIFETIME_MS
        if exhausted or (progress and self.used_for_progress >= URL_PROGRESS_USES):
            return False
        self.used += 1
        self.used_for_progress += progress
        return True


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is answered: what only they see goes to them; `locale` is their language where it is known.

    `question` is the `ts` of the message that they have answered, whose place the answer to all takes; `thread` that
    of the one below which the answer goes. Who wants to be `alone` is answered where nobody else sees it.
    """

    user: str
    locale: str | None = None
    response_url: ResponseUrl | None = None
    question: str | None = None
    thread: str | None = None
    alone: bool = False
