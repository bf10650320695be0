from __future__ import annotations

import pytest

from hatch_wasm_oci.wasm.envoy_tables import callback_signature, callbacks, envoy_version, host_functions
from hatch_wasm_oci.wasm.value_types import FunctionType


def test_wasi_stands_under_both_of_its_names() -> None:
    table = host_functions()
    for (module, name), function in table.items():
        if module == "wasi_unstable":
            assert table["wasi_snapshot_preview1", name] == function


def test_the_table_holds_what_envoy_offers() -> None:
    table = host_functions()
    old = [name for (module, name), each in table.items() if module == "wasi_unstable" and each.since <= (1, 36)]
    assert len(old) == 18
    assert sum([module == "wasi_unstable" for module, _ in table]) == 45
    assert sum([module == "env" for module, _ in table]) == 46
    assert table["env", "proxy_increment_metric"].signature == FunctionType(("i32", "i64"), ("i32",))
    assert table["env", "proxy_clear_route_cache"].abis == {"0.1.0"}
    assert ("wasi_snapshot_preview1", "proc_raise") not in table


def test_the_columns_hold_known_words_only() -> None:
    for each in host_functions().values():
        assert {each.start, each.memory} <= {"always", "maybe", "never"}


@pytest.mark.parametrize(("abi", "count"), [("0.1.0", 2), ("0.2.0", 3), ("0.2.1", 3)])
def test_the_header_callbacks_differ_by_abi(abi: str, count: int) -> None:
    assert callback_signature("proxy_on_request_headers", abi) == FunctionType(("i32",) * count, ("i32",))


def test_a_callback_of_some_versions_only_is_none_in_others() -> None:
    assert callback_signature("proxy_on_foreign_function", "0.1.0") is None
    assert callback_signature("proxy_on_foreign_function", "0.2.1") is not None
    assert callback_signature("nothing", "0.2.1") is None
    assert len(callbacks()) == 30


def test_versions_compare_as_numbers() -> None:
    assert envoy_version("1.9") < envoy_version("v1.36.4") < envoy_version("1.40.0")
