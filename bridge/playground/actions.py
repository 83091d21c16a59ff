"""What people do in the workspace, and how Slack tells the app: commands, presses, submissions, mentions."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bridge.playground import payloads
from bridge.playground.content import read_content
from bridge.playground.courier import JSON, Courier, DeliveryError, Parcel
from bridge.playground.file_methods import file_json
from bridge.playground.late_answers import LateAnswers
from bridge.playground.model import (
    Ack,
    Channel,
    Json,
    Message,
    Outcome,
    ResponseUrl,
    SlackError,
    TriggerId,
    User,
    View,
)
from bridge.playground.state import State, with_input
from bridge.playground.view_methods import new_version, push, read_view

RETRIES = 3


class Slack(State):
    """The workspace's people, acting: each method is one thing a user does, and returns what came of it."""

    courier: Courier
    late_answers: LateAnswers

    async def command(
        self, user: str, channel: str, line: str, *, smart: bool = False, links: bool = False
    ) -> Outcome:
        """A user types a slash command in a channel; returns when Slack knows what to show at once.

        `smart` lets the keyboard turn quotes and dashes typographic, `links` lets Slack escape links, @users and
        #channels.
        """
        person, place = self._someone_in(user, channel)
        name, _, text = line.strip().partition(" ")
        if name not in self.app.commands or "commands" not in self.app.scopes:
            text = f"{name} is not a valid command."
            return Outcome(None, "invalid_command", self.notice(place.id, person.id, "invalid_command", text))
        url = self.late_answers.issue("commands", person.id, place.id)
        trigger = self._trigger(person.id, place.id)
        entities = payloads.entities(self) if links else None
        spoken = name, payloads.typed(text.strip(), smart=smart, entities=entities)
        addresses = self.late_answers.address(url), trigger.id
        form = payloads.command_form(self, person, place, spoken, addresses)
        try:
            ack = await self.courier.send(Parcel("slash_commands", form, answerable=True))
            shown = self._show_acknowledgement(url, ack, f"{name} {text}".strip())
        except SlackError as failure:
            text = f'{name} failed with the error "{failure.error}"'
            shown = self.notice(place.id, person.id, failure.error, text)
            return Outcome(failure.ack, failure.error, shown, url, trigger)
        return Outcome(ack, None, shown, url, trigger)

    def upload(self, user: str, channel: str, name: str, content: bytes, mimetype: str = "text/csv") -> Json:
        """A user shares a file in a channel; gives it as the app would be told of it, `permalink` and all."""
        person, place = self._someone_in(user, channel)
        file = self.add_file(name, len(content), person.id, mimetype, content)
        file["channels"].append(place.id)
        told = file_json(self, file)
        self.post(Message(place.id, self.new_ts(), person.id, "", files=(told,)))
        return told

    async def press(
        self, user: str, message: Message, action_id: str, choice: Any = None, *, block_id: str | None = None
    ) -> Outcome:
        """A user presses a button, or chooses in a menu of a message.

        `choice` is an option's value, several values, a user or channel id, or a date, as the element wants.
        """
        message = self.messages[message.channel, message.ts]
        person, place = self._someone_in(user, message.channel)
        if message.ephemeral_to not in (None, user):
            raise LookupError(f"{user} does not see this message")
        block, element = _element(message.elements, action_id, block_id)
        picked = self._picked(block, element, choice)
        if picked:
            message = self.remember(message, block, action_id, picked)
        url = self.late_answers.issue("actions", person.id, place.id, original=message.ts)
        trigger = self._trigger(person.id, place.id)
        payload = {
            **payloads.interaction(self, "block_actions", person, trigger),
            **payloads.of_message(self, message),
            "response_url": self.late_answers.address(url),
            "actions": [payloads.action(block, element, picked, self.new_ts())],
        }
        return await self._interact(payload, place.id, person.id, url, trigger)

    def fill(self, view: View, entries: Iterable[tuple[str, str, Any]]) -> View:
        """Take in what stands in a view's fields (block_id, action_id, value); those that are gone are left out.

        Nobody is told: it is what the user sees already.
        """
        view = self.views[view.id]
        inputs = view.inputs
        elements = {(block, element["action_id"]): element for block, element in view.elements}
        for block, action_id, value in entries:
            if element := elements.get((block, action_id)):
                inputs = with_input(inputs, block, action_id, self._picked(block, element, value))
        return self.keep_view(replace(view, inputs=inputs))

    async def press_in_view(
        self, user: str, view: View, action_id: str, choice: Any = None, *, block_id: str | None = None
    ) -> Outcome:
        """A user presses a button, or chooses in a menu, of a modal or Home tab."""
        view = self.views[view.id]
        person = self.users[user]
        block, element = _element(view.elements, action_id, block_id)
        picked = self._picked(block, element, choice)
        if picked:
            view = self.put_view(replace(view, inputs=with_input(view.inputs, block, action_id, picked)))
        trigger = self._trigger(user, view.channel)
        trigger.view = view.id
        payload = {
            **payloads.interaction(self, "block_actions", person, trigger),
            **payloads.of_view(self, view),
            "actions": [payloads.action(block, element, picked, self.new_ts())],
        }
        return await self._interact(payload, None, user, None, trigger)

    async def submit(self, user: str, view: View, values: Mapping[str, Any] | None = None) -> Outcome:
        """A user fills in a modal (`values` by action_id) and submits it.

        Raises `ValueError` where Slack's own client keeps the user from submitting.
        """
        view = self.views[view.id]
        for action_id, value in (values or {}).items():
            block, element = _element(view.elements, action_id, None)
            picked = self._picked(block, element, value)
            view = replace(view, inputs=with_input(view.inputs, block, action_id, picked))
        missing = payloads.unfilled(view)
        if missing:
            raise ValueError(f"please complete the required fields: {', '.join(missing)}")
        view = self.put_view(replace(view, errors={}, notice=None))
        trigger = self._trigger(user, view.channel)
        trigger.view = view.id
        payload = {
            **payloads.interaction(self, "view_submission", self.users[user], trigger),
            **payloads.of_view(self, view),
            "response_urls": self._response_urls(user, view),
        }
        try:
            ack = await self.courier.send(Parcel("interactive", payload, answerable=True))
            self._follow(user, view, ack)
        except SlackError as failure:
            self.put_view(replace(self.views.get(view.id, view), notice=failure.error))
            return Outcome(failure.ack, failure.error, trigger=trigger)
        return Outcome(ack, trigger=trigger)

    async def close(self, user: str, view: View, *, cleared: bool = False) -> Outcome:
        """A user closes a modal, with all others where `cleared`; the app hears of it where the view asked for that."""
        self.close_view(view)
        if not view.body.get("notify_on_close"):
            return Outcome(None)
        payload = {
            **payloads.interaction(self, "view_closed", self.users[user], None),
            "view": payloads.of_view(self, view)["view"],
            "is_cleared": cleared,
        }
        return await self._interact(payload, None, user, None, None)

    async def shortcut(
        self, user: str, callback_id: str, message: Message | None = None, *, channel: str | None = None
    ) -> Outcome:
        """A user picks a shortcut of the app, globally (with `channel` before them) or on a message."""
        person = self.users[user]
        trigger = self._trigger(user, message.channel if message else channel)
        if message is None:
            payload = {
                **payloads.interaction(self, "shortcut", person, trigger),
                "callback_id": callback_id,
                "action_ts": self.new_ts(),
            }
            return await self._interact(payload, None, user, None, trigger)
        url = self.late_answers.issue("actions", user, message.channel)
        source = payloads.of_message(self, message)
        payload = {
            **payloads.interaction(self, "message_action", person, trigger),
            "callback_id": callback_id,
            "message_ts": message.ts,
            "channel": source["channel"],
            "message": source["message"],
            "response_url": self.late_answers.address(url),
            "action_ts": self.new_ts(),
        }
        return await self._interact(payload, message.channel, user, url, trigger)

    async def say(
        self, user: str, channel: str, text: str, *, thread: str | None = None, smart: bool = False
    ) -> Outcome:
        """A user writes a message; one that names the bot, in a channel that it is in, becomes an app_mention.

        `thread` is the ts of the message that it replies to.
        """
        person, place = self._someone_in(user, channel)
        mention = f"<@{self.app.user_id}>"
        text = payloads.typed(text, smart=smart).replace(f"@{self.app.name}", mention)
        message = self.post(Message(place.id, self.new_ts(), user, text, thread_ts=thread))
        if mention not in text or self.app.user_id not in place.members:
            return Outcome(None, message=message)
        body = {"type": "app_mention", "text": text, "ts": message.ts, "channel": place.id}
        if thread:
            body["thread_ts"] = thread
        return replace(await self.event(person.id, body), message=message)

    async def open_home(self, user: str) -> Outcome:
        """A user opens the app's Home tab."""
        home = self.homes.get(user)
        body: Json = {
            "type": "app_home_opened",
            "channel": self.direct(self.app.user_id, user).id,
            "tab": "home",
        }
        if home:
            body["view"] = payloads.of_view(self, home)["view"]
        return await self.event(user, body)

    async def enter(self, user: str, channel: str) -> Outcome:
        """A user joins a channel; the app hears of it where the bot is a member."""
        place = self.join(self._place(channel).id, user)
        if self.app.user_id not in place.members:
            return Outcome(None)
        body = {
            "type": "member_joined_channel",
            "channel": place.id,
            "channel_type": "C" if place.kind == "public" else "G",
            "team": self.team.id,
        }
        return await self.event(user, body)

    async def event(self, user: str, body: Json) -> Outcome:
        """Send an event, up to three times more (with Slack's retry headers, but at once) until it is taken."""
        parcel = Parcel("events_api", payloads.event(self, body, self.users[user]))
        while True:
            try:
                return Outcome(await self.courier.send(parcel), attempts=parcel.attempt + 1)
            except DeliveryError as failure:
                if parcel.attempt == RETRIES:
                    return Outcome(failure.ack, failure.error, attempts=RETRIES + 1)
                reason = "http_timeout" if failure.error == "operation_timeout" else "http_error"
                parcel = replace(parcel, attempt=parcel.attempt + 1, reason=reason)

    def _picked(self, block: str, element: Json, value: Any) -> Json:
        """What a choice looks like in a payload; see `payloads.chosen`."""
        if element["type"] in ("external_select", "multi_external_select"):
            offered = self.suggested.get((block, element["action_id"]), {})
            options = {**payloads.initial_options(element), **offered}
            element = {**element, "options": list(options.values())}
        elif element["type"] == "file_input":
            value = [file_json(self, self.files[each]) for each in value or []]
        return payloads.chosen(element, value)

    def _place(self, channel: str) -> Channel:
        if channel in self.channels:
            return self.channels[channel]
        named = [each for each in self.channels.values() if each.name == channel.lstrip("#")]
        if len(named) != 1:
            raise LookupError(f"no channel {channel}")
        return named[0]

    def _someone_in(self, user: str, channel: str) -> tuple[User, Channel]:
        place = self._place(channel)
        if user not in place.members:
            raise LookupError(f"{user} is not in {place.name}, and so can't act there")
        return self.users[user], place

    def _trigger(self, user: str, channel: str | None) -> TriggerId:
        trigger_id = f"{self.now()}.{self.new_id('')}.{self.position}"
        trigger = TriggerId(trigger_id, user, channel, self.now())
        self.triggers[trigger_id] = trigger
        return trigger

    async def _interact(
        self,
        payload: Json,
        channel: str | None,
        user: str,
        url: ResponseUrl | None,
        trigger: TriggerId | None,
    ) -> Outcome:
        try:
            ack = await self.courier.send(Parcel("interactive", payload))
        except DeliveryError as failure:
            place = channel or self.direct(self.app.user_id, user).id
            shown = self.notice(place, user, failure.error, f"{self.app.name}: {failure.error}")
            return Outcome(failure.ack, failure.error, shown, url, trigger)
        return Outcome(ack, None, None, url, trigger)

    def _show_acknowledgement(self, url: ResponseUrl, ack: Ack, line: str) -> Message | None:
        said = _answer(ack)
        if said is None:
            return None
        empty = read_content(said).empty
        if said.get("response_type") == "in_channel":
            self.post(Message(url.channel, self.new_ts(), url.user, line))
        return None if empty else self.late_answers.show(url, said)

    def _follow(self, user: str, view: View, ack: Ack) -> None:
        """Do with the modals what the answer to a submission says. Raises `SlackError`."""
        said = _answer(ack) or {}
        match said.get("response_action"):
            case None:
                self.close_view(self.views[view.id])
            case "clear":
                for each in self.stack(user):
                    self.close_view(each)
            case "update":
                body = read_view(self, said.get("view"), "modal", but=view)
                self.put_view(new_version(view, body))
            case "push":
                push(self, user, view.id, read_view(self, said.get("view"), "modal"))
            case "errors":
                self.put_view(replace(view, errors=_errors(view, said.get("errors"))))
            case _:
                raise SlackError("invalid_response_action")

    def _response_urls(self, user: str, view: View) -> list[Json]:
        """Addresses into the channels that the user chose in menus with `response_url_enabled`."""
        urls = []
        chosen = payloads.values(view.elements, view.inputs)
        for block_id, element in view.elements:
            entry = chosen.get(block_id, {}).get(element["action_id"], {})
            channel = entry.get("selected_channel") or entry.get("selected_conversation")
            if element.get("response_url_enabled") and channel:
                url = self.late_answers.issue("commands", user, channel)
                urls.append(
                    {
                        "block_id": block_id,
                        "action_id": element["action_id"],
                        "channel_id": channel,
                        "response_url": self.late_answers.address(url),
                    }
                )
        return urls


def _answer(ack: Ack) -> Json | None:
    """What an acknowledgement says, None for nothing; JSON counts only where the content type says so."""
    if not ack.body.strip():
        return None
    if not ack.content_type.startswith(JSON):
        return {"text": ack.body.decode(errors="replace")}
    try:
        said = json.loads(ack.body)
    except ValueError:
        raise SlackError("invalid_command_response") from None
    if not isinstance(said, dict):
        raise SlackError("invalid_command_response")
    return said


def _errors(view: View, errors: Any) -> Json:
    """A submission's errors, each for an input block of the view. Raises `SlackError` for anything else."""
    inputs = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not errors.keys() <= inputs:
        raise SlackError("invalid_errors")
    return errors


def _element(elements: list[tuple[str, Json]], action_id: str, block_id: str | None) -> tuple[str, Json]:
    for block, element in elements:
        if element["action_id"] == action_id and block_id in (None, block):
            return block, element
    raise LookupError(f"no element {action_id!r}; there is {[each['action_id'] for _, each in elements]}")
