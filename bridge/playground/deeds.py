"""What people do on the page, each a small post: speak, press, choose, fill in, and what a phone's owner does."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.playground.device import RefusedError
from bridge.playground.model import Json, Message, SlackError, View
from bridge.playground.phones import Phones
from bridge.playground.suggestions import suggest
from bridge.playground.workspace import Workspace

BODY_BYTES = 100_000
FILE_BYTES = 2_000_000

Act: TypeAlias = Callable[[Json], Awaitable[Json]]


class Deeds:
    """Everything that the page can ask for, by the name under which it posts it."""

    def __init__(self, workspace: Workspace, phones: Phones) -> None:
        self._workspace = workspace
        self._phones = phones
        self.actions: dict[str, Act] = {
            "say": self._say,
            "press": self._press,
            "view-press": self._press_in_view,
            "view-submit": self._submit,
            "view-close": self._close,
            "home": self._open_home,
            "shortcut": self._shortcut,
            "suggest": self._suggest,
            "phone": self._switch,
            "read": self._read,
            "chat": self._chat,
        }

    async def upload(self, request: Request) -> Response:
        """A file that somebody puts into a form; the app sees it once the form is submitted."""
        if int(request.headers.get("content-length") or FILE_BYTES + 1) > FILE_BYTES:
            return JSONResponse({"error": "too long"}, 413)
        user, name = request.query_params.get("user", ""), request.query_params.get("name", "")
        if user not in self._workspace.users or not name:
            return JSONResponse({"error": "not there any more"}, 404)
        content = await request.body()
        kind = request.headers.get("content-type", "application/octet-stream")
        file = self._workspace.add_file(name, len(content), user, kind, content)
        file["channels"].append(self._workspace.direct(self._workspace.app.user_id, user).id)
        return JSONResponse({"id": file["id"], "name": name, "size": len(content)})

    # -- In the workspace ---------------------------------------------------------------------------------------

    async def _say(self, body: Json) -> Json:
        user, channel, text = _texts(body, "user", "channel", "text")
        thread = body.get("thread")
        if text.startswith("/") and not thread:
            outcome = await self._workspace.command(user, channel, text)
        else:
            thread = _texts(body, "thread")[0] if thread else None
            outcome = await self._workspace.say(user, channel, text, thread=thread)
        return {"error": outcome.error}

    async def _press(self, body: Json) -> Json:
        user, block, action = _texts(body, "user", "block", "action")
        message = self._message(body)
        outcome = await self._workspace.press(user, message, action, body.get("choice"), block_id=block)
        return {"error": outcome.error}

    async def _press_in_view(self, body: Json) -> Json:
        user, block, action = _texts(body, "user", "block", "action")
        view = self._workspace.fill(self._view(body), _entries(body))
        outcome = await self._workspace.press_in_view(user, view, action, body.get("choice"), block_id=block)
        return {"error": outcome.error}

    async def _submit(self, body: Json) -> Json:
        (user,) = _texts(body, "user")
        view = self._workspace.fill(self._view(body), _entries(body))
        return {"error": (await self._workspace.submit(user, view)).error}

    async def _close(self, body: Json) -> Json:
        """Close one modal or, with `cleared`, all of them, the topmost first."""
        (user,) = _texts(body, "user")
        view, cleared = self._view(body), body.get("cleared") is True
        if view.body["type"] != "modal":
            raise LookupError(view.id)
        error = None
        for each in reversed(self._workspace.stack(user)) if cleared else (view,):
            error = (await self._workspace.close(user, each, cleared=cleared)).error or error
        return {"error": error}

    async def _open_home(self, body: Json) -> Json:
        return {"error": (await self._workspace.open_home(*_texts(body, "user"))).error}

    async def _shortcut(self, body: Json) -> Json:
        user, callback = _texts(body, "user", "callback")
        message = self._message(body) if body.get("ts") else None
        channel = body.get("channel") if body.get("channel") in self._workspace.channels else None
        outcome = await self._workspace.shortcut(user, callback, message, channel=channel)
        return {"error": outcome.error}

    async def _suggest(self, body: Json) -> Json:
        user, block, action = _texts(body, "user", "block", "action")
        source = self._view(body) if body.get("view") else self._message(body)
        try:
            return await suggest(self._workspace, user, source, (block, action), str(body.get("query", "")))
        except SlackError as error:
            return {"error": error.error}

    def _message(self, body: Json) -> Message:
        channel, ts = _texts(body, "channel", "ts")
        return self._workspace.messages[channel, ts]

    def _view(self, body: Json) -> View:
        """The view that is meant. LookupError: it is closed, or somebody else's."""
        user, view_id = _texts(body, "user", "view")
        view = self._workspace.views[view_id]
        if view.user != user:
            raise LookupError(view_id)
        return view

    # -- On the phones ------------------------------------------------------------------------------------------

    async def _switch(self, body: Json) -> Json:
        (client,) = _texts(body, "client")
        await self._phones.switch(client, online=body.get("online") is True)
        return {}

    async def _read(self, body: Json) -> Json:
        self._phones.read(*_texts(body, "client", "conversation"))
        return {}

    async def _chat(self, body: Json) -> Json:
        await self._phones.say(*_texts(body, "client", "conversation", "text"))
        return {}


def posted(act: Act) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that reads a small JSON object, acts, and answers JSON; `error` says why nothing came of it."""

    async def endpoint(request: Request) -> Response:
        if int(request.headers.get("content-length") or BODY_BYTES + 1) > BODY_BYTES:
            return JSONResponse({"error": "too long"}, 413)
        try:
            body = json.loads(await request.body())
            return JSONResponse(await act(body if isinstance(body, dict) else {}))
        except LookupError:
            return JSONResponse({"error": "not there any more"}, 404)
        except RefusedError as error:
            return JSONResponse({"error": error.reason}, 502)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 422)

    return endpoint


def _texts(body: Json, *names: str) -> tuple[str, ...]:
    """The named fields, all of them text. ValueError: one is not."""
    found = tuple(body.get(name) for name in names)
    for name, value in zip(names, found, strict=True):
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} is missing")
    return tuple(str(value) for value in found)


def _entries(body: Json) -> list[tuple[str, str, Any]]:
    """What stands in a view's fields: block_id, action_id, value. ValueError: it is something else."""
    values = body.get("values", [])
    if not isinstance(values, list) or not all(isinstance(each, list) and len(each) == 3 for each in values):
        raise ValueError("values are missing")
    return [(str(block), str(action), value) for block, action, value in values]
