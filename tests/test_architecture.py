"""The house's order: which part may know of which, what an import costs, and what is public."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hatch_wasm_oci

PACKAGE = Path(hatch_wasm_oci.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# A part imports from its own layer and those before it; what stands in one line is one layer.
LAYERS = [
    ["errors"],
    ["wasm", "image"],
    ["consumers"],
    ["registry"],
    ["plugins", "project"],
    ["access", "linting", "verification", "api", "cli", "hatch", "testing", "pytest_plugin"],
]
CORE = ["errors", "wasm", "image", "consumers", "plugins", "project"]
PUBLIC = [
    "__version__",
    "copy",
    "lint",
    "package",
    "pull",
    "push",
    "verify",
    "Acceptance",
    "Consumer",
    "Refusal",
    "Candidate",
    "CompileError",
    "EnvoyError",
    "ImageError",
    "InvalidReferenceError",
    "ModuleError",
    "OutputError",
    "PluginError",
    "RegistryError",
    "SettingsError",
    "WasmOciError",
    "Blob",
    "Descriptor",
    "ImageContents",
    "ImageFormat",
    "Image",
    "Manifest",
    "Reference",
    "hookimpl",
    "PackagedImage",
    "Project",
    "Settings",
    "Credential",
    "PushReceipt",
    "Finding",
    "Module",
]


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


class Imports(ast.NodeVisitor):
    """The modules that a file imports when it runs: what only type checkers see does not count."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in node.orelse:
                self.visit(other)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found.update(alias.name for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "imports are absolute"
        self.found.update(f"{node.module}.{alias.name}" for alias in node.names)


def imports_of(path: Path) -> set[str]:
    visitor = Imports()
    visitor.visit(ast.parse(path.read_text(encoding="utf-8")))
    return visitor.found


def test_every_part_has_its_layer() -> None:
    assert {part_of(path) for path in FILES} - {"__init__", "__main__"} <= {part for layer in LAYERS for part in layer}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    if path == PACKAGE / "__init__.py":
        return  # it leads to everything, lazily
    height = {part: index for index, layer in enumerate(LAYERS) for part in layer}
    for name in imports_of(path):
        root, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if root == "hatch_wasm_oci" and other in height:
            assert height[other] <= height[part_of(path)], f"{part_of(path)} may not know of {other}"
        if part_of(path) in CORE:
            assert root not in ("hatchling", "hatch", "pytest"), f"the core may not know of {root}"
            assert other not in (
                "access",
                "linting",
                "verification",
                "api",
                "cli",
                "hatch",
                "testing",
                "pytest_plugin",
                "hookimpl",
            )
        if root in ("requests", "urllib3"):
            assert part_of(path) == "registry", "only the registry's client talks HTTP"


def test_the_core_knows_no_door_even_in_its_layer() -> None:
    for path in FILES:
        if part_of(path) in ("wasm", "image"):
            assert not {name for name in imports_of(path) if name.startswith("hatch_wasm_oci.project")}
        if part_of(path) == "wasm":
            assert not {name for name in imports_of(path) if name.startswith("hatch_wasm_oci.image")}


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=PACKAGE.parent).stdout
    return set(output.split())


HEAVY = {
    "requests",
    "urllib3",
    "pytest",
    "_pytest",
    "hatch",
    "ssl",
    "http.client",
    "argparse",
    "trustme",
    "cryptography",
    "hatch_wasm_oci.registry",
    "hatch_wasm_oci.testing",
    "hatch_wasm_oci.cli",
}


def test_the_package_itself_loads_nothing() -> None:
    ours = {name for name in loaded_by("import hatch_wasm_oci") if name.startswith("hatch_wasm_oci")}
    assert ours == {"hatch_wasm_oci"}
    assert not loaded_by("import hatch_wasm_oci") & (HEAVY | {"json", "hashlib", "deflate", "pluggy", "dataclasses"})


def test_a_hook_loads_what_it_needs_alone() -> None:
    hooks = loaded_by("import hatch_wasm_oci.hatch.hooks")
    assert {name for name in hooks if name.startswith("hatch_wasm_oci.")} == {
        "hatch_wasm_oci.hatch",
        "hatch_wasm_oci.hatch.hooks",
    }
    assert not hooks & HEAVY
    hatchling_alone = loaded_by(
        "import hatchling.builders.hooks.plugin.interface, hatchling.builders.plugin.interface, pluggy"
    )
    assert not (loaded_by("import hatch_wasm_oci.hatch.build_hook") - hatchling_alone) & HEAVY
    assert "deflate" not in loaded_by("import hatch_wasm_oci.hatch.build_hook")


def test_the_public_names_are_these() -> None:
    assert hatch_wasm_oci.__all__ == PUBLIC
    for name in PUBLIC:
        assert getattr(hatch_wasm_oci, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        hatch_wasm_oci.nonsense  # noqa: B018 - it is the access that fails


def public_definitions(tree: ast.AST) -> list[ast.FunctionDef | ast.ClassDef]:
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            found.append(node)
            if isinstance(node, ast.ClassDef):
                found += public_definitions(node)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_is_public_is_documented_and_files_stay_small(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert ast.get_docstring(tree)
    assert [node.name for node in public_definitions(tree) if not ast.get_docstring(node)] == []
    assert len(source.splitlines()) <= 350
