"""What the modules of the parity test ask, by topic."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm.envoy_tables import host_functions

from .probe import LINE, Ask, At, Kept, Loaded, Long, Out, pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

WASI = "wasi_snapshot_preview1"
GET, SIZE, PAIRS = "proxy_get_header_map_value", "proxy_get_header_map_size", "proxy_get_header_map_pairs"
ADD, REPLACE = "proxy_add_header_map_value", "proxy_replace_header_map_value"
REMOVE, SET_PAIRS = "proxy_remove_header_map_value", "proxy_set_header_map_pairs"
BYTES, BUFFER_STATUS, SET_BYTES = "proxy_get_buffer_bytes", "proxy_get_buffer_status", "proxy_set_buffer_bytes"
CONTINUE, CLOSE, LOCAL = "proxy_continue_stream", "proxy_close_stream", "proxy_send_local_response"
CALL, PROPERTY, SET_PROPERTY = "proxy_http_call", "proxy_get_property", "proxy_set_property"
EFFECTIVE = "proxy_set_effective_context"
VALUE = (Out(0), Out(1))
FIRST_STREAM = 2


def reading(phase: str) -> list[Ask]:
    asks = [Ask(f"get{kind}", GET, (kind, "X-A", *VALUE), "bytes") for kind in range(9)]
    asks += [Ask(f"missing{kind}", GET, (kind, "nothing", *VALUE), "bytes") for kind in range(9)]
    asks += [Ask(f"size{kind}", SIZE, (kind, Out(0)), "u32") for kind in range(9)]
    # What Envoy adds to a response on its way out stands in the log's map.
    kinds = [kind for kind in range(9) if (phase, kind) != ("log", 2)]
    asks += [Ask(f"pairs{kind}", PAIRS, (kind, *VALUE), "bytes") for kind in kinds]
    for kind in range(10):
        asks.append(Ask(f"buffer{kind}", BYTES, (kind, 0, 100, *VALUE), "bytes"))
        asks.append(Ask(f"call data after {kind}", BYTES, (8, 0, 100, *VALUE), "bytes"))
        asks.append(Ask(f"status{kind}", BUFFER_STATUS, (kind, Out(0), Out(1)), "u32"))
    return asks


def writing(phase: str) -> list[Ask]:
    asks = []
    for kind in range(9):
        asks.append(Ask(f"add{kind}", ADD, (kind, f"x-{phase}", "1")))
        asks.append(Ask(f"replace{kind}", REPLACE, (kind, f"x-{phase}", "2")))
        asks.append(Ask(f"remove{kind}", REMOVE, (kind, "x-a")))
        # No pairs: without its pseudo-headers a request goes nowhere.
        asks.append(Ask(f"set pairs{kind}", SET_PAIRS, (kind, pairs([("x-new", "1")])))) if kind in (1, 3, 8) else None
    return asks + [Ask(f"set{kind}", SET_BYTES, (kind, 0, 0, "+")) for kind in range(10)]


JOINED = (":authority", ":path", "accept", "cookie", "host", "vary", "via", "grpc-status", "x-request-id", "x-unknown")


def joined(kind: int) -> list[Ask]:
    asks = []
    for name in JOINED:
        asks += [Ask(f"remove {name}", REMOVE, (kind, name)), Ask(f"add {name}", ADD, (kind, name, "1"))]
        asks += [Ask(f"add {name}", ADD, (kind, name, "2")), Ask(f"get {name}", GET, (kind, name, *VALUE), "bytes")]
        asks += [Ask("pairs", PAIRS, (kind, *VALUE), "bytes"), Ask(f"remove {name}", REMOVE, (kind, name))]
    return asks


XFP = ("x-forwarded-proto", "http")  # without it there is no route
HEADERS = [
    *[Ask(f"add {name}", ADD, (0, name, value)) for name in ("x-b", "Content-Type", "cookie", "via") for value in "12"],
    Ask("replace", REPLACE, (0, "X-A", "new")),
    Ask("replace path", REPLACE, (0, ":path", "/t")),
    Ask("a pseudo-header of its own", ADD, (0, ":new", "x")),
    Ask("no name", ADD, (0, "", "x")),
    Ask("no value", REPLACE, (0, "x-empty", "")),
    Ask("a space", ADD, (0, "x y", "z")),
    Ask("get the space", GET, (0, "x y", *VALUE), "bytes"),
    Ask("a line feed", ADD, (0, "x-lf", "a\nb")),
    Ask("bytes", ADD, (0, "x-bytes", b"\xff\xfe\x80")),
    Ask("get bytes", GET, (0, "x-bytes", *VALUE), "bytes"),
    Ask("pairs", PAIRS, (0, *VALUE), "bytes"),
    Ask("size", SIZE, (0, Out(0)), "u32"),
    Ask("get the first", GET, (0, "x-B", *VALUE), "bytes"),
    Ask("remove", REMOVE, (0, "X-B")),
    Ask("remove nothing", REMOVE, (0, "nothing")),
    Ask("set pairs", SET_PAIRS, (0, pairs([("b", "1"), ("A", "2"), (":path", "/t"), (":method", "GET"), ("b", "3")]))),
    Ask("pairs", PAIRS, (0, *VALUE), "bytes"),
    *[
        Ask(f"malformed pairs {index}", SET_PAIRS, (0, data))
        for index, data in enumerate((b"", b"\1", b"\5\0\0\0abc", pairs([("a", "b")])[:-1], pairs([("a", "b")]) + b"x"))
    ],
    Ask("pairs", PAIRS, (0, *VALUE), "bytes"),
    Ask(
        "set pairs",
        SET_PAIRS,
        (0, pairs([(":authority", "h"), (":path", "/t"), (":method", "GET"), (":scheme", "http"), XFP])),
    ),
]


def bodies(kind: int) -> list[Ask]:
    return [
        Ask("size", BUFFER_STATUS, (kind, Out(0), Out(1)), "u32"),
        Ask("all", BYTES, (kind, 0, 100, *VALUE), "bytes"),
        Ask("middle", BYTES, (kind, 1, 1, *VALUE), "bytes"),
        Ask("beyond", BYTES, (kind, 50, 1, *VALUE), "bytes"),
        Ask("overflow", BYTES, (kind, 1, -1, *VALUE), "bytes"),
        Ask("set middle", SET_BYTES, (kind, 1, 1, "Z")),
        Ask("set start", SET_BYTES, (kind, 0, 2, "yy")),
        Ask("prepend", SET_BYTES, (kind, 0, 0, "<")),
        Ask("append", SET_BYTES, (kind, 1000, 0, ">")),
        Ask("all", BYTES, (kind, 0, 100, *VALUE), "bytes"),
        Ask("to nowhere", BYTES, (kind, 0, 100, 99_999_999, Out(1))),
    ]


PROPERTIES = [
    "plugin_name",
    "plugin_root_id",
    "plugin_vm_id",
    "node.id",
    "request.path",
    "request.url_path",
    "request.host",
    "request.method",
    "request.scheme",
    "request.query",
    "request.protocol",
    "request.size",
    "request.total_size",
    "request.id",
    "request.referer",
    "request.useragent",
    "request.headers.x-a",
    "request.headers.nothing",
    "request.nothing",
    "request",
    "response.code",
    "response.headers.x-a",
    "response.trailers.x-t",
    "response.size",
    "response.flags",
    "response.code_details",
    "connection.mtls",
    "connection.nothing",
    "nothing",
    "mine",
    "mine.sub",
    "my",
    "wasm.mine",
    "plugin_name.x",
    "request.path.",
]


def properties(phase: str) -> list[Ask]:
    if phase not in ("vm_start", "configure", "request_headers", "request_body", "response_headers", "log"):
        return []
    asks = [
        Ask("set", SET_PROPERTY, ("mine", "value")),
        Ask("set below", SET_PROPERTY, ("my\0sub", "value")),
        Ask("set a known one", SET_PROPERTY, ("request\0path", "value")),
        Ask("no path", PROPERTY, ("", *VALUE), "bytes"),
        Ask("zeros", PROPERTY, ("\0", *VALUE), "bytes"),
        Ask("to nowhere", PROPERTY, ("plugin_name", 99_999_999, Out(1))),
        Ask("from nowhere", PROPERTY, (99_999_999, 5, *VALUE)),
    ]
    # The total size of a logged response has what Envoy added.
    return asks + [Ask(name, PROPERTY, (name.replace(".", "\0"), *VALUE), "bytes") for name in PROPERTIES]


def metrics() -> list[Ask]:
    define, increment = "proxy_define_metric", "proxy_increment_metric"
    record, get = "proxy_record_metric", "proxy_get_metric"
    asks = []
    for kind in range(4):
        asks += [
            Ask(f"define {kind}", define, (kind, f"probe_{kind}", Kept(0)), "kept"),
            Ask(f"define {kind} again", define, (kind, f"probe_{kind}", Kept(0)), "kept"),
            Ask("increment", increment, (Loaded(0), Long(5))),
            Ask("by nothing", increment, (Loaded(0), Long(0))),
            Ask("decrement", increment, (Loaded(0), Long(-7))),
            Ask("get", get, (Loaded(0), Out(0)), "u64"),
            Ask("record", record, (Loaded(0), Long(9))),
            Ask("get", get, (Loaded(0), Out(0)), "u64"),
        ]
    asks += [
        Ask("another", define, (0, "probe_other", Kept(0)), "kept"),
        Ask("no name", define, (0, "", Kept(0)), "kept"),
    ]
    for number in (0, 1, 2, 3, 400, 401, 402, 403):
        asks.append(Ask(f"get {number}", get, (number, Out(0)), "u64"))
        asks.append(Ask(f"increment {number}", increment, (number, Long(1))))
        asks.append(Ask(f"record {number}", record, (number, Long(1))))
    return asks


def shared() -> list[Ask]:
    get, put = "proxy_get_shared_data", "proxy_set_shared_data"
    register, resolve = "proxy_register_shared_queue", "proxy_resolve_shared_queue"
    enqueue, dequeue = "proxy_enqueue_shared_queue", "proxy_dequeue_shared_queue"
    return [
        Ask("get nothing", get, ("key", *VALUE, Out(2)), "bytes"),
        Ask("put", put, ("key", "value", 0)),
        Ask("version", get, ("key", *VALUE, Kept(0)), "kept"),
        Ask("put by a wrong version", put, ("key", "other", 77)),
        Ask("put by the version", put, ("key", "other", Loaded(0))),
        Ask("get", get, ("key", *VALUE, Out(2)), "bytes"),
        Ask("version", get, ("key", *VALUE, Kept(0)), "kept"),
        Ask("put a new one by a version", put, ("new", "x", 5)),
        Ask("put nothing", put, ("key", "", 0)),
        Ask("get", get, ("key", *VALUE, Kept(0)), "bytes"),
        Ask("version", get, ("key", *VALUE, Kept(0)), "kept"),
        Ask("put without a key", put, ("", "x", 0)),
        Ask("resolve nothing", resolve, ("", "queue", Kept(0)), ""),
        Ask("register", register, ("queue", Kept(0)), "kept"),
        Ask("register again", register, ("queue", Kept(0)), "kept"),
        Ask("dequeue nothing", dequeue, (Loaded(0), *VALUE), "bytes"),
        Ask("enqueue", enqueue, (Loaded(0), "one")),
        Ask("enqueue", enqueue, (Loaded(0), "two")),
        Ask("enqueue", enqueue, (Loaded(0), "three")),
        Ask("dequeue", dequeue, (Loaded(0), *VALUE), "bytes"),
        Ask("enqueue nowhere", enqueue, (99, "x")),
        Ask("dequeue nowhere", dequeue, (99, *VALUE), "bytes"),
        Ask("register another", register, ("queue 2", Kept(1)), ""),
        Ask("resolve", resolve, ("", "queue", Kept(0)), "kept"),
        Ask("resolve by name", resolve, ("sharing", "queue", Kept(0)), "kept"),
        Ask("resolve of another", resolve, ("other", "queue", Kept(0)), "kept"),
    ]


def general() -> list[Ask]:
    foreign = "proxy_call_foreign_function"
    return [
        *[Ask(f"log {level}", "proxy_log", (level, f"level {level}")) for level in (0, 1, 2, 3, 4, 5, 6, -1)],
        Ask("level", "proxy_get_log_level", (Out(0),), "u32"),
        Ask("status", "proxy_get_status", (Out(2), *VALUE), "bytes"),
        Ask("log from nowhere", "proxy_log", (2, 99_999_999, 5)),
        Ask("log up to the end", "proxy_log", (2, 1_048_575, 1)),
        Ask("log beyond the end", "proxy_log", (2, 1_048_576, 1)),
        Ask("log nothing at the end", "proxy_log", (2, 1_048_576, 0)),
        Ask("log nothing beyond the end", "proxy_log", (2, 1_048_577, 0)),
        Ask("done", "proxy_done"),
        Ask("foreign nothing", foreign, ("nothing", "x", *VALUE), "bytes"),
        Ask("foreign clear_route_cache", foreign, ("clear_route_cache", "", *VALUE), "bytes"),
        Ask("foreign uncompress", foreign, ("uncompress", b"x\x9cK\xcaL\x02\x00\x02M\x01&", *VALUE), "bytes"),
        Ask("foreign uncompress of none", foreign, ("uncompress", "no zlib", *VALUE), "bytes"),
        Ask("threads", "pthread_equal", (1, 1)),
        Ask("threads", "pthread_equal", (1, 2)),
        *[Ask(f"continue {kind}", CONTINUE, (kind,)) for kind in (2, 3, 4, 9)],
        Ask("close 2", CLOSE, (2,)),
        Ask("close 9", CLOSE, (9,)),
        *[Ask(f"{name} {token}", f"proxy_grpc_{name}", (token,)) for name in ("close", "cancel") for token in (1, 2)],
        *[Ask(f"send {token}", "proxy_grpc_send", (token, "x", 0)) for token in (1, 2)],
        Ask("stop ticking", "proxy_set_tick_period_milliseconds", (0,)),
        Ask("no such context", EFFECTIVE, (12_345,)),
        Ask("the VM's context", EFFECTIVE, (0,)),
        Ask("still the stream's headers", GET, (0, "x-a", *VALUE), "bytes"),
        Ask("the plugin's context", EFFECTIVE, (1,)),
        Ask("no headers there", GET, (0, "x-a", *VALUE), "bytes"),
        Ask("no property there", SET_PROPERTY, ("x", "y")),
        Ask("continue nothing", CONTINUE, (0,)),
        Ask("the stream's context", EFFECTIVE, (FIRST_STREAM,)),
        Ask("its headers", GET, (0, "x-a", *VALUE), "bytes"),
    ]


def wasi() -> list[Ask]:
    asks = []
    unlike = ("proc_exit", "random_get", "poll_oneoff", "environ_get")  # these do more than answer
    for (module, name), function in host_functions().items():
        if module != WASI or name in unlike:
            continue
        for first in (0, 1, 2, 3, 99):
            values = [Long(0) if kind == "i64" else 0 for kind in function.signature.params]
            asks.append(Ask(f"{name}({first})", name, tuple([first, *values[1:]][: len(values)]), "", WASI))
    slices = At(struct.pack("<IIII", LINE, 3, LINE + 1, 2))
    endless = At(struct.pack("<II", LINE, 99_999_999))
    return [
        *asks,
        *[
            Ask(f"{name}({one})", name, (one, slices, 2, *offset, Out(0)), "u32", WASI)
            for name, offset in (("fd_write", ()), ("fd_pwrite", (Long(0),)))
            for one in (1, 2, 3)
        ],
        Ask("far slices", "fd_write", (1, 99_999_999, 1, Out(0)), "u32", WASI),
        Ask("long slices", "fd_write", (1, endless, 1, Out(0)), "u32", WASI),
        Ask("written to nowhere", "fd_write", (1, slices, 1, 99_999_999), "", WASI),
        Ask("environ sizes", "environ_sizes_get", (Out(0), Out(1)), "u32", WASI),
        Ask("environ sizes", "environ_sizes_get", (Out(1), Out(0)), "u32", WASI),
        Ask("clock to nowhere", "clock_time_get", (0, Long(0), 99_999_999), "", WASI),
        Ask("resolution", "clock_res_get", (0, Out(0)), "u64", WASI),
        Ask("random", "random_get", (Out(0), 8), "", WASI),
        Ask("random to nowhere", "random_get", (99_999_999, 8), "", WASI),
        Ask("status", "fd_fdstat_get", (1, Out(0)), "u64", WASI),
        Ask("arguments to nowhere", "args_sizes_get", (99_999_999, Out(0)), "", WASI),
    ]


LOOK = [
    Ask("path", GET, (0, ":path", *VALUE), "bytes"),
    Ask("response", PAIRS, (2, *VALUE), "bytes"),
    Ask("request body", BYTES, (0, 0, 100, *VALUE), "bytes"),
    Ask("response body", BYTES, (1, 0, 100, *VALUE), "bytes"),
]


def local(body: str = "sorry", status: int = 403, headers: Sequence[tuple[str, str]] = (("x-l", "1"),)) -> Ask:
    return Ask("local", LOCAL, (status, "some details", body, pairs(headers), -1))


def called(*headers: tuple[str, str], cluster: str = "authz", timeout: int = 5000, body: str = "") -> Ask:
    return Ask("call", CALL, (cluster, pairs(headers), body, pairs([("x-tr", "1")]), timeout, Kept(0)), "kept")


WHOLE = ((":path", "/t"), (":method", "POST"), (":authority", "authz"), ("x-y", "z"))
ANSWERED = [
    Ask("headers", GET, (6, "x-a", *VALUE), "bytes"),
    Ask("missing", GET, (6, "nothing", *VALUE), "bytes"),
    Ask("trailers", PAIRS, (7, *VALUE), "bytes"),
    Ask("size", SIZE, (6, Out(0)), "u32"),
    Ask("add", ADD, (6, "x", "y")),
    Ask("body", BYTES, (4, 0, 100, *VALUE), "bytes"),
    Ask("set body", SET_BYTES, (4, 0, 100, "x")),
    Ask("body size", BUFFER_STATUS, (4, Out(0), Out(1)), "u32"),
    Ask("status", "proxy_get_status", (Kept(0), *VALUE), "bytes"),
    Ask("status number", "proxy_get_status", (Kept(0), *VALUE), "kept"),
    *LOOK,
    Ask("stream", EFFECTIVE, (FIRST_STREAM,)),
    Ask("headers", GET, (6, "x-a", *VALUE), "bytes"),
    Ask("body", BYTES, (4, 0, 100, *VALUE), "bytes"),
    *LOOK,
]
LATE = Ask("late", GET, (2, "x-late", *VALUE), "bytes")
GO_ON = [Ask("go on", CONTINUE, (0,)), *LOOK]
