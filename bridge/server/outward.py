"""Everything that leaves for the app's own addresses, put together from the settings."""

from bridge.server.cloud_hooks import CloudHooks
from bridge.server.engine import Engine
from bridge.server.hooks import AppDoors, push_patience, webhook_patience
from bridge.server.outbox import Courier, Door
from bridge.server.presence import Presence
from bridge.server.settings import ServerSettings


class Outward:
    """The cloud functions, and the couriers to the webhook and the push endpoint, each absent without an address."""

    def __init__(self, settings: ServerSettings, engine: Engine, presence: Presence) -> None:
        hooks, clock = settings.hooks, settings.clock
        self._doors = AppDoors(hooks, settings.app_id) if hooks.any else None
        self.functions = CloudHooks(
            self._doors.function if self._doors is not None and hooks.functions else None,
            presence,
            clock,
            fail_closed=hooks.fail_closed,
        )
        self.webhook: Courier | None = None
        self.push: Courier | None = None
        if self._doors is not None and hooks.webhook:
            patience = webhook_patience(hooks)
            self.webhook = Courier(engine, clock, Door.WEBHOOK, self._doors.webhook, patience)
        if self._doors is not None and hooks.push:
            self.push = Courier(engine, clock, Door.PUSH, self._doors.push, push_patience(hooks))

    async def close(self) -> None:
        """Stops; what has not arrived stays in the outbox."""
        await self.functions.close()
        for courier in (self.webhook, self.push):
            if courier is not None:
                await courier.close()
        if self._doors is not None:
            await self._doors.close()
