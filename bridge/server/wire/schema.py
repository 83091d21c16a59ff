"""The protobuf schema of the socket (`push_server.messages2`, proto2): a table of fields, and what is built from it.

A field is `name number type`: s string, b bool, i int32, L int64, B bytes, J JSON text in a message of its own, else
the name of a message or enumeration; brackets mean repeated. Nothing is marked as required: on the wire that makes no
difference, and what is missing is then refused by the command that needs it, not with the whole frame.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

PACKAGE = "push_server.messages2"
JSON_MESSAGE = "JsonObjectMessage"

_COMMANDS = (
    "session conv direct ack rcp unread logs error login data room read presence report echo loggedin logout loggedout "
    "patch pubsub blacklist goaway"
)
_OPERATIONS = {
    1: "open add remove close opened closed query query_result conflict added removed refresh refreshed",
    30: "start started joined members_joined",
    39: "left members_left",
    42: "results count result update updated mute unmute status members max_read is_member member_info_update "
    "member_info_updated member_info_changed",
    80: "join invite leave kick reject invited kicked",
    100: "upload uploaded",
    120: "subscribe subscribed unsubscribe unsubscribed is_subscribed",
    150: "modify modified",
    170: "block unblock blocked unblocked members_blocked members_unblocked check_block check_result",
    180: "add_shutup remove_shutup query_shutup shutup_added shutup_removed shutup_result shutuped unshutuped "
    "members_shutuped members_unshutuped check_shutup",
}

COMMANDS = {name: number for number, name in enumerate(_COMMANDS.split())}
OPERATIONS = {
    name: first + place for first, names in _OPERATIONS.items() for place, name in enumerate(names.split())
}
_ENUMS = {
    "CommandType": COMMANDS,
    "OpType": OPERATIONS,
    "StatusType": {"on": 1, "off": 2},
    "QueryDirection": {"OLD": 1, "NEW": 2},
}

_FIELDS = {
    "JsonObjectMessage": "data 1 s",
    "SessionCommand": "t 1 L, n 2 s, s 3 s, ua 4 s, r 5 b, tag 6 s, deviceId 7 s, sessionPeerIds 8 [s], "
    "onlineSessionPeerIds 9 [s], st 10 s, stTtl 11 i, code 12 i, reason 13 s, deviceToken 14 s, sp 15 b, detail 16 s, "
    "lastUnreadNotifTime 17 L, lastPatchTime 18 L, configBitmap 19 L",
    "ErrorCommand": "code 1 i, reason 2 s, appCode 3 i, detail 4 s, pids 5 [s], appMsg 6 s",
    "DirectCommand": "msg 1 s, uid 2 s, fromPeerId 3 s, timestamp 4 L, offline 5 b, hasMore 6 b, toPeerIds 7 [s], "
    "r 10 b, cid 11 s, id 12 s, transient 13 b, dt 14 s, roomId 15 s, pushData 16 s, will 17 b, patchTimestamp 18 L, "
    "binaryMsg 19 B, mentionPids 20 [s], mentionAll 21 b, convType 22 i",
    "AckCommand": "code 1 i, reason 2 s, mid 3 s, cid 4 s, t 5 L, uid 6 s, fromts 7 L, tots 8 L, type 9 s, ids 10 [s], "
    "appCode 11 i, appMsg 12 s",
    "UnreadCommand": "convs 1 [UnreadTuple], notifTime 2 L",
    "UnreadTuple": "cid 1 s, unread 2 i, mid 3 s, timestamp 4 L, from 5 s, data 6 s, patchTimestamp 7 L, "
    "mentioned 8 b, binaryMsg 9 B, convType 10 i",
    "ConvCommand": "m 1 [s], transient 2 b, unique 3 b, cid 4 s, cdate 5 s, initBy 6 s, sort 7 s, limit 8 i, skip 9 i, "
    "flag 10 i, count 11 i, udate 12 s, t 13 L, n 14 s, s 15 s, statusSub 16 b, statusPub 17 b, statusTTL 18 i, "
    "uniqueId 19 s, targetClientId 20 s, maxReadTimestamp 21 L, maxAckTimestamp 22 L, queryAllMembers 23 b, "
    "maxReadTuples 24 [MaxReadTuple], cids 25 [s], info 26 ConvMemberInfo, tempConv 27 b, tempConvTTL 28 i, "
    "tempConvIds 29 [s], allowedPids 30 [s], failedPids 31 [ErrorCommand], next 40 s, results 100 J, where 101 J, "
    "attr 103 J, attrModified 104 J",
    "ConvMemberInfo": "pid 1 s, role 2 s, infoId 3 s",
    "MaxReadTuple": "pid 1 s, maxAckTimestamp 2 L, maxReadTimestamp 3 L",
    "LogsCommand": "cid 1 s, l 2 i, limit 3 i, t 4 L, tt 5 L, tmid 6 s, mid 7 s, checksum 8 s, stored 9 b, "
    "direction 10 QueryDirection, tIncluded 11 b, ttIncluded 12 b, lctype 13 i, logs 105 [LogItem]",
    "LogItem": "from 1 s, data 2 s, timestamp 3 L, msgId 4 s, ackAt 5 L, readAt 6 L, patchTimestamp 7 L, "
    "mentionAll 8 b, mentionPids 9 [s], bin 10 b, convType 11 i",
    "RcpCommand": "id 1 s, cid 2 s, t 3 L, read 4 b, from 5 s",
    "ReadCommand": "cid 1 s, cids 2 [s], convs 3 [ReadTuple]",
    "ReadTuple": "cid 1 s, timestamp 2 L, mid 3 s",
    "PatchCommand": "patches 1 [PatchItem], lastPatchTime 2 L",
    "PatchItem": "cid 1 s, mid 2 s, timestamp 3 L, recall 4 b, data 5 s, patchTimestamp 6 L, from 7 s, binaryMsg 8 B, "
    "mentionAll 9 b, mentionPids 10 [s], patchCode 11 L, patchReason 12 s",
    "BlacklistCommand": "srcCid 1 s, toPids 2 [s], srcPid 3 s, toCids 4 [s], limit 5 i, next 6 s, blockedPids 8 [s], "
    "blockedCids 9 [s], allowedPids 10 [s], failedPids 11 [ErrorCommand], t 12 L, n 13 s, s 14 s",
    "DataCommand": "ids 1 [s], msg 2 [J], offline 3 b",
    "ReportCommand": "initiative 1 b, type 2 s, data 3 s",
    "PresenceCommand": "status 1 StatusType, sessionPeerIds 2 [s], cid 3 s",
    "RoomCommand": "roomId 1 s, s 2 s, t 3 L, n 4 s, transient 5 b, roomPeerIds 6 [s], byPeerId 7 s",
    "PubsubCommand": "cid 1 s, cids 2 [s], topic 3 s, subtopic 4 s, topics 5 [s], subtopics 6 [s], results 7 J",
    "GenericCommand": "cmd 1 CommandType, op 2 OpType, appId 3 s, peerId 4 s, i 5 i, installationId 6 s, priority 7 i, "
    "service 8 i, serverTs 9 L, clientTs 10 L, notificationType 11 i, dataMessage 101 DataCommand, "
    "sessionMessage 102 SessionCommand, errorMessage 103 ErrorCommand, directMessage 104 DirectCommand, "
    "ackMessage 105 AckCommand, unreadMessage 106 UnreadCommand, readMessage 107 ReadCommand, "
    "rcpMessage 108 RcpCommand, logsMessage 109 LogsCommand, convMessage 110 ConvCommand, "
    "roomMessage 111 RoomCommand, presenceMessage 112 PresenceCommand, reportMessage 113 ReportCommand, "
    "patchMessage 114 PatchCommand, pubsubMessage 115 PubsubCommand, blacklistMessage 116 BlacklistCommand",
}

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "s": _Field.TYPE_STRING,
    "b": _Field.TYPE_BOOL,
    "i": _Field.TYPE_INT32,
    "L": _Field.TYPE_INT64,
    "B": _Field.TYPE_BYTES,
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="messages2.proto", package=PACKAGE, syntax="proto2")
    for name, values in _ENUMS.items():
        enum = file.enum_type.add(name=name)
        for value, number in values.items():
            enum.value.add(name=value, number=number)
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field in fields.split(","):
            _add_field(message, *field.split())
    return file


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, number: str, kind: str) -> None:
    repeated = kind.startswith("[")
    kind = kind.strip("[]")
    field = message.field.add(name=name, number=int(number))
    field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _Field.TYPE_ENUM if kind in _ENUMS else _Field.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{JSON_MESSAGE if kind == 'J' else kind}"


def _message_class() -> type[Message]:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.GenericCommand"))


GenericCommand = _message_class()
"""The class of the one message that every frame is."""
