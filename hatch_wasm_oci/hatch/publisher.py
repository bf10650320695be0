"""The publisher `wasm-oci`: `hatch publish -p wasm-oci` pushes what `hatch build` made."""

from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from hatch.publish.plugin.interface import PublisherInterface

from hatch_wasm_oci.access import connect
from hatch_wasm_oci.errors import RegistryError, SettingsError, WasmOciError
from hatch_wasm_oci.hatch import display
from hatch_wasm_oci.hatch.publications import archives, built
from hatch_wasm_oci.hatch.publish_settings import OPTION, PROJECT_TABLE, USER_TABLE, Layer, load
from hatch_wasm_oci.hatch.questions import Desk
from hatch_wasm_oci.image.reference import tag_part
from hatch_wasm_oci.registry import transfer
from hatch_wasm_oci.registry.connection import Retry
from hatch_wasm_oci.registry.progress import progress_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_wasm_oci.hatch.publications import Publication
    from hatch_wasm_oci.hatch.publish_settings import PublishSettings
    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.image.reference import Reference
    from hatch_wasm_oci.registry.referrers import Attach
    from hatch_wasm_oci.registry.transfer import PushReceipt

PARALLEL = 3
"""How many images travel at the same time."""

_PASSWORD = "HATCH_WASM_OCI_PASSWORD"  # noqa: S105 - a variable's name
_INDEX_ONLY = {
    "repo": "Use -o repository=… instead.",
    "user": "Use -o username=… instead.",
    "auth": f"Set {_PASSWORD} instead.",
    "ca_cert": "Use -o ca_file=… instead.",
    "client_cert": "Use -o client_certificate=… instead.",
    "client_key": "Use -o client_key=… instead.",
}


class WasmOciPublisher(PublisherInterface):
    """Push the project's images."""

    PLUGIN_NAME = "wasm-oci"

    def publish(self, artifacts: list[str], options: dict[str, Any]) -> None:
        """Push, and say how to pin what was pushed; called by `hatch publish`.

        Args:
            artifacts: Paths of archives; none for all images of the project as it was built.
            options: Hatch's own `no_prompt`, and what came by `-o`, as texts.
        """
        try:
            outcomes = self._publish(artifacts, options)
        except WasmOciError as error:
            self.app.abort(display.error(error))
            return
        if failed := [outcome for outcome in outcomes if isinstance(outcome, WasmOciError)]:
            self.app.abort("\n".join(map(display.error, failed)))

    def _publish(self, artifacts: list[str], options: dict[str, Any]) -> list[PushReceipt | WasmOciError]:
        root = Path(self.root)
        _refuse_flags_of_index()
        settings = load(
            [
                Layer(OPTION, options, Path.cwd()),
                Layer(PROJECT_TABLE, self.project_config, root),
                Layer(USER_TABLE, self.plugin_config, Path.home()),
            ]
        )
        quiet = settings.quiet or self.app.verbosity < 0
        plugins, publications = archives(root, artifacts, settings) if artifacts else built(root, settings)
        prompts = not options.get("no_prompt")
        access: dict[str, Any] = {**settings.access, **self._credential(settings, publications, prompts=prompts)}
        desk = Desk(self._confirm if prompts else _refuse, progress_for(sys.stderr, quiet=quiet or settings.dry_run))
        connection = connect(plugins=plugins, progress=desk, retry=Retry(sleep=desk.sleep), **access)
        overwrite = settings.overwrite or bool(_parameters().get("yes"))
        lock = threading.Lock()

        def pushed(reference: Reference, image: Image, receipt: PushReceipt, attach: Attach) -> None:
            with lock:  # plugins need not know of threads
                plugins.call("wasm_oci_pushed", reference=reference, image=image, receipt=receipt, attach=attach)

        def push(publication: Publication) -> PushReceipt | WasmOciError:
            try:
                return transfer.push(
                    publication.image(),
                    publication.references,
                    connection,
                    may_move=lambda tag, digest: overwrite or _may_move(desk, publication, tag, digest),
                    dry_run=settings.dry_run,
                    pushed=pushed,
                )
            except WasmOciError as error:
                return error

        try:
            outcomes = desk.run(push, publications, PARALLEL)
        finally:
            desk.close()
        for outcome in outcomes:
            if not isinstance(outcome, WasmOciError) and not quiet:
                self._show(outcome)
        return outcomes

    def _credential(
        self, settings: PublishSettings, publications: list[Publication], *, prompts: bool
    ) -> dict[str, str]:
        if not settings.username or settings.dry_run:
            return {}
        password = os.environ.get(_PASSWORD, "")
        if not password and prompts and sys.stdin is not None and sys.stdin.isatty():
            hosts = ", ".join(sorted({one.references[0].registry for one in publications}))
            password = self.app.prompt(f"Password of {settings.username} at {hosts}", hide_input=True, err=True)
        if not password:
            raise SettingsError([f"username: there is no password for {settings.username!r}. Set {_PASSWORD}."])
        return {"username": settings.username, "password": password}

    def _confirm(self, question: str) -> bool:
        try:
            return bool(self.app.confirm(question, err=True))
        except click.Abort:  # nobody is there to answer, or answers by Ctrl-C
            click.echo(err=True)
            return False

    def _show(self, receipt: PushReceipt) -> None:
        lines = display.pushed(receipt)
        self.app.display_success(f"wasm-oci: {lines[0]}")
        for line in lines[1:]:
            self.app.display_info(f"wasm-oci: {line}")


def is_version_tag(tag: str, version: str) -> bool:
    """Tell whether a tag names one version, and not whatever is newest.

    Args:
        tag: The tag.
        version: The project's version; where it is empty, any tag with a digit in it is taken for a version.
    """
    if not version:
        return re.search("[0-9]", tag) is not None
    return re.search(rf"(?<![0-9.]){re.escape(tag_part(version))}(?![0-9])", tag) is not None


def _may_move(desk: Desk, publication: Publication, tag: str, digest: str) -> bool:
    if not is_version_tag(tag, publication.version):
        return True
    problem = f"The tag {tag} of {publication.references[0].name} names another image already: {digest}."
    if desk.ask(f"wasm-oci: {problem} Overwrite it?"):
        return True
    raise RegistryError(problem, "Raise the version, or allow it to be overwritten: -o overwrite=1, or --yes.")


def _refuse(_question: str) -> bool:
    return False


def _parameters() -> Mapping[str, Any]:
    """Return what the command line said, as hatch does not hand all of it to publishers."""
    context = click.get_current_context(silent=True)
    return context.params if context else {}


def _refuse_flags_of_index() -> None:
    """Refuse the flags that hatch takes and hands to its own publisher alone: they would do nothing."""
    context = click.get_current_context(silent=True)
    given = [
        f"--{name.replace('_', '-')}: it is for the publisher `index`. {remedy}"
        for name, remedy in _INDEX_ONLY.items()
        if context and context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise SettingsError(given)
