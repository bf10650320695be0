"""What is fuzzed: plain functions of bytes that hold what must be true of every input.

A target fails by any exception. What the code under test may raise it catches itself, so whatever else comes out is a
finding. Time and memory are bounded from outside: see run.py.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_wasm_oci.consumers.candidate import resolve
from hatch_wasm_oci.consumers.realm import refused_realms
from hatch_wasm_oci.consumers.rules import CONSUMERS
from hatch_wasm_oci.errors import ImageError, InvalidReferenceError, ModuleError, RegistryError, WasmOciError
from hatch_wasm_oci.image import archive, index
from hatch_wasm_oci.image.compression import compress, decompress
from hatch_wasm_oci.image.json_document import parse_json, to_json
from hatch_wasm_oci.image.layer import unpack
from hatch_wasm_oci.image.manifest import MANIFEST_LIMIT, Image, Manifest
from hatch_wasm_oci.image.reference import Reference
from hatch_wasm_oci.registry.challenge import parse_challenges
from hatch_wasm_oci.wasm.binary import parse
from hatch_wasm_oci.wasm.filetype import MODULE
from hatch_wasm_oci.wasm.lint import lint
from hatch_wasm_oci.wasm.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.image.descriptor import Buffer, Descriptor
    from hatch_wasm_oci.wasm.finding import Finding

_CODE = re.compile(r"WO[1-9][0-9]{2}")
_MOST_FINDINGS = 1000
_LONGEST_WORDS = 5000
_INFLATED = 1 << 20
# RFC 1952, 2.3.1: flags that tell of a checksum of the header, or nothing yet.
_UNCHECKED = re.compile(rb"\x1f\x8b\x08[^\0\1\4\5\x08\x09\x0c\x0d\x10\x11\x14\x15\x18\x19\x1c\x1d]", re.DOTALL)
_SEPARATOR = b"\n--\n"
_PLACE = re.compile(rb"@([0-9])")


def module_reader(data: bytes) -> None:
    """Read, judge and wrap any file as a module."""
    binary = parse(data)
    assert binary.size == len(data)
    for section in binary.sections:
        assert 0 <= section.offset <= section.offset + section.size <= len(data), section
    if binary.fault:
        assert 0 <= binary.fault.offset <= len(data), binary.fault
        assert binary.fault.problem
    for envoy in ("1.36", "1.40"):
        findings = lint(data, envoy=envoy)
        _check_findings(findings)
        # What is no module, or can't be read, is never passed over in silence.
        assert findings or (binary.format == MODULE and binary.fault is None)
    try:
        module: Module | None = Module(data)
    except ModuleError as error:
        _check_words(error)
        module = None
    assert (module is None) == (binary.format != MODULE)
    if module is None:
        return
    assert module.data == data
    assert module.abi_version is None or isinstance(module.abi_version, str)


def module_sections(data: bytes) -> None:
    """Read a module made of sections whose sizes are always right, where single bytes can change without more ado."""
    module_reader(joined(data))


def joined(data: bytes) -> bytes:
    """Make a module of sections, each of which is written as its number, its size in two bytes, and its content."""
    parts = [b"\0asm\1\0\0\0"]
    while len(data) > 2:
        size = data[1] | data[2] << 8
        content, number, data = data[3 : 3 + size], data[:1], data[3 + size :]
        parts += number, _leb128(len(content)), content
    return b"".join(parts)


def split(module: bytes) -> bytes:
    """Write a module as `joined` reads it; sections of 64 KiB and more are cut."""
    parts = []
    for section in parse(module).sections:
        content = module[section.offset : section.offset + section.size][:0xFFFF]
        if section.id == 0:
            name = section.name.encode()
            content = (_leb128(len(name)) + name + content)[:0xFFFF]
        parts += [bytes([section.id]), len(content).to_bytes(2, "little"), content]
    return b"".join(parts)


def gzip_reader(data: bytes) -> None:
    """Decompress any bytes, beside Python's own reader."""
    try:
        content: Buffer | None = decompress(data, _INFLATED)
    except ImageError as error:
        _check_words(error)
        content = None
    expected: bytes | None = None
    unused = False
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            expected = file.read(_INFLATED + 1)
    except (OSError, EOFError, zlib.error) as error:
        unused = isinstance(error, zlib.error) and "code" in str(error)
    # libdeflate takes codes that RFC 1951, 3.2.6, leaves unused for their neighbours; the checksum holds all the same.
    if content is not None and unused:
        assert zlib.crc32(content) == int.from_bytes(data[-8:-4], "little")
    elif content is not None:
        assert content == expected, "another content than Python's reader finds"
    # Python takes an empty file for an empty stream, and looks neither at a header's checksum nor at unknown flags.
    elif expected and len(expected) <= _INFLATED:
        assert _UNCHECKED.search(data), "refused, where Python's reader finds nothing wrong"


def layer_reader(data: bytes) -> None:
    """Take the module out of a layer, of which the fuzzed bytes are the tar archive."""
    for packed in (compress(data, "store"), data):
        try:
            content = unpack(packed)
        except ImageError as error:
            _check_words(error)
        else:
            assert len(content) <= len(data) if packed is not data else content.readonly
            if packed is not data:
                assert bytes(content) in data


def archive_reader(data: bytes) -> None:
    """Read any file as an image's archive."""
    _read_archive(data)


def image_reader(data: bytes) -> None:
    """Read an archive of an image of which the digests and sizes are always right."""
    blobs = _blobs(data)
    files = {f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}": blob for blob in blobs.values()}
    image = _read_archive(_tar({"index.json": blobs[0], **files}))
    if image is None:
        return
    try:
        module = image.module()
    except (ImageError, ModuleError) as error:
        _check_words(error)
    else:
        assert any(bytes(module.data) in part for part in (data, *blobs.values()))


def consumer_reader(data: bytes) -> None:
    """Ask the consumers about an image of which the digests and sizes are always right."""
    blobs = _blobs(data)
    by_digest = {f"sha256:{hashlib.sha256(blob).hexdigest()}": blob for blob in blobs.values()}

    def content(descriptor: Descriptor) -> bytes:
        if descriptor.digest not in by_digest:
            raise RegistryError("There is no such blob.", "Push it.")
        return by_digest[descriptor.digest]

    reference = Reference("registry.example", "a/b", "1")
    try:
        candidate = resolve(blobs[0], content, content, reference)
        found = [consumer.judge(name, candidate) for name, consumer in CONSUMERS.items()]
    except (ImageError, RegistryError) as error:
        _check_words(error)
        return
    assert len({one.accepted for one in found}) == 1, found
    for one in found:
        assert (one.digest is None) == (not one.accepted)
        assert one.digest is None or one.digest in by_digest
        for problem in one.problems:
            assert re.fullmatch(r"[a-z]+(-[a-z]+)*", problem.code), problem
            assert problem.why, problem
            for words in (problem.why, problem.remedy, problem.words.replace("\n\t* ", "").replace("\n", "")):
                assert words.isprintable(), problem
                assert len(words) <= _LONGEST_WORDS, problem
        to_json(one.to_json())


def _blobs(data: bytes) -> dict[int, bytes]:
    """Cut data into the parts of an image: index, manifest, config and layers.

    `@` and a part's number stand for its digest and size. What starts with `tar:` or `gzip:` is wrapped in the one, or
    both.
    """
    parts = data.split(_SEPARATOR, 8)
    blobs: dict[int, bytes] = {}
    for number in reversed(range(len(parts))):  # what is pointed to, before what points
        part = parts[number]
        if part.startswith(b"tar:"):
            part = b"gzip:" + _tar({"plugin.wasm": part[4:]})
        if part.startswith(b"gzip:"):
            part = bytes(compress(part[5:], "store"))
        elif number < 2:
            part = _PLACE.sub(lambda found: _pointer(blobs.get(int(found[1]))), part)
        blobs[number] = part
    return blobs


def document_reader(data: bytes) -> None:
    """Read any bytes as JSON, as a manifest and as an index."""
    readers: tuple[Callable[[bytes], object], ...] = (Manifest.parse, index.choose)
    for read in readers:
        try:
            read(data)
        except ImageError as error:
            _check_words(error)
    try:
        value = parse_json(data, "document", MANIFEST_LIMIT)
    except ImageError as error:
        _check_words(error)
    else:
        assert json.loads(to_json(value)) == value


def reference_reader(data: bytes) -> None:
    """Read any text as a reference; what is one, is the same one when it is written and read again."""
    try:
        reference = Reference.parse(data.decode("utf-8", "replace"))
    except InvalidReferenceError as error:
        _check_words(error)
        return
    assert Reference.parse(str(reference)) == reference
    assert str(reference).isascii()
    assert str(reference).isprintable()


def challenge_reader(data: bytes) -> None:
    """Read any header as challenges, and as Istio does."""
    header = data.decode("latin-1")
    for realm, words in refused_realms(header):
        assert realm in header
        assert words
    for challenge in parse_challenges(header):
        assert challenge.scheme
        assert challenge.scheme == challenge.scheme.lower()
        assert all(name and name == name.lower() for name in challenge.parameters)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "module": module_reader,
    "sections": module_sections,
    "gzip": gzip_reader,
    "layer": layer_reader,
    "archive": archive_reader,
    "image": image_reader,
    "consumer": consumer_reader,
    "document": document_reader,
    "reference": reference_reader,
    "challenge": challenge_reader,
}


def _check_findings(findings: tuple[Finding, ...]) -> None:
    severities = [each.severity for each in findings]
    assert severities == sorted(severities), "a warning before an error"
    assert len(findings) <= _MOST_FINDINGS
    for finding in findings:
        assert _CODE.fullmatch(finding.code), finding
        assert finding.severity in ("error", "warning"), finding
        assert finding.message, finding
        assert len(str(finding)) <= _LONGEST_WORDS, finding
        assert str(finding).isprintable(), finding
        to_json(finding.to_json())


def _check_words(error: WasmOciError) -> None:
    assert error.problem
    assert len(str(error)) <= _LONGEST_WORDS, error
    assert str(error).isprintable(), error
    to_json(str(error))


def _read_archive(data: bytes) -> Image | None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.tar"
        path.write_bytes(data)
        try:
            image, names = archive.read(path)
        except ImageError as error:
            _check_words(error)
            return None
        for descriptor in image.references:
            blob = image.blob(descriptor).data
            assert len(blob) == descriptor.size
        try:
            path.write_bytes(b"".join(archive.write(image, names, 0)))
        except ImageError as error:
            assert "too long a name" in error.problem  # noqa: PT017 - any other is a finding
            return image
        assert archive.read(path).image == image
        return image


def _pointer(blob: bytes | None) -> bytes:
    if blob is None:
        return b""
    return b'"digest":"sha256:%s","size":%d' % (hashlib.sha256(blob).hexdigest().encode(), len(blob))


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _leb128(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
