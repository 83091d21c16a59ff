"""The addresses for late answers: five posts within 30 minutes, each read as strictly as a message."""

import json
import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bridge.playground.chat_methods import bot_message
from bridge.playground.content import Content, read_content
from bridge.playground.faults import RESPONSE_URL, Faults
from bridge.playground.model import Json, Message, ResponseUrl, SlackError
from bridge.playground.state import State
from bridge.playground.web_api import refusal_json, serve

USES = 5
LIFETIME_MS = 30 * 60 * 1000
RESPONSE_TYPES = (None, "ephemeral", "in_channel")


class LateAnswers:
    """Serves `/commands/...` and `/actions/...`, and shows what an acknowledgement or a late answer says."""

    def __init__(self, state: State, faults: Faults) -> None:
        self._state = state
        self._faults = faults
        self.routes: list[BaseRoute] = [
            Route("/commands/{team}/{url_id}/{secret}", self._post, methods=["POST"]),
            Route("/actions/{team}/{url_id}/{secret}", self._post, methods=["POST"]),
        ]

    def issue(self, kind: str, user: str, channel: str, original: str | None = None) -> ResponseUrl:
        """A new address, for a command or for an action on a message."""
        url_id = f"{self._state.new_id('')}/{secrets.token_hex(12)}"
        url = ResponseUrl(
            url_id,
            "actions" if kind == "actions" else "commands",
            user,
            channel,
            self._state.now(),
            original=original,
        )
        self._state.response_urls[url_id] = url
        return url

    def address(self, url: ResponseUrl) -> str:
        """The URL as the app gets it."""
        return f"{self._state.base_url}/{url.kind}/{self._state.team.id}/{url.id}"

    async def _post(self, request: Request) -> Response:
        return await serve(self._state, self._faults, request, RESPONSE_URL, self._answer)

    async def _answer(self, request: Request, body: bytes) -> Response:
        url = self._state.response_urls.get(
            f"{request.path_params['url_id']}/{request.path_params['secret']}"
        )
        if url is None:
            return JSONResponse({"ok": False, "error": "invalid_url"}, 404)
        if self._state.now() - url.born_ms > LIFETIME_MS:
            return JSONResponse({"ok": False, "error": "expired_url"}, 404)
        if url.uses >= USES:
            return JSONResponse({"ok": False, "error": "used_url"}, 404)
        try:
            said = json.loads(body)
        except ValueError:
            return PlainTextResponse("invalid_payload", 400)
        if not isinstance(said, dict):
            return PlainTextResponse("invalid_payload", 400)
        url.uses += 1
        try:
            self.show(url, said)
        except SlackError as error:
            # Slack refuses with status 200: who looks at the status alone never learns of it.
            return JSONResponse(refusal_json(error))
        return PlainTextResponse("ok")

    def show(self, url: ResponseUrl, said: Json) -> Message | None:
        """Do what an answer says: post, replace or delete. Raises `SlackError` for what Slack refuses."""
        if said.get("response_type") not in RESPONSE_TYPES:
            raise SlackError("invalid_response_type")
        original = self._state.messages.get((url.channel, url.original or ""))
        if said.get("delete_original") is True:
            if original is None:
                raise SlackError("message_not_found")
            self._state.delete(original)
            return None
        content = read_content(said)
        if content.empty:
            raise SlackError("no_text")
        if original is not None and self._replaces(url, said):
            return self._state.change(
                original,
                text=content.text or "",
                blocks=content.blocks or (),
                attachments=content.attachments or (),
            )
        message = self._post_new(url, said, content)
        if url.kind == "commands":
            url.original = message.ts
        return message

    def _replaces(self, url: ResponseUrl, said: Json) -> bool:
        """An action's answer replaces the message it came from unless told otherwise; a command's only when told."""
        told = said.get("replace_original")
        if told is None:
            return url.kind == "actions" and said.get("response_type") is None
        return told is True

    def _post_new(self, url: ResponseUrl, said: Json, content: Content) -> Message:
        seen_by_all = said.get("response_type") == "in_channel"
        return self._state.post(
            bot_message(
                self._state,
                url.channel,
                content,
                thread_ts=said.get("thread_ts"),
                ephemeral_to=None if seen_by_all else url.user,
            )
        )
