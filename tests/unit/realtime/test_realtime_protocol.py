"""The rules without I/O: how a call looks on the wire and what each answer means."""

import json
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.realtime.errors import (
    NotSent,
    RateLimited,
    RealtimeError,
    Rejected,
    Unauthorized,
    Unavailable,
    Unknown,
)
from bridge.realtime.limits import Family
from bridge.realtime.models import Sent, Stats
from bridge.realtime.protocol import Call, Credentials, count, interpret, nothing, query

CREDENTIALS = Credentials("app-0123", app_key="the-app-key", master_key="the-master-key")
SEND: Call[Sent] = Call("POST", ["broadcasts"], Sent.of, body={"message": "x"}, family=Family.BROADCASTS)
JOIN: Call[None] = Call("POST", ["conversations", "c", "members"], nothing, body={"client_ids": ["a"]})
READ: Call[Stats] = Call("GET", ["stats"], Stats.of, acts=False)


def outcome(call: Call[Any], status: int, body: object, credentials: Credentials = CREDENTIALS) -> Any:
    """The decoded answer, or the error."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        return interpret(call, status, raw, credentials)
    except RealtimeError as error:
        return error


def test_the_master_key_is_marked_and_the_app_key_is_used_only_without_one() -> None:
    assert CREDENTIALS.headers() == {"X-LC-Id": "app-0123", "X-LC-Key": "the-master-key,master"}
    assert Credentials("a", app_key="k").headers() == {"X-LC-Id": "a", "X-LC-Key": "k"}


def test_keys_show_in_no_representation_and_in_no_complaint() -> None:
    assert "the-" not in repr(CREDENTIALS)
    for key in ("secret\n", "secr\u00e9t", " secret"):
        with pytest.raises(ValueError, match="master key") as refused:
            Credentials("a", master_key=key)
        assert "secr" not in str(refused.value)


@pytest.mark.parametrize(
    ("segment", "encoded"),
    [
        ("a/b+c=", "a%2Fb%2Bc%3D"),
        ("晚会 ?", "%E6%99%9A%E4%BC%9A%20%3F"),
        ("%2F", "%252F"),
        ("_-.~", "_-.~"),
        ("...", "..."),
    ],
)
def test_ids_are_percent_encoded(segment: str, encoded: str) -> None:
    call = Call("GET", ["clients", segment, "kick"], nothing)
    assert call.path == f"/1.2/rtm/clients/{encoded}/kick"
    assert call.request == f"GET {call.path}"


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text not in (".", ".."))
)
def test_any_id_survives_the_path_that_httpx_sends(segment: str) -> None:
    url = httpx.Request("GET", "http://h" + Call("GET", ["clients", segment, "x"], nothing).path).url
    parts = url.raw_path.decode().split("/")
    assert len(parts) == 6
    assert unquote(parts[4]) == segment


def test_query_parameters_are_written_as_the_service_reads_them() -> None:
    written = query({"where": {"name": "晚会"}, "reversed": True, "limit": 5, "msgid": "a+/=", "skip": None})
    assert written == {"where": '{"name":"晚会"}', "reversed": "true", "limit": "5", "msgid": "a+/="}


@pytest.mark.parametrize(
    ("fields", "words", "code"),
    [
        ({"segments": ["clients", "", "kick"]}, "id", None),
        ({"segments": ["clients", "..", "kick"]}, "id", None),
        ({"segments": ["clients", "\ud800"]}, "half a character", None),
        ({"params": {"where": "\udc00"}}, "half a character", None),
        ({"params": {"limit": "1001"}}, "1 to 1000", None),
        ({"params": {"limit": "0"}}, "1 to 1000", None),
        ({"params": {"limit": "-1"}}, "1 to 1000", None),
        ({"body": {"message": "\ud800"}}, "half a character", None),
        ({"body": {"x": "\ud800"}}, "JSON", None),
        ({"body": {"x": float("nan")}}, "JSON", None),
        ({"body": {"x": object()}}, "JSON", None),
        ({"body": {"from_client": ""}}, "sender", None),
        ({"body": {"message": "é" * 2561}}, "5,122 bytes.*5 KB", 4109),
        ({"body": {"message": "x" * 5121}}, "5,121 bytes.*5 KB", 4109),
        ({"body": {"message": "x" * 5100, "push_data": {"alert": "0123456789"}}}, "5,122 bytes.*5 KB", 4109),
        ({"body": {"message": "", "push": {"alert": "x" * 4084}}}, "4,096 bytes.*4 KB", 4109),
        ({"body": {"to_clients": []}}, "no client id", None),
        ({"body": {"to_clients": ["a"] * 21}}, "21 client ids.*20", None),
        ({"body": {"mention_client_ids": ["a"] * 21}}, "21 client ids.*20", None),
        ({"body": {"client_ids": ["a"] * 21}, "acts": False}, "21 client ids.*20", None),
        ({"body": {"client_ids": ["a"] * 501}}, "501 client ids.*500", 4304),
        ({"body": {"m": ["a"] * 501}}, "501 client ids.*500", 4304),
        ({"body": {"client_ids": ["a", "x" * 65]}}, "1 to 64 characters, this one 65", None),
        ({"body": {"client_id": ""}}, "1 to 64 characters, this one 0", None),
        ({"params": {"client_id": "x" * 65}}, "1 to 64 characters", None),
    ],
)
def test_what_the_documentation_forbids_is_refused_before_it_is_sent(
    fields: dict[str, Any], words: str, code: int | None
) -> None:
    with pytest.raises(Rejected, match=words) as refused:
        Call(**{"method": "POST", "segments": ["conversations"], "decode": nothing, **fields})
    assert (refused.value.code, refused.value.status) == (code, None)


def test_what_just_fits_is_not_refused() -> None:
    Call("POST", ["c"], nothing, body={"message": "é" * 2560, "to_clients": ["x" * 64] * 20})
    Call("POST", ["c"], nothing, body={"message": "x" * 5099, "push_data": {"alert": "012345678"}})
    Call("POST", ["c"], nothing, body={"client_ids": ["a"] * 500})
    Call("GET", ["c"], nothing, params={"limit": "1000"}, acts=False)


def test_the_payload_is_json_in_utf_8() -> None:
    assert Call("POST", ["c"], nothing, body={"message": "晚会"}).payload == '{"message":"晚会"}'.encode()
    assert Call("DELETE", ["c"], nothing).payload is None


@pytest.mark.parametrize(
    "answer",
    [
        {"msg-id": "m+/", "timestamp": 1},
        {"result": {"msg-id": "m+/", "timestamp": 1}},
        {"msg-id": "m+/", "timestamp": 1, "result": {"msg-id": "other", "timestamp": 2}},
        {"msg-id": "m+/", "timestamp": 1.0},
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_send_s_answer_is_read_bare_and_wrapped(answer: object, status: int) -> None:
    assert outcome(SEND, status, answer) == Sent("m+/", 1)


@pytest.mark.parametrize("body", [b"", b" ", b"{}", b'{"result":{}}', b"[]", b'{"updatedAt":"x"}'])
def test_an_undocumented_answer_of_success_is_success(body: bytes) -> None:
    assert outcome(JOIN, 200, body) is None


@pytest.mark.parametrize(("body", "number"), [({"count": 4}, 4), ({"result": 3}, 3)])
def test_counts_come_in_two_shapes(body: object, number: int) -> None:
    assert count(body) == number


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>", b"{", b"[]", b"null", b'"x"', b"{}", b'{"result":[]}', b"[" * 100_000),
        *(b'{"msg-id":1,"timestamp":1}', b'{"msg-id":"m"}', b'{"msg-id":"m","timestamp":true}'),
        *(b'{"msg-id":"m","timestamp":1e999}', b'{"msg-id":"m","timestamp":' + b"9" * 5000 + b"}"),
    ],
)
def test_a_success_that_cannot_be_read_leaves_a_send_unknown(body: bytes) -> None:
    error = outcome(SEND, 200, body)
    assert type(error) is Unknown
    assert error.status == 200


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"online_user_count":"3","user_count_today":1}'])
def test_a_success_that_cannot_be_read_leaves_a_read_unavailable(body: bytes) -> None:
    assert type(outcome(READ, 200, body)) is Unavailable


QUOTA = {"code": 1, "error": "The daily quota of system messages is exceeded."}
ACTED = [  # status, body -> the error for an acting call, the one for a read, whether it is the day's quota
    (429, {"code": 429, "error": "Too many requests."}, RateLimited, RateLimited, False),
    (429, b"<html>", RateLimited, RateLimited, False),
    (400, {"code": 429, "error": "x"}, RateLimited, RateLimited, False),
    (200, {"code": 429, "error": "x"}, RateLimited, RateLimited, False),
    (400, {"code": 4116, "error": "MESSAGE_SENT_QUOTA_EXCEEDED"}, RateLimited, RateLimited, False),
    (400, QUOTA, RateLimited, RateLimited, True),
    (200, QUOTA, RateLimited, RateLimited, True),
    (403, QUOTA, RateLimited, RateLimited, True),
    (429, {"code": 429, "error": "daily limit"}, RateLimited, RateLimited, True),
    (400, {"code": 140, "error": "plan"}, RateLimited, RateLimited, True),
    (400, {"code": 1, "error": "bad argument"}, Rejected, Rejected, None),
    (401, {"code": 401, "error": "Unauthorized."}, Unauthorized, Unauthorized, None),
    (401, b"", Unauthorized, Unauthorized, None),
    (403, {"code": 403, "error": "Forbidden"}, Unauthorized, Unauthorized, None),
    (400, {"code": 119, "error": "not allowed"}, Unauthorized, Unauthorized, None),
    (400, {"code": 4100, "error": "APP_NOT_AVAILABLE"}, Unauthorized, Unauthorized, None),
    (403, {"code": 4303, "error": "CONVERSATION_NOT_FOUND"}, Rejected, Rejected, None),
    (200, {"code": 4303, "error": "CONVERSATION_NOT_FOUND"}, Rejected, Rejected, None),
    (400, {"code": 4401, "error": "INVALID_MESSAGING_TARGET"}, Rejected, Rejected, None),
    (404, b"<html>not here</html>", Rejected, Rejected, None),
    (400, {"error": "no code"}, Rejected, Rejected, None),
    (413, b"", Rejected, Rejected, None),
    (400, {"code": 4201, "error": "SEND_MESSAGE_TIMEOUT"}, Unknown, Unavailable, None),
    (200, {"code": 4200, "error": "INTERNAL_ERROR"}, Unknown, Unavailable, None),
    (400, {"code": 124, "error": "timeout"}, Unknown, Unavailable, None),
    (500, {"code": 1, "error": "x"}, Unknown, Unavailable, None),
    (500, {"code": 429, "error": "x"}, Unknown, Unavailable, None),
    (502, b"<html>", Unknown, Unavailable, None),
    (503, b"", Unknown, Unavailable, None),
    (302, b"", Unknown, Unavailable, None),
    (100, b"", Unknown, Unavailable, None),
    (599, b"", Unknown, Unavailable, None),
]


@pytest.mark.parametrize(("status", "body", "acting", "reading", "daily"), ACTED)
def test_each_answer_asks_for_one_reaction(
    status: int, body: object, acting: type[RealtimeError], reading: type[RealtimeError], daily: bool | None
) -> None:
    error: Any = outcome(SEND, status, body)
    assert type(error) is acting
    assert (error.status, error.request) == (status, "POST /1.2/rtm/broadcasts")
    assert type(outcome(READ, status, body)) is reading
    if isinstance(error, RateLimited):
        assert (error.family, error.limit.daily) == (Family.BROADCASTS, daily)
        assert outcome(READ, status, body).family is None


@given(
    st.integers(100, 599),
    st.binary()
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.dictionaries(
            st.sampled_from(["error", "code", "result", "msg-id", "timestamp"]), inner
        ),
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_answer_at_all_is_taken_for_not_sent_but_a_named_limit(status: int, body: bytes) -> None:
    answer = outcome(SEND, status, body)
    assert isinstance(answer, Sent | Rejected | Unknown | RateLimited)
    if isinstance(answer, Sent):
        assert 200 <= status < 300
    if isinstance(answer, NotSent | Rejected):
        assert status < 500


def test_an_error_names_its_call_code_and_status_in_the_service_s_words() -> None:
    error = outcome(JOIN, 400, {"code": 4303, "error": "no such\nconversation\u2028here"})
    assert (
        str(error)
        == "POST /1.2/rtm/conversations/c/members: no such conversation here (code 4303) (HTTP 400)"
    )
    assert repr(error).startswith("Rejected(")
    with pytest.raises(AttributeError):
        error.code = 5


@pytest.mark.parametrize(("key", "words"), [("reason", "R"), ("detail", "D")])
def test_the_reason_is_found_under_its_other_names(key: str, words: str) -> None:
    assert outcome(JOIN, 400, {"code": 1, key: words}).reason == words


def test_a_server_that_quotes_the_keys_does_not_get_them_into_the_error() -> None:
    error = outcome(JOIN, 401, {"code": 401, "error": "bad key the-master-key,master or the-app-key"})
    assert error.reason == "bad key ***,master or ***"


def test_a_long_reason_is_cut() -> None:
    assert len(outcome(JOIN, 400, {"error": "x" * 10_000}).reason) == 300
