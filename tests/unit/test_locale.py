"""Everything that people read is in the catalogue, well translated; and each state sounds like itself in Chinese."""

import ast
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from bridge.announcement import STATES, announce
from bridge.errors import Refused
from bridge.invocation import Place
from bridge.ledger import Act, Delivery, Part, Plan, Reason, State
from bridge.locale import CATALOGUES, FOLDER, translation
from bridge.phrases import Code, english, phrase, plain
from bridge.realtime.models import Kind
from bridge.reply import Reply
from bridge.slack.render import Reader, render
from handlers import COMMANDS

ROOT = Path(__file__).parents[2]
PEOPLE_READ = ("bridge", "handlers")
NOT_PEOPLE = (
    "bridge/database/",
    "bridge/moving/",
    "bridge/playground/",
    "bridge/realtime/",
    "bridge/server/",
)
"""What speaks to programs, and the demo's page, which has words of its own."""

Id = str | tuple[str, str]
CHINESE = translation("zh-CN")
CJK = r"[\u3400-\u9fff]"


@cache
def extracted() -> dict[Id, str]:
    """What Babel finds in the code, as pyproject.toml tells it to: each message with its place."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    mappings = [(each["pattern"], each["method"]) for each in project["tool"]["babel"]["mappings"]]
    return {
        key(message): f"{folder}/{file}:{line}"
        for folder in PEOPLE_READ
        for file, line, message, _, _ in extract_from_dir(ROOT / folder, mappings)
    }


@cache
def catalogue() -> Catalog:
    with (FOLDER / CATALOGUES["zh"] / "LC_MESSAGES" / "imbridge.po").open("rb") as file:
        return read_po(file, CATALOGUES["zh"], "imbridge", abort_invalid=True)


def messages() -> dict[Id, Message]:
    return {key(each.id): each for each in catalogue() if each.id}


def key(said: str | Sequence[str]) -> Id:
    return said if isinstance(said, str) else (said[0], said[1])


def forms(message: Message) -> tuple[str, ...]:
    """Every translation of a message: one, or one for each plural form."""
    said = message.string
    return (said,) if isinstance(said, str) else tuple(said or ())


def singular(said: Id) -> str:
    return said if isinstance(said, str) else said[0]


def values(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


# The catalogue is what the code says


def test_the_catalogue_holds_what_the_code_says_and_nothing_else() -> None:
    missing = {place: said for said, place in extracted().items() if said not in messages()}
    assert missing == {}, "make messages, then translate these"
    assert [said for said in messages() if said not in extracted()] == [], "make messages: no code says these"
    assert list(catalogue().obsolete) == []


def test_every_message_is_translated_for_certain() -> None:
    assert len(messages()) > 300
    assert [said for said, message in messages().items() if message.fuzzy or not all(forms(message))] == []


def test_chinese_has_one_plural_form() -> None:
    assert catalogue().num_plurals == 1
    assert [said for said, message in messages().items() if len(forms(message)) != 1] == []


def test_translations_hold_the_values_of_their_templates() -> None:
    differ = [
        said
        for said, message in messages().items()
        for template in ((said,) if isinstance(said, str) else said)
        for form in forms(message)
        if values(form) != values(template)
    ]
    assert differ == []


def test_what_is_spoken_is_the_catalogue_as_it_stands() -> None:
    stale = [
        said
        for said, message in messages().items()
        if CHINESE(singular(said), None if isinstance(said, str) else said[1], 1) != forms(message)[0]
    ]
    assert stale == [], "make messages: the compiled catalogue is older"


def test_summaries_and_help_are_words_without_values() -> None:
    for each in COMMANDS:
        for said in (each.summary, *(parameter.help for parameter in each.parameters)):
            assert values(said) == set(), said
            assert not said or said in messages(), said


# Nothing is said beside it


def modules() -> Iterator[tuple[str, ast.Module]]:
    for folder in PEOPLE_READ:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(NOT_PEOPLE):
                yield name, ast.parse(path.read_text())


def calls(module: ast.Module, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def test_templates_are_literal_so_that_they_are_found() -> None:
    hidden = [
        f"{name}:{call.lineno}"
        for name, module in modules()
        for call in calls(module, "phrase")
        if len(call.args) != 1 or not isinstance(call.args[0], ast.Constant)
    ]
    hidden += [
        f"{name}:{node.lineno}"
        for name, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and node.attr in ("phrase", "Phrase", "Help")
    ]
    assert hidden == []
    made = [
        (name, ast.unparse(call.args[0])) for name, module in modules() for call in calls(module, "Phrase")
    ]
    found_elsewhere = {"each.summary", "found.summary", "each.help", "template"}
    assert [place for place in made if place[1] not in found_elsewhere] == []


SHOWN = {"Paragraph": 1, "Hint": 1, "Fields": 1, "Table": 2, "Button": 1}
"""How many of the first arguments people read."""
VALUES = ("phrase", "Code", "Moment")
NOT_WORDS = re.compile(r"https?://|[^A-Za-z]*")


def shown(node: ast.AST) -> list[ast.expr]:
    """What people read of a call or of a row, which is a tuple that holds a value made for them."""
    match node:
        case ast.Call(func=ast.Name("phrase")):
            return [each.value for each in node.keywords if each.arg != "plural"]
        case ast.Call(func=ast.Name(name)):
            return node.args[: SHOWN.get(name, 0)]
        case ast.Tuple(elts=cells) if any(_is_made(cell) for cell in cells):
            return cells
        case _:
            return []


def _is_made(cell: ast.expr) -> bool:
    return isinstance(cell, ast.Call) and isinstance(cell.func, ast.Name) and cell.func.id in VALUES


def words_in(node: ast.AST) -> Iterator[str]:
    """English words, and an enumeration's words for programs; what a call makes of its arguments is its own."""
    match node:
        case ast.Constant(str(text)):
            if not NOT_WORDS.fullmatch(text):
                yield repr(text)
        case ast.Attribute(attr="value"):
            yield ast.unparse(node)
        case ast.Call() | ast.comprehension() | ast.Compare() | ast.Subscript():
            return
        case _:
            for child in ast.iter_child_nodes(node):
                yield from words_in(child)


def test_no_word_is_shown_that_cannot_be_translated() -> None:
    escaped = {
        f"{name}:{each.lineno} {word}"
        for name, module in modules()
        for node in ast.walk(module)
        for each in shown(node)
        for word in words_in(each)
    }
    assert escaped == set()


# How Chinese is written


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (rf"{CJK}[,;:!?()]|[,;:!?()]{CJK}", "full-width punctuation beside Chinese"),
        (
            rf"{CJK}\.|[。，：；！？）”] | [。，：；！？（“]",
            "no half-width full stop, no space around full-width punctuation",
        ),
        (rf"{CJK} +{CJK}", "no space between Chinese characters"),
        (rf"{CJK}[A-Za-z0-9]|[A-Za-z0-9]{CJK}", "a space between Chinese and Latin"),
        (r"[您]|登陆|帐号|服务号对话|会话|群组|聊天室对话", "one word for one thing"),
        (r"\.\.\.|…(?<!……)(?!…)", "six dots"),
    ],
)
def test_chinese_is_set_as_chinese(wrong: str, why: str) -> None:
    found = [form for message in messages().values() for form in forms(message) if re.search(wrong, form)]
    assert found == [], why


ENDS = {".": "。", ":": "：", "?": "？"}


def test_sentences_end_like_their_originals() -> None:
    """A summary is a sentence in both languages, a label in neither."""
    differ = [
        (said, form)
        for said, message in messages().items()
        for form in forms(message)
        if ENDS.get(singular(said).strip()[-1], "") != (form[-1] if form[-1:] in ENDS.values() else "")
    ]
    assert differ == []


# What a delivery sounds like: a finished one says so, without a negation or another state's name


NAMES = {
    State.PROPOSED: "待确认",
    State.PLANNED: "计划中",
    State.SENDING: "发送中",
    State.SENT: "已发送",
    State.REFUSED: "被拒绝",
    State.UNKNOWN: "未知",
    State.CANCELED: "已取消",
}
UNFINISHED = re.compile("[不未没無无非否勿莫别]|失败|出错|错误|计划|取消|拒绝|待|中断|停止|放弃|可能|发送中")


def delivery(*parts: Part, act: Act) -> Delivery:
    audience = tuple(map(str, range(40))) if act is Act.NOTIFY else ()
    plan = Plan("d1", act, "c1", Kind.SYSTEM, "news", "boss", "{}", "Party!", audience=audience)
    return Delivery(plan, "r1", "U1", Place("T1", "C1"), 1, parts)


def in_chinese(reply: Reply) -> str:
    """All that a reader sees of a reply, buttons and their questions included."""
    rendered = render(reply, Reader("zh-CN", CHINESE))
    return f"{rendered.text}\n{_texts(rendered.blocks)}"


def _texts(block: object) -> str:
    match block:
        case {"type": _, "text": str(text)}:
            return text
        case dict():
            return "\n".join(map(_texts, block.values()))
        case list():
            return "\n".join(map(_texts, block))
        case _:
            return ""


@pytest.mark.parametrize("state", list(State))
def test_each_state_has_its_name(state: State) -> None:
    assert plain(STATES[state], CHINESE) == NAMES[state]


@pytest.mark.parametrize("act", list(Act))
@pytest.mark.parametrize("reason", [Reason.ANSWERED, Reason.FOUND, Reason.RECOGNISED, Reason.PERSON])
@pytest.mark.parametrize("calls", [1, 2])
def test_a_finished_delivery_says_sent_and_sounds_like_nothing_else(
    act: Act, reason: Reason, calls: int
) -> None:
    parts = [Part(at, State.SENT, msg_id=f"m{at}", timestamp=1, reason=reason) for at in range(calls)]
    reply = announce(delivery(*parts, act=act))
    assert plain(reply.title, CHINESE) == "已发送：“Party!”"
    assert UNFINISHED.search(in_chinese(reply)) is None


def test_what_a_schedule_adds_to_a_finished_delivery_sounds_finished_too() -> None:
    added = [
        form
        for said, message in messages().items()
        if singular(said).startswith(("It was due at", "It stands for"))
        for form in forms(message)
    ]
    assert len(added) == 2
    assert [form for form in added if UNFINISHED.search(form)] == []


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("state", [state for state in State if state is not State.SENT])
def test_an_unfinished_delivery_begins_with_its_state_and_never_says_sent(
    state: State, reason: Reason
) -> None:
    done = Part(0, State.SENT, msg_id="m0", timestamp=1)
    for parts in ([Part(0, state, reason=reason)], [done, Part(1, state, reason=reason)]):
        reply = announce(delivery(*parts, act=Act.NOTIFY))
        said = in_chinese(reply)
        assert said.startswith(f"{NAMES[state]}：“Party!”")
        assert "已发送" not in said
        assert reply.failure is None or "已发送" not in plain(reply.failure.message, CHINESE)


# Who is answered how


@pytest.mark.parametrize("locale", ["zh-CN", "zh_CN", "zh", "zh-TW", "ZH-hans"])
def test_chinese_readers_are_answered_in_chinese(locale: str) -> None:
    assert plain(phrase("yes"), translation(locale)) == "是"


@pytest.mark.parametrize("locale", ["en-GB", "en", "de-DE", "", "../../etc", "zhx"])
def test_all_others_are_answered_in_english(locale: str) -> None:
    assert translation(locale) is english


def test_one_reply_speaks_to_each_reader_in_their_language() -> None:
    refusal = Reply.of_error(
        Refused(
            phrase(
                "{name} is a {kind} conversation; this needs a {wanted} conversation.",
                name=Code("lobby"),
                kind=phrase("normal"),
                wanted=phrase("system"),
            )
        )
    )
    assert render(refusal, Reader("en-GB", translation("en-GB"))).text == (
        "lobby is a normal conversation; this needs a system conversation."
    )
    assert in_chinese(refusal).startswith("lobby 是普通对话，这里需要系统对话。")
