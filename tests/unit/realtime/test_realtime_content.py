"""Content of messages: every kind is written as documented and read back as it was."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.realtime import wire
from bridge.realtime.content import (
    Attachment,
    Audio,
    Content,
    Custom,
    File,
    Image,
    Location,
    Plain,
    Recalled,
    Text,
    Video,
    decode,
    delivery_of,
    encode,
    size,
    with_delivery,
)

DOCUMENTED: list[tuple[Content, dict[str, Any]]] = [
    (Text("周六有晚会！"), {"_lctype": -1, "_lctext": "周六有晚会！"}),
    (Text("hi", {"a": 1}), {"_lctype": -1, "_lctext": "hi", "_lcattrs": {"a": 1}}),
    (
        Image(Attachment("http://f/1.png", {"width": 2, "height": 3}, "5f00"), "a cat"),
        {
            "_lctype": -2,
            "_lctext": "a cat",
            "_lcfile": {"url": "http://f/1.png", "objId": "5f00", "metaData": {"width": 2, "height": 3}},
        },
    ),
    (Audio(Attachment("http://f/1.mp3")), {"_lctype": -3, "_lcfile": {"url": "http://f/1.mp3"}}),
    (
        Video(Attachment("http://f/1.mp4", {"duration": 9.5})),
        {"_lctype": -4, "_lcfile": {"url": "http://f/1.mp4", "metaData": {"duration": 9.5}}},
    ),
    (Location(-31.2, 121.4), {"_lctype": -5, "_lcloc": {"longitude": 121.4, "latitude": -31.2}}),
    (
        File(Attachment("http://f/a.pdf", {"name": "a.pdf", "size": 12})),
        {
            "_lctype": -6,
            "_lcfile": {
                "url": "http://f/a.pdf",
                "metaData": {"name": "a.pdf", "size": 12},
                "name": "a.pdf",
                "size": 12,
            },
        },
    ),
    (Recalled(), {"_lctype": -127}),
    (Custom({"_lctype": 1, "x": [None, True]}), {"_lctype": 1, "x": [None, True]}),
    (Custom({"no": "type"}), {"no": "type"}),
]


@pytest.mark.parametrize(("content", "written"), DOCUMENTED)
def test_each_kind_is_written_as_documented_and_read_back(content: Content, written: dict[str, Any]) -> None:
    assert json.loads(encode(content)) == written
    assert decode(encode(content)) == content
    assert decode(written) == content, "an already decoded object is read alike"


def test_a_file_s_name_and_size_are_read_directly_in_the_file_too() -> None:
    content = decode('{"_lctype":-6,"_lcfile":{"url":"u","name":"a.pdf","size":12}}')
    assert content == File(Attachment("u", {"name": "a.pdf", "size": 12}))
    assert isinstance(content, File)
    assert content.attachment.name == "a.pdf"


@pytest.mark.parametrize(
    "data",
    [
        "hello",
        "",
        "{not json",
        "[1]",
        "12",
        '"quoted"',
        "{" * 100_000,
        '{"a":NaN}',
        '{"a":1e999}',
        '{"a":' * 50_000,
    ],
)
def test_what_is_no_json_object_is_a_plain_string_as_it_is(data: str) -> None:
    assert decode(data) == Plain(data)


@pytest.mark.parametrize(
    "body",
    [
        {"_lctype": -1, "_lctext": 7},
        {"_lctype": -1, "_lctext": "x", "_lcattrs": "y"},
        {"_lctype": -2},
        {"_lctype": -2, "_lcfile": {"url": 1}},
        {"_lctype": -2, "_lcfile": [], "_lctext": None},
        {"_lctype": -5, "_lcloc": {"latitude": "1", "longitude": 2}},
        {"_lctype": -5},
        {"_lctype": True},
        {"_lctype": "-1"},
        {"_lctype": [-1]},
        {"_lctype": -101, "sdp": "..."},
        {"_lctype": 0},
    ],
)
def test_malformed_and_foreign_types_are_kept_as_custom(body: dict[str, Any]) -> None:
    content = decode(json.dumps(body))
    assert content == Custom(body)
    assert json.loads(encode(content)) == body


def test_half_characters_are_replaced_so_that_what_was_read_can_be_written() -> None:
    content = decode(r'{"_lctype":-1,"_lctext":"a\ud83d","_lcattrs":{"\udc00":["\ud83d\ude00"]}}')
    assert content == Text("a\ufffd", {"\ufffd": ["😀"]})
    encode(content).encode()


def test_size_is_counted_in_utf_8_bytes_without_escapes() -> None:
    assert size(Plain("晚会")) == 6
    assert size(Text("晚会")) == len('{"_lctype":-1,"_lctext":"晚会"}'.encode())


@pytest.mark.parametrize(
    "content",
    [
        Text("x"),
        Text("x", {"delivery": "old", "a": 1}),
        Location(1, 2),
        Image(Attachment("u")),
        File(Attachment("u")),
        Custom({"_lctype": 5}),
        Custom({"_lctype": 5, "_lcattrs": {"a": 1}}),
    ],
)
def test_typed_content_carries_its_delivery(content: Content) -> None:
    carried = with_delivery(content, "d-1")
    assert delivery_of(decode(encode(carried))) == "d-1"
    attributes = json.loads(encode(carried))["_lcattrs"]
    assert ("a" in attributes) == ('"a"' in encode(content)), "other attributes stay"
    assert with_delivery(carried, "d-1") == carried


@pytest.mark.parametrize(
    "content", [Plain("x"), Recalled(), Custom({"a": 1}), Custom({"_lctype": 5, "_lcattrs": "text"})]
)
def test_content_without_a_place_for_a_delivery_stays_as_it_is(content: Content) -> None:
    assert with_delivery(content, "d-1") == content
    assert delivery_of(content) is None


@pytest.mark.parametrize(
    "data", ['{"_lcattrs":{"delivery":5},"_lctype":-1}', '{"_lcattrs":[],"_lctype":9}', "x"]
)
def test_a_delivery_of_another_shape_is_none(data: str) -> None:
    assert delivery_of(decode(data)) is None


words = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(words, values, max_size=4)
attachments = st.builds(Attachment, words, objects, st.none() | words)
degrees = st.floats(-180, 180)
contents: st.SearchStrategy[Content] = st.one_of(
    st.builds(Text, words, objects),
    *(st.builds(kind, attachments, words, objects) for kind in (Image, Audio, Video, File)),
    st.builds(Location, degrees, degrees, words, objects),
    st.just(Recalled()),
)


@given(contents)
def test_any_typed_content_survives_the_wire(content: Content) -> None:
    assert decode(encode(content)) == content
    assert size(content) == len(encode(content).encode())


@given(contents, words)
def test_any_typed_content_but_a_recalled_one_carries_any_delivery(content: Content, delivery: str) -> None:
    carried = decode(encode(with_delivery(content, delivery)))
    assert delivery_of(carried) == (None if isinstance(content, Recalled) else delivery)


@given(st.one_of(words, objects.map(json.dumps), values, st.binary().map(lambda raw: raw.decode("latin-1"))))
def test_reading_any_data_never_fails_and_can_be_written_again(data: object) -> None:
    wire.byte_length(encode(decode(data)))
