"""The service's errors: a number for programs, the constant's name for the wire, a sentence for people.

Codes 4100 and above belong to messaging; `reason` is then the constant's name, as WebSocket clients receive it. Lower
codes belong to storage. Over REST both are rendered as `{"code": ..., "error": ...}`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorKind:
    """One row of the error table: calling it with a sentence makes the error to raise."""

    code: int
    reason: str
    status: int

    def __call__(self, detail: str | None = None) -> "ServiceError":
        return ServiceError(self.code, self.reason, self.status, detail)


class ServiceError(Exception):
    """A request that the service refuses; `status` is the HTTP status, `detail` says what exactly was wrong.

    `app_code` is the number that the app's own hook gave for its refusal.
    """

    app_code: int | None = None

    def __init__(self, code: int, reason: str, status: int = 400, detail: str | None = None) -> None:
        super().__init__(f"{code} {reason}: {detail}" if detail else f"{code} {reason}")
        self.code = code
        self.reason = reason
        self.status = status
        self.detail = detail

    def body(self) -> dict[str, int | str]:
        """The JSON body of a failed REST call: `code` and `error` always, as LeanCloud's SDKs expect."""
        text = f"{self.reason}: {self.detail}" if self.detail else self.reason
        body: dict[str, int | str] = {"code": self.code, "error": text}
        return body if self.app_code is None else {**body, "appCode": self.app_code}


# Storage
BAD_ARGUMENT = ErrorKind(1, "Bad argument", 400)
INTERNAL = ErrorKind(1, "Internal error", 500)
CLASS_NOT_FOUND = ErrorKind(101, "Class or object does not exist", 404)
BAD_CLASS_NAME = ErrorKind(103, "Bad class name", 400)
OBJECT_ID_MISSING = ErrorKind(104, "objectId is missing", 400)
BAD_KEY_NAME = ErrorKind(105, "Bad key name", 400)
BAD_POINTER = ErrorKind(106, "Bad pointer", 400)
BAD_JSON = ErrorKind(107, "Bad JSON", 400)
WRONG_TYPE = ErrorKind(111, "Wrong type", 400)
REQUIRED_COLUMN = ErrorKind(113, "Required column is missing", 400)
OBJECT_TOO_LARGE = ErrorKind(116, "Object is larger than 16 MB", 400)
READ_ONLY_KEY = ErrorKind(117, "Key is read-only", 400)
CLIENTS_FORBIDDEN = ErrorKind(119, "Not allowed without the master key", 403)
BAD_INNER_KEY = ErrorKind(121, "Key holds '$' or '.'", 400)
BAD_ACL = ErrorKind(123, "Bad ACL", 400)
QUERY_TIMEOUT = ErrorKind(124, "Query took too long", 400)
DUPLICATE_VALUE = ErrorKind(137, "A unique value is already taken", 400)
USERNAME_MISSING = ErrorKind(200, "Username is missing", 400)
PASSWORD_MISSING = ErrorKind(201, "Password is missing", 400)
USERNAME_TAKEN = ErrorKind(202, "Username is taken", 400)
PASSWORD_MISMATCH = ErrorKind(210, "The username and password mismatch", 400)
USER_NOT_FOUND = ErrorKind(211, "Could not find user", 400)
CONDITION_MISSED = ErrorKind(305, "No effect: no object meets the condition", 400)
UNAUTHORIZED = ErrorKind(401, "Unauthorized", 401)
FORBIDDEN = ErrorKind(403, "Forbidden by class permissions", 403)
PATH_NOT_FOUND = ErrorKind(404, "No such path", 404)
METHOD_NOT_ALLOWED = ErrorKind(405, "Method not allowed", 405)
BODY_TOO_LARGE = ErrorKind(413, "Request body is too large", 413)
TOO_MANY_REQUESTS = ErrorKind(429, "Too many requests", 429)

# Messaging
APP_NOT_AVAILABLE = ErrorKind(4100, "APP_NOT_AVAILABLE", 400)
SIGNATURE_FAILED = ErrorKind(4102, "SIGNATURE_FAILED", 400)
INVALID_CLIENT = ErrorKind(4103, "INVALID_LOGIN", 400)
SESSION_REQUIRED = ErrorKind(4105, "SESSION_REQUIRED", 400)
READ_TIMEOUT = ErrorKind(4107, "READ_TIMEOUT", 400)
LOGIN_TIMEOUT = ErrorKind(4108, "LOGIN_TIMEOUT", 400)
MESSAGE_TOO_LONG = ErrorKind(4109, "FRAME_TOO_LONG", 400)
INVALID_ORIGIN = ErrorKind(4110, "INVALID_ORIGIN", 400)
SESSION_CONFLICT = ErrorKind(4111, "SESSION_CONFLICT", 400)
SESSION_TOKEN_EXPIRED = ErrorKind(4112, "SESSION_TOKEN_EXPIRED", 400)
UNPARSEABLE = ErrorKind(4114, "UNPARSEABLE_RAW_MESSAGE", 400)
IM_INTERNAL = ErrorKind(4200, "INTERNAL_ERROR", 500)
SEND_TIMEOUT = ErrorKind(4201, "SEND_MESSAGE_TIMEOUT", 500)
CONVERSATION_API_FAILED = ErrorKind(4301, "CONVERSATION_API_FAILED", 400)
CONVERSATION_SIGNATURE_FAILED = ErrorKind(4302, "CONVERSATION_SIGNATURE_FAILED", 400)
CONVERSATION_NOT_FOUND = ErrorKind(4303, "CONVERSATION_NOT_FOUND", 404)
CONVERSATION_FULL = ErrorKind(4304, "CONVERSATION_FULL", 400)
CONVERSATION_REJECTED_BY_APP = ErrorKind(4305, "CONVERSATION_REJECTED_BY_APP", 400)
CONVERSATION_UPDATE_FAILED = ErrorKind(4306, "CONVERSATION_UPDATE_FAILED", 400)
CONVERSATION_READ_ONLY = ErrorKind(4307, "CONVERSATION_READ_ONLY", 400)
SYSTEM_CONVERSATION_REQUIRED = ErrorKind(4313, "SYSTEM_CONVERSATION_REQUIRED", 400)
NORMAL_CONVERSATION_REQUIRED = ErrorKind(4314, "NORMAL_CONVERSATION_REQUIRED", 400)
TRANSIENT_CONVERSATION_REQUIRED = ErrorKind(4316, "TRANSIENT_CONVERSATION_REQUIRED", 400)
CONVERSATION_NOT_ALLOWED = ErrorKind(4308, "CONVERSATION_NOT_ALLOWED", 400)
CONVERSATION_UPDATE_REJECTED = ErrorKind(4309, "CONVERSATION_UPDATE_REJECTED", 400)
CONVERSATION_LOG_REJECTED = ErrorKind(4312, "CONVERSATION_LOG_REJECTED", 400)
SILENCED_FOR_A_TIME = ErrorKind(4315, "CONVERSATION_TEMPORARY_BLACKLISTED", 400)
MEMBERSHIP_REQUIRED = ErrorKind(4317, "CONVERSATION_MEMBERSHIP_REQUIRED", 400)
OPERATION_UNAUTHORIZED = ErrorKind(4320, "CONVERSATION_OPERATION_UNAUTHORIZED", 400)
TEMPORARY_CONVERSATION_EXPIRED = ErrorKind(4323, "TEMPORARY_CONVERSATION_EXPIRED", 400)
INVALID_MESSAGING_TARGET = ErrorKind(4401, "INVALID_MESSAGING_TARGET", 400)
MESSAGE_REJECTED_BY_APP = ErrorKind(4402, "MESSAGE_REJECTED_BY_APP", 400)
MESSAGE_OWNERSHIP_REQUIRED = ErrorKind(4403, "MESSAGE_OWNERSHIP_REQUIRED", 403)
MESSAGE_NOT_FOUND = ErrorKind(4404, "MESSAGE_NOT_FOUND", 404)
MESSAGE_UPDATE_REJECTED_BY_APP = ErrorKind(4405, "MESSAGE_UPDATE_REJECTED_BY_APP", 400)
UNKNOWN_CONVERSATION_ROLE = ErrorKind(4321, "UNKNOWN_CONVERSATION_ROLE", 400)
BLACKLIST_FULL = ErrorKind(4543, "BLACKLIST_FULL", 400)
BLACKLIST_SIGNATURE_FAILED = ErrorKind(4546, "BLACKLIST_SIGNATURE_FAILED", 400)
BLOCKED_BY_CONVERSATION = ErrorKind(4548, "BLOCKED_BY_CONV", 400)
SILENCED = ErrorKind(4563, "SILIENCED", 400)
SILENCED_LIST_FULL = ErrorKind(4561, "SILIENCED_MEMBER_LIST_FULL", 400)
