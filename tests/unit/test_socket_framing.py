"""Frames: what is written is read again, in every framing, and no bytes whatever raise anything but Malformed."""

import base64
import contextlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.server.wire.framing import Base64, Command, Framing, JsonText, Malformed, Protobuf, negotiate
from bridge.server.wire.schema import COMMANDS, OPERATIONS, GenericCommand

FRAMINGS: list[Framing] = [Protobuf(), Base64(), JsonText()]
WITHOUT_FIELDS = {"echo", "login", "loggedin", "logout", "loggedout", "goaway"}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
KINDS: dict[int, st.SearchStrategy[Any]] = {
    1: st.floats(allow_nan=False),
    3: st.integers(-(2**63), 2**63 - 1),
    5: st.integers(-(2**31), 2**31 - 1),
    8: st.booleans(),
    9: texts,
    12: st.binary(min_size=1, max_size=20).map(lambda raw: base64.b64encode(raw).decode()),
}


def values_of(descriptor: Any) -> st.SearchStrategy[Any]:
    if descriptor.message_type is not None and descriptor.message_type.name == "JsonObjectMessage":
        one: st.SearchStrategy[Any] = st.dictionaries(texts, json_values, max_size=3)
    elif descriptor.message_type is not None:
        one = bodies(descriptor.message_type)
    elif descriptor.enum_type is not None:
        one = st.sampled_from([value.name for value in descriptor.enum_type.values])
    else:
        one = KINDS[descriptor.type]
    return st.lists(one, min_size=1, max_size=3) if descriptor.is_repeated else one


def bodies(message: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={field.name: values_of(field) for field in message.fields})


@st.composite
def commands(draw: st.DrawFn) -> Command:
    cmd = draw(st.sampled_from(sorted(COMMANDS)))
    field = GenericCommand.DESCRIPTOR.fields_by_name.get(f"{cmd}Message")
    number = st.none() | st.integers(1, 2**31 - 1)
    return Command(
        cmd=cmd,
        op=draw(st.none() | st.sampled_from(sorted(OPERATIONS))),
        i=draw(number),
        app_id=draw(st.none() | texts),
        peer_id=draw(st.none() | texts),
        service=draw(number),
        server_ts=draw(st.none() | st.integers(-(2**63), 2**63 - 1)),
        body={} if field is None else draw(bodies(field.message_type)),
    )


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda one: type(one).__name__)
@given(command=commands())
def test_what_is_written_is_read_again(framing: Framing, command: Command) -> None:
    if isinstance(framing, JsonText) and command.cmd == "echo" and command.i is None:
        command = Command(cmd="echo")  # a heartbeat is an empty object and nothing else
    assert framing.decode(framing.frame(framing.pack(command))) == command


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda one: type(one).__name__)
@given(command=commands(), peer=texts.filter(bool))
def test_a_packed_command_is_addressed_without_packing_it_again(
    framing: Framing, command: Command, peer: str
) -> None:
    if command.cmd == "echo" and command.i is None:
        command = replace(command, i=1)  # a heartbeat of a connection is nobody's
    packed = framing.pack(command)
    addressed = framing.decode(framing.frame(packed, peer))
    assert addressed.peer_id == peer
    assert addressed.body == command.body


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda one: type(one).__name__)
@given(frame=st.binary(max_size=200) | st.text(max_size=200))
def test_any_frame_is_a_command_or_malformed(framing: Framing, frame: str | bytes) -> None:
    try:
        command = framing.decode(frame)
    except Malformed:
        return
    assert command.cmd in COMMANDS


@given(command=commands(), place=st.integers(0, 400), byte=st.integers(0, 255), cut=st.integers(0, 400))
def test_a_damaged_frame_is_a_command_or_malformed(command: Command, place: int, byte: int, cut: int) -> None:
    raw = bytearray(Protobuf().pack(command))
    raw[place % len(raw)] = byte
    damaged = bytes(raw[: cut % (len(raw) + 1) or len(raw)])
    for framing, frame in ((Protobuf(), damaged), (Base64(), base64.b64encode(damaged).decode())):
        with contextlib.suppress(Malformed):
            framing.decode(frame)


def test_the_bytes_are_those_of_the_documented_schema() -> None:
    command = Command(
        cmd="conv", op="members_joined", i=3, peer_id="t", body={"cid": "x", "m": ["a"], "attr": {"k": 1}}
    )
    conv = b"\x0a\x01a" + b"\x22\x01x" + b"\xba\x06\x09\x0a\x07" + b'{"k":1}'
    expected = (
        b"\x08\x01" + b"\x10\x21" + b"\x22\x01t" + b"\x28\x03" + b"\xf2\x06" + bytes([len(conv)]) + conv
    )
    assert Protobuf().pack(command) == expected
    assert Protobuf().decode(expected) == command


def test_an_empty_sub_message_is_there_all_the_same() -> None:
    packed = Protobuf().pack(Command(cmd="conv", op="updated", i=1))
    message = GenericCommand()
    message.ParseFromString(packed)
    assert message.HasField("convMessage")


def test_json_operations_are_hyphenated_and_attributes_real_json() -> None:
    command = Command(cmd="conv", op="members_joined", body={"attr": {"k": [1]}})
    frame = JsonText().frame(JsonText().pack(command))
    assert frame == '{"cmd":"conv","op":"members-joined","attr":{"k":[1]}}'


@pytest.mark.parametrize(
    ("offered", "chosen", "version"),
    [
        (["lc.protobuf2.3"], "lc.protobuf2.3", 3),
        (["chat", "lc.proto2base64.1"], "lc.proto2base64.1", 1),
        (["lc.protobuf.2"], "lc.protobuf.2", 2),
        (["lc.protobase64.1"], "lc.protobase64.1", 1),
        (["lc.json.1", "lc.protobuf2.3"], "lc.json.1", 1),
    ],
)
def test_the_first_sub_protocol_that_is_understood_is_chosen(
    offered: list[str], chosen: str, version: int
) -> None:
    agreed = negotiate(offered)
    assert agreed is not None
    assert (agreed.name, agreed.version) == (chosen, version)


@pytest.mark.parametrize(
    "offered", [[], ["chat"], ["lc.protobuf2"], ["lc.protobuf2.33"], ["lc.xml.3"], ["LC.json.3"]]
)
def test_other_sub_protocols_are_not(offered: list[str]) -> None:
    assert negotiate(offered) is None
