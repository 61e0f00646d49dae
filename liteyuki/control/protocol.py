"""JSON-RPC 2.0, one object per line (https://www.jsonrpc.org/specification), with no I/O."""

import json
from typing import Any, Final, NamedTuple

from liteyuki.locale import text

__all__ = [
    "CONTROL_TIMEOUT",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "MAX_LINE_BYTES",
    "METHOD_NOT_FOUND",
    "NOT_READY",
    "PARSE_ERROR",
    "REFUSED",
    "Call",
    "RequestError",
    "error_line",
    "parse_answer",
    "parse_call",
    "request_line",
    "result_line",
]

MAX_LINE_BYTES: Final = 1024 * 1024
CONTROL_TIMEOUT: Final = 5.0
"""Seconds that the main process may take to answer over the control socket."""

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
REFUSED: Final = -32000
"""The request is well-formed but cannot be met; the message says why."""
NOT_READY: Final = -32001
"""It cannot be met yet: ask again."""

Id = str | int | None


class RequestError(Exception):
    """A request that cannot be served; `request_id` is None if it could not be read."""

    def __init__(self, code: int, message: str, request_id: Id = None) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id


class Call(NamedTuple):
    request_id: Id
    method: str
    params: dict[str, Any]


def parse_call(line: bytes) -> Call:
    """A request. Raises `RequestError` for anything else. Parameters go by name; batches are not served."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestError(PARSE_ERROR, text("rpc.not_json", error=error)) from error
    if not isinstance(request, dict):
        raise RequestError(INVALID_REQUEST, text("rpc.not_object"))
    request_id = request.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, (str, int)):
        raise RequestError(INVALID_REQUEST, text("rpc.id"))
    if request.get("jsonrpc") != "2.0" or not isinstance(request.get("method"), str):
        raise RequestError(INVALID_REQUEST, text("rpc.request"), request_id)
    params = request.get("params", {})
    if not isinstance(params, dict):
        raise RequestError(INVALID_PARAMS, text("rpc.params"), request_id)
    return Call(request_id, request["method"], params)


def request_line(request_id: int, method: str, params: dict[str, Any]) -> bytes:
    return _line({"id": request_id, "method": method, "params": params})


def result_line(request_id: Id, result: object) -> bytes:
    return _line({"id": request_id, "result": result})


def error_line(error: RequestError) -> bytes:
    return _line({"id": error.request_id, "error": {"code": error.code, "message": str(error)}})


def parse_answer(line: bytes) -> tuple[Any, RequestError | None]:
    """The result and None, or None and the error. Raises `ValueError` if the line is no answer."""
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise ValueError("an answer is one JSON object")
    if "error" in answer:
        return None, RequestError(int(answer["error"]["code"]), str(answer["error"]["message"]), answer.get("id"))
    return answer["result"], None


def _line(members: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}, ensure_ascii=False).encode() + b"\n"
