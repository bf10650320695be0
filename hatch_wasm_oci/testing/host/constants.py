"""The numbers of the proxy-wasm ABI, by name."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """What a host function returns."""

    OK = 0
    NOT_FOUND = 1
    BAD_ARGUMENT = 2
    SERIALIZATION_FAILURE = 3
    PARSE_FAILURE = 4
    INVALID_MEMORY_ACCESS = 6
    EMPTY = 7
    CAS_MISMATCH = 8
    INTERNAL_FAILURE = 10
    BROKEN_CONNECTION = 11
    UNIMPLEMENTED = 12


class Action(IntEnum):
    """What a filter does with a part of a stream: let it pass, or hold it back."""

    CONTINUE = 0
    PAUSE = 1


class MapType(IntEnum):
    """The maps of headers."""

    REQUEST_HEADERS = 0
    REQUEST_TRAILERS = 1
    RESPONSE_HEADERS = 2
    RESPONSE_TRAILERS = 3
    GRPC_INITIAL_METADATA = 4
    GRPC_TRAILING_METADATA = 5
    CALL_RESPONSE_HEADERS = 6
    CALL_RESPONSE_TRAILERS = 7


class BufferType(IntEnum):
    """The buffers."""

    REQUEST_BODY = 0
    RESPONSE_BODY = 1
    DOWNSTREAM_DATA = 2
    UPSTREAM_DATA = 3
    CALL_RESPONSE_BODY = 4
    GRPC_MESSAGE = 5
    VM_CONFIGURATION = 6
    PLUGIN_CONFIGURATION = 7
    CALL_DATA = 8


LEVELS = ("trace", "debug", "info", "warn", "error", "critical")
"""The levels of logs, by number."""
