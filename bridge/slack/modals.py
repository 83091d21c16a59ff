"""Opens forms before people, keeps them true while they are filled in, and reads them as command lines."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from bridge.announcement import Announcement
from bridge.commands import Command
from bridge.context import Context, Services, Tell
from bridge.conversations import KINDS
from bridge.dispatch import Dispatch, refuse_denied
from bridge.errors import BridgeError, NotUnderstood, Refused
from bridge.grammar import split
from bridge.identifiers import new_invocation_id
from bridge.invocation import Actor, Invocation, Place, Standing, Trigger
from bridge.parse import as_typed, understand
from bridge.phrases import phrase
from bridge.policy import Verdict
from bridge.realtime.errors import RealtimeError
from bridge.reply import Reply
from bridge.slack.arrivals import Arrival, Body, team_of, teams
from bridge.slack.asker import Asker
from bridge.slack.drafts import Draft, Origin
from bridge.slack.elements import MOST_OPTIONS, Option, said
from bridge.slack.forms import (
    PICK_CONVERSATION,
    Offer,
    callback_of,
    choices,
    errors_of,
    form_view,
    is_fillable,
    notice_view,
)
from bridge.slack.openings import (
    asked_for,
    destination,
    is_missing,
    is_shortcut,
    origin_of,
    pressed,
    text_of,
    trigger_of,
)
from bridge.slack.outbound import Outbound
from bridge.slack.people import People
from bridge.slack.render import Reader
from bridge.slack.runs import Block
from bridge.slack.timing import NOW, ONCE, PICK_ZONE, zones_like
from bridge.slack.web import SlackWeb
from bridge.values import Reading

log = logging.getLogger(__name__)

OPEN_SECONDS = 2.5
SEARCH_SECONDS = 2.5
"""Slack shows nothing that comes later than three seconds."""
REHEARSAL_SECONDS = 1.0
"""What is scheduled is tried for no longer: the submission itself must be answered in time."""
REDRAW_SECONDS = 0.5
"""At most so often is a form drawn anew while somebody types: Slack allows some hundred a minute."""
HASHES_KEPT = 1_000

Keep: TypeAlias = Callable[[Coroutine[None, None, object]], object]
"""Runs something on after its request was answered."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who uses a form, and the language that it speaks to them."""

    actor: Actor
    reader: Reader


class Forms:
    """The forms of one workspace."""

    def __init__(self, services: Services, web: SlackWeb, outbound: Outbound, people: People) -> None:
        self._services = services
        self._web = web
        self._outbound = outbound
        self._people = people
        self._drill = outbound.reader().drill
        self._drawing: dict[str, Body | None] = {}
        self._hashes: OrderedDict[str, str] = OrderedDict()

    # -- Typed in Slack ------------------------------------------------------------------------------------------

    async def carry(
        self, arrival: Arrival, invocation: Invocation, dispatch: Dispatch, tell: Tell, keep: Keep
    ) -> Reply | None:
        """The reply to a command that was typed; None: it asked for its form, which is open.

        Where something is missing, the form opens too, prefilled, and why stays to be read behind it; a command that
        is complete just runs.
        """
        origin = Origin("", invocation.place.channel, None, arrival.response_url)
        line = asked_for(invocation.line)
        if line is not None:
            return await self._offered(replace(invocation, line=line), origin, arrival.request)
        reply = await dispatch(invocation, tell)
        if not is_missing(reply.failure):
            return reply
        prepared = self._prepared(invocation, origin)
        if isinstance(prepared, Reply):
            return prepared
        if prepared is not None:
            keep(self._open(arrival.request, prepared))
        return reply

    async def _offered(self, invocation: Invocation, origin: Origin, trigger: str) -> Reply | None:
        """None: the form of a line stands before them. Else why not."""
        prepared = self._prepared(invocation, origin)
        if isinstance(prepared, Reply):
            return prepared
        if prepared is not None and await self._open(trigger, prepared):
            return None
        return Reply.of_error(
            Refused(
                phrase("Slack did not open the form."), hint=phrase("Type it again."), code="form_not_opened"
            )
        )

    def _prepared(self, invocation: Invocation, origin: Origin) -> Block | Reply | None:
        """The form of a line as it was typed, or why they get none; None: no form can hold it."""
        try:
            typed = as_typed(split(invocation.line), self._services.registry)
            if refusal := self._refusal(typed.command, invocation):
                return refusal
        except NotUnderstood as error:
            return Reply.of_error(error)
        draft = Draft.of_words(typed.command, typed.words, origin, invocation.actor.zone)
        # Of people from elsewhere Slack's other requests are not taken: their form could not be kept true.
        able = invocation.actor.standing is not Standing.FOREIGN and is_fillable(draft)
        if not able or not self._may(typed.command, invocation):
            return None
        return form_view(draft, self._offer(invocation), self._reader(invocation.actor))

    # -- Everything else that comes from forms and shortcuts -----------------------------------------------------

    def handles(self, body: Body) -> bool:
        """Whether it is ours: a shortcut, a button that opens a form, or a change in one."""
        return self._is_changed(body) or is_shortcut(body) or self._pressed(body) is not None

    def is_marked(self, body: Body) -> bool:
        """Whether it comes from a form of this world, or from a button that opens one."""
        return self._is_form(body) or self._pressed(body) is not None

    def is_submission(self, body: Body) -> bool:
        """Whether a form of ours was sent off."""
        return body.get("type") == "view_submission" and self._is_form(body)

    def is_search(self, body: Body) -> bool:
        """Whether somebody types into a menu of ours."""
        return body.get("type") == "block_suggestion" and self._is_form(body)

    def begin(self, body: Body, at: int, keep: Keep) -> None:
        """Do what it asks for, on after the answer."""
        if self._is_changed(body):
            keep(self._redraw(body, at))
        else:
            keep(self._start(body, at))

    async def suggest(self, body: Body, at: int) -> Block:
        """What a menu offers for the letters typed into it, as far as its reader may see it."""
        text = str(body.get("value") or "")
        try:
            async with asyncio.timeout(SEARCH_SECONDS):
                if body.get("action_id") == PICK_ZONE:
                    return choices([(each, each) for each in zones_like(text)])
                if body.get("action_id") == PICK_CONVERSATION:
                    return choices(await self._conversations(body, text, at))
        except (TimeoutError, RealtimeError, BridgeError) as error:
            log.warning("a search found nothing in time: %r", error)
        except (LookupError, TypeError, ValueError):
            log.warning("a search from a form of no shape that ours have")
        return choices(())

    async def submitted(self, body: Body, request: str, at: int) -> "Arrival | dict[str, str]":
        """The command line of a form that was sent off, or what to say at which of its inputs."""
        view: Body = body.get("view") or {}
        person = await self._person(body)
        draft = Draft.of_view(view, self._services.registry, person.actor.zone)
        place, link = destination(draft, body, at)
        arrival = Arrival(
            user=person.actor.id,
            name=person.actor.name,
            teams=teams(body),
            place=place,
            trigger=Trigger.FORM,
            request=request,
            at=at,
            line="",
            response_url=link,
            thread=draft.origin.thread,
            draft=draft,
        )
        try:
            line = draft.line(self._services.registry)
            if draft.timing.mode != NOW:
                await self._rehearse(draft, self._invocation(person.actor, place, at, line=line))
        except BridgeError as error:
            return errors_of(draft, Reply.of_error(error).failure, person.reader, anywhere=True)
        return replace(arrival, line=line)

    def errors(self, arrival: Arrival, reply: Reply, reader: Reader) -> dict[str, str]:
        """What a reply says about inputs of the form that it answers, by block; empty where it is about none."""
        return {} if arrival.draft is None else errors_of(arrival.draft, reply.failure, reader)

    # -- Inside --------------------------------------------------------------------------------------------------

    async def _start(self, body: Body, at: int) -> None:
        """Open what a shortcut or a button asks for, or say why not."""
        person = await self._person(body)
        origin = origin_of(body, at)
        invocation = self._invocation(person.actor, Place(team_of(body), origin.channel), at)
        button = self._pressed(body)
        if button is not None:
            line = str(button.get("value") or "")
            prepared = self._prepared(replace(invocation, line=line), origin)
            told = prepared or Reply.of_error(Refused(phrase("It is too long for a form.")))
            view = notice_view(told, person.reader) if isinstance(told, Reply) else told
            await self._open(trigger_of(body), view)
            return
        offer = self._offer(invocation)
        if not offer.commands:
            refusal = Refused(phrase("You may send nothing to the app from here."), code="denied")
            await self._open(trigger_of(body), notice_view(Reply.of_error(refusal), person.reader))
            return
        there = text_of(body)
        words = {"text": (there,)} if there else {}
        draft = Draft.of_words(offer.commands[0], words, replace(origin, composer=True), person.actor.zone)
        if not is_fillable(draft):
            told = Reply.of_error(
                Refused(phrase("The message is too long for a form: it takes 3,000 characters."))
            )
            await self._open(trigger_of(body), notice_view(told, person.reader))
            return
        await self._open(trigger_of(body), form_view(draft, offer, person.reader))

    async def _redraw(self, body: Body, at: int) -> None:
        """Show what a change in a form makes of the rest; the last of several that come at once counts."""
        view_id = str((body.get("view") or {}).get("id", ""))
        drawing = view_id in self._drawing
        self._drawing[view_id] = body
        if drawing:
            return
        try:
            while (latest := self._drawing[view_id]) is not None:
                self._drawing[view_id] = None
                await self._draw(latest, view_id, at)
                if self._drawing[view_id] is not None:
                    await asyncio.sleep(REDRAW_SECONDS)
        finally:
            del self._drawing[view_id]

    async def _draw(self, body: Body, view_id: str, at: int) -> None:
        view: Body = body.get("view") or {}
        person = await self._person(body)
        draft = Draft.of_view(view, self._services.registry, person.actor.zone)
        invocation = self._invocation(person.actor, Place(team_of(body), draft.origin.channel), at)
        if not self._may(draft.command, invocation):
            return
        shown = form_view(draft, self._offer(invocation), person.reader)
        known = self._hashes.get(view_id) or str(view.get("hash", ""))
        try:
            answer = await self._web.call("views.update", {"view_id": view_id, "hash": known, "view": shown})
        except BridgeError as error:
            # It was closed meanwhile, or another replica drew it: the next change is drawn upon what stands then.
            self._hashes.pop(view_id, None)
            log.info("a form was not drawn anew: %s", error.code)
            return
        drawn = answer.get("view")
        self._hashes[view_id] = str(drawn.get("hash", "")) if isinstance(drawn, dict) else ""
        if len(self._hashes) > HASHES_KEPT:
            self._hashes.popitem(last=False)

    async def _rehearse(self, draft: Draft, invocation: Invocation) -> None:
        """What would fail at its time is said now. Raises what the command would; sends nothing."""
        registry = self._services.registry
        reading = Reading(invocation.at, draft.timing.zone)
        if draft.timing.when is None:
            missing = phrase("Choose a date and a time.")
            raise NotUnderstood(missing, code="missing_argument", parameter="when")
        if draft.timing.mode == ONCE and (draft.timing.at or 0) <= self._services.clock():
            raise Refused(phrase("This time has passed."), code="in_the_past", parameter="when")
        outer = understand(split(invocation.line), registry, reading)
        inner = understand(split(outer.arguments["run"]), registry, reading)
        decided = await self._services.authority.decide(outer, invocation)
        if decided.decision.verdict is Verdict.DENIED or not inner.command.announces:
            return
        later = replace(invocation, trigger=Trigger.SCHEDULE)
        try:
            async with asyncio.timeout(REHEARSAL_SECONDS):
                made = await inner.command.call(Context.of(self._services, later, _untold), inner.arguments)
            assert isinstance(made, Announcement)  # noqa: S101 - its annotation says so
        except (RealtimeError, TimeoutError) as error:
            log.info("what is scheduled could not be tried: %r", error)

    async def _conversations(self, body: Body, text: str, at: int) -> list[Option]:
        person = await self._person(body)
        origin = Origin.unpacked(str((body.get("view") or {}).get("private_metadata", "")))
        invocation = self._invocation(person.actor, Place(team_of(body), origin.channel), at)
        if not self._sees_all(invocation):
            return []
        found = await self._services.conversations.search(text, MOST_OPTIONS)
        options = []
        for alias, each in found:
            kind = said(KINDS[each.kind], person.reader.translate)
            name = each.name or each.id
            options.append(
                (each.id, " · ".join([f"{alias} → {name}" if alias else name, kind, each.id[-4:]]))
            )
        return options

    def _offer(self, invocation: Invocation) -> Offer:
        services = self._services
        commands = tuple(
            each
            for each in services.registry.commands.values()
            if each.announces and self._may(each, invocation)
        )
        return Offer(
            now=services.clock(),
            commands=commands,
            lists=services.audiences.names,
            searchable=self._sees_all(invocation),
            typed=services.defaults.typed,
            sender=services.defaults.sender,
        )

    def _sees_all(self, invocation: Invocation) -> bool:
        """Whether `conv list` would answer them at once."""
        decision = self._services.authority.some(self._services.registry.commands["conv list"], invocation)
        return decision.verdict is Verdict.ALLOWED

    def _may(self, command: Command, invocation: Invocation) -> bool:
        """Whether some filled-in form of it could run here, perhaps once it is confirmed or approved."""
        asked = replace(invocation, trigger=Trigger.FORM)
        return self._services.authority.some(command, asked).verdict is not Verdict.DENIED

    def _refusal(self, command: Command, invocation: Invocation) -> Reply | None:
        """What dispatch would say to somebody who may not run it, whatever they add."""
        if self._may(command, invocation):
            return None
        try:
            refuse_denied(self._services.authority.some(command, invocation), command.name)
        except Refused as refused:
            return Reply.of_error(refused)
        return None

    def _is_form(self, body: Body) -> bool:
        """Whether it comes from a form of this world: one that was opened in a drill is never read as another."""
        view = body.get("view")
        return isinstance(view, Mapping) and view.get("callback_id") == callback_of(drill=self._drill)

    def _is_changed(self, body: Body) -> bool:
        return body.get("type") == "block_actions" and self._is_form(body)

    def _pressed(self, body: Body) -> Body | None:
        return pressed(body, drill=self._drill)

    async def _open(self, trigger: str, view: Block) -> bool:
        if self._web.token is None:
            return False
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._web.call("views.open", {"trigger_id": trigger, "view": view})
        except (BridgeError, TimeoutError) as error:
            log.warning("a form was not opened: %s", getattr(error, "code", "no answer in time"))
            return False
        return True

    async def _person(self, body: Body) -> Person:
        user: Body = body.get("user") or {}
        name = str(user.get("username") or user.get("name") or "")
        actor = await self._people.actor(str(user.get("id", "")), name)
        return Person(actor, self._reader(actor))

    def _reader(self, actor: Actor) -> Reader:
        return self._outbound.reader(Asker(actor.id, actor.locale))

    def _invocation(self, actor: Actor, place: Place, at: int, line: str = "") -> Invocation:
        name = new_invocation_id()
        return Invocation(name, f"form:{name}", actor, place, Trigger.FORM, at, line)


async def _untold(_: Reply) -> None:
    """A rehearsal shows no progress."""
