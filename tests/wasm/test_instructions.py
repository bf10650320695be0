"""The lengths of instructions: a walk that misjudges one does not come to the call behind it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.wasm import instructions as op
from hatch_wasm_oci.wasm.binary import parse
from hatch_wasm_oci.wasm.course import course_of
from hatch_wasm_oci.wasm.reader import MalformedError, Reader

DECLARATIONS = """
  (import "env" "f" (func $f))
  (memory 1) (memory $m64 i64 1) (table $t 2 funcref) (table $u 2 externref)
  (type $s (struct (field i32) (field (mut i32)))) (type $a (array (mut i32))) (type $v (func)) (tag $e (param i32))
  (type $sub (sub (struct)))
  (global $g (mut i32) (i32.const 0)) (elem $el func $d) (elem declare func $d) (data $da "x") (func $d)
"""
CODE = [
    "(drop (i64.const -9223372036854775808)) (drop (f32.const 1)) (drop (f64.const 1))",
    "(local i32 i64) (local.set 0 (i32.const 624485)) (drop (local.tee 1 (i64.const 5))) (global.set $g (local.get 0))",
    "(drop (i32.load offset=128 (i32.const 0))) (i64.store8 align=1 (i32.const 0) (i64.const 0))",
    "(drop (i32.load $m64 offset=4294967296 (i64.const 0)))",
    "(drop (memory.size)) (drop (memory.grow $m64 (i64.const 0)))",
    "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))",
    "(memory.copy 0 0 (i32.const 0) (i32.const 0) (i32.const 0))",
    "(memory.init $da (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop $da) (elem.drop $el)",
    "(table.init $t $el (i32.const 0) (i32.const 0) (i32.const 0))",
    "(table.copy $t $t (i32.const 0) (i32.const 0) (i32.const 0))",
    "(drop (table.grow $u (ref.null extern) (i32.const 0))) (drop (table.size $u))",
    "(table.set $u (i32.const 0) (ref.null extern))",
    "(drop (i32.trunc_sat_f64_u (f64.const 0))) (drop (i32.extend8_s (i32.const 0)))",
    "(drop (select (result externref) (ref.null extern) (ref.null extern) (i32.const 0)))",
    "(drop (ref.is_null (ref.func $d))) (call_ref $v (ref.func $d)) (call_indirect $t (type $v) (i32.const 0))",
    "(drop (v128.load offset=300 (i32.const 0))) (v128.store (i32.const 0) (v128.const i32x4 1 2 3 4))",
    "(drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
    "(drop (i8x16.extract_lane_s 3 (v128.const i64x2 0 0)))",
    "(drop (v128.load8_lane 5 (i32.const 0) (v128.const i64x2 0 0)))",
    "(drop (v128.load32_zero (i32.const 0))) (drop (f64x2.add (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
    "(drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
    "(drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1))) (atomic.fence) (drop (i64.atomic.load (i32.const 0)))",
    "(drop (struct.get $s 0 (struct.new $s (i32.const 1) (i32.const 2))))",
    "(struct.set $s 1 (struct.new_default $s) (i32.const 1))",
    "(drop (array.len (array.new_fixed $a 2 (i32.const 1) (i32.const 2))))",
    "(drop (array.get $a (array.new_default $a (i32.const 1)) (i32.const 0)))",
    "(array.fill $a (array.new $a (i32.const 1) (i32.const 1)) (i32.const 0) (i32.const 0) (i32.const 1))",
    "(drop (array.new_data $a $da (i32.const 0) (i32.const 0))) (drop (i31.get_s (ref.i31 (i32.const 1))))",
    "(drop (ref.test (ref $sub) (ref.null any))) (drop (ref.cast (ref null $s) (ref.null any)))",
    "(drop (extern.convert_any (any.convert_extern (ref.null extern)))) (drop (ref.eq (ref.null eq) (ref.null eq)))",
    "(block (drop (br_on_null 0 (ref.null any))))",
    "(drop (block (result anyref) (br_on_cast 0 anyref (ref $s) (ref.null any))))",
    "(block $h (result i32) (try_table (catch $e $h) (call $d)) (i32.const 0)) drop",
    "(block $h (try_table (catch_all $h) (call $d)))",
    "(block $b (block $c (br_table $b $c $b (i32.const 0))))",
    "(if (result i32) (i32.const 1) (then (i32.const 1)) (else (i32.const 2))) drop (loop (nop))",
]


@pytest.mark.parametrize("code", CODE)
def test_a_walk_comes_to_what_is_behind(code: str) -> None:
    wasmtime = pytest.importorskip("wasmtime", reason="needs: pip install wasmtime")
    data = bytes(wasmtime.wat2wasm(f"(module {DECLARATIONS} (func {code} call $f))"))
    binary = parse(data)
    assert binary.fault is None
    assert course_of(binary, memoryview(data), len(binary.functions) - 1).calls == [0]


def test_simple_instructions_are_passed_in_one_go() -> None:
    code = b"\x41\x80\x01\x20\0\x6a\x28\2\x80\1\x1a\x10\0"
    reader = Reader(memoryview(code), 0, len(code))
    assert op.skip_simple(reader) == 10
    assert reader.byte() == op.CALL
    assert op.skip_simple(Reader(memoryview(b"\x10"), 0, 1)) == -1


@given(st.binary(max_size=30))
def test_any_code_is_passed_or_refused(code: bytes) -> None:
    reader = Reader(memoryview(code), 0, len(code))
    try:
        while reader.remaining:
            op.skip_simple(reader)
            op.skip_operands(reader, reader.byte())
    except MalformedError:
        pass
    assert reader.position <= len(code)
