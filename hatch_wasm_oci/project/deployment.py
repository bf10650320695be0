"""The documents that bring an image into a mesh: for Istio, for Envoy Gateway, and the secret that both may need."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import SettingsError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatch_wasm_oci.image.reference import Reference
    from hatch_wasm_oci.registry.credentials import Credential

DEFAULT_TARGETS = (("Gateway", "eg"),)
"""What an EnvoyExtensionPolicy is for where nothing says so: the Gateway of Envoy Gateway's own quickstart."""
FAILURES = ("close", "open", "reload")
PHASES = ("AUTHN", "AUTHZ", "STATS")

_GATEWAY_API = "gateway.networking.k8s.io"
# istio/api, extensions/v1alpha1/wasm.proto, targetRefs.
_ISTIO_GROUPS = {
    "Gateway": _GATEWAY_API,
    "GatewayClass": _GATEWAY_API,
    "Service": "",
    "ServiceEntry": "networking.istio.io",
}
# envoyproxy/gateway, api/v1alpha1/envoyextensionypolicy_types.go.
_GATEWAY_GROUPS = dict.fromkeys(
    ("Gateway", "ListenerSet", "HTTPRoute", "GRPCRoute", "UDPRoute", "TCPRoute", "TLSRoute"), _GATEWAY_API
)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_NAME_LIMIT, _NAMESPACE_LIMIT, _PLUGIN_NAME_LIMIT = 253, 63, 256
_TARGET_LIMIT = 16
_PRIORITY_LIMIT = 2**31
_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"


@dataclass(frozen=True)
class Deployment:
    """What is to be said of an image in a mesh.

    Args:
        reference: Where the image is; its digest does not count.
        digest: The digest of its manifest, which is pinned.
        name: The name of the document; made of the repository's where not given.
        namespace: Its namespace; none where not given.
        config: The plugin's configuration, a JSON object.
        plugin_name: The name by which the module knows the plugin, its root ID.
        pull_secret: The name of the secret with the registry's credentials.
        targets: What it is for, kinds and names, such as `("Gateway", "eg")`.
        selector: Labels of the workloads that it is for; Istio only.
        phase: `AUTHN`, `AUTHZ` or `STATS`; Istio only.
        priority: Its place among others of the same phase, the highest first; Istio only.
        fail: What is done with requests when the plugin fails: `close`, `open`, or for Istio `reload`.

    Raises:
        SettingsError: Something of it can't be.
    """

    reference: Reference
    digest: str
    name: str = ""
    namespace: str | None = None
    config: Mapping[str, Any] | None = None
    plugin_name: str | None = None
    pull_secret: str | None = None
    targets: tuple[tuple[str, str], ...] = ()
    selector: Mapping[str, str] = field(default_factory=dict)
    phase: str | None = None
    priority: int | None = None
    fail: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", object_name(self.reference.repository.rpartition("/")[2]))
        errors = [f"{key}: {problem}" for key, problem in self._problems()]
        if errors:
            raise SettingsError(errors)

    @property
    def pinned(self) -> str:
        """The reference with the digest, the tag kept for the reader."""
        return str(self.reference.with_digest(self.digest))

    def _problems(self) -> list[tuple[str, str]]:
        found = []
        for key, text, limit in (
            ("name", self.name, _NAME_LIMIT),
            ("namespace", self.namespace, _NAMESPACE_LIMIT),
            ("pull-secret", self.pull_secret, _NAME_LIMIT),
        ):
            if text is not None and (len(text) > limit or not _NAME.fullmatch(text)):
                found.append(
                    (key, f"{shown(text)} is no name. Take up to {limit} lower-case letters, digits and `-` between.")
                )
        if self.plugin_name is not None and not 0 < len(self.plugin_name) <= _PLUGIN_NAME_LIMIT:
            found.append(("plugin-name", f"it must have 1 to {_PLUGIN_NAME_LIMIT} characters."))
        if len(self.targets) > _TARGET_LIMIT:
            found.append(("target", f"there are {len(self.targets)}. Give at most {_TARGET_LIMIT}."))
        for key, value, choices in (("phase", self.phase, PHASES), ("fail", self.fail, FAILURES)):
            if value is not None and value not in choices:
                found.append((key, f"{shown(value)} is none. Choose of {', '.join(choices)}."))
        if self.priority is not None and not -_PRIORITY_LIMIT <= self.priority < _PRIORITY_LIMIT:
            found.append(("priority", f"{self.priority} is no 32-bit number. Give one nearer to 0."))
        if self.selector and self.targets:
            found.append(("selector", "it can't be given together with targets. Leave one of them out."))
        return found


def wasm_plugin(deployment: Deployment) -> dict[str, Any]:
    """Make the document for Istio (istio/api, extensions/v1alpha1/wasm.proto).

    Args:
        deployment: What it is to say.

    Returns:
        A `WasmPlugin`, as a JSON object.

    Raises:
        SettingsError: Istio knows no target of a kind.
    """
    spec: dict[str, Any] = {}
    if deployment.selector:
        spec["selector"] = {"matchLabels": dict(deployment.selector)}
    if deployment.targets:
        spec["targetRefs"] = _targets(deployment.targets, _ISTIO_GROUPS, "Istio")
    spec["url"] = f"oci://{deployment.pinned}"
    spec["sha256"] = deployment.digest.partition(":")[2]
    optional = {
        "imagePullSecret": deployment.pull_secret,
        "pluginName": deployment.plugin_name,
        "phase": deployment.phase,
        "priority": deployment.priority,
        "failStrategy": f"FAIL_{deployment.fail.upper()}" if deployment.fail else None,
        "pluginConfig": None if deployment.config is None else dict(deployment.config),
    }
    spec.update({key: value for key, value in optional.items() if value is not None})
    return _document("extensions.istio.io/v1alpha1", "WasmPlugin", deployment, spec)


def envoy_extension_policy(deployment: Deployment) -> dict[str, Any]:
    """Make the document for Envoy Gateway (envoyproxy/gateway, api/v1alpha1/wasm_types.go).

    Args:
        deployment: What it is to say.

    Returns:
        An `EnvoyExtensionPolicy`, as a JSON object.

    Raises:
        SettingsError: Envoy Gateway knows no target of a kind, or not what is asked for.
    """
    foreign = {"selector": deployment.selector or None, "phase": deployment.phase, "priority": deployment.priority}
    errors = [
        f"{key}: Envoy Gateway has no such thing. Leave it out." for key, value in foreign.items() if value is not None
    ]
    if deployment.fail == "reload":
        errors.append("fail: Envoy Gateway can't reload. Choose of close, open.")
    if errors:
        raise SettingsError(errors)
    image: dict[str, Any] = {"url": deployment.pinned, "sha256": deployment.digest.partition(":")[2]}
    if deployment.pull_secret:
        image["pullSecretRef"] = {"kind": "Secret", "name": deployment.pull_secret}
    wasm: dict[str, Any] = {"name": deployment.name}
    if deployment.plugin_name:
        wasm["rootID"] = deployment.plugin_name
    wasm["code"] = {"type": "Image", "image": image}
    if deployment.config is not None:
        wasm["config"] = dict(deployment.config)
    if deployment.fail:
        wasm["failOpen"] = deployment.fail == "open"
    targets = _targets(deployment.targets or DEFAULT_TARGETS, _GATEWAY_GROUPS, "Envoy Gateway")
    spec = {"targetRefs": targets, "wasm": [wasm]}
    return _document("gateway.envoyproxy.io/v1alpha1", "EnvoyExtensionPolicy", deployment, spec)


DOCUMENTS: Mapping[str, Callable[[Deployment], dict[str, Any]]] = {
    "istio": wasm_plugin,
    "envoy-gateway": envoy_extension_policy,
}
"""What makes the document for a consumer, by the consumer's name."""


def pull_secret(deployment: Deployment, credential: Credential) -> dict[str, Any]:
    """Make the secret with a registry's credential, keyed as both consumers look for it: by the host alone.

    Args:
        deployment: What it is for; it names the secret.
        credential: The credential. What is returned holds it.

    Returns:
        A `Secret` of the type `kubernetes.io/dockerconfigjson`, as a JSON object.
    """
    entry: dict[str, str] = {}
    if credential.password:
        pair = f"{credential.username}:{credential.password}"
        entry["username"], entry["password"] = credential.username, credential.password
        entry["auth"] = base64.b64encode(pair.encode("utf-8", "surrogateescape")).decode()
    if credential.identity_token:
        entry["identitytoken"] = credential.identity_token
    if credential.registry_token:
        entry["registrytoken"] = credential.registry_token
    registry = deployment.reference.registry
    auths = {"auths": {_DOCKER_HUB_KEY if registry in _DOCKER_HUB else registry: entry}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(deployment.pull_secret or f"{deployment.name}-pull-secret", deployment.namespace),
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(json.dumps(auths).encode()).decode()},
    }


def object_name(text: str) -> str:
    """Make a text, such as a repository's last part, fit to be the name of a Kubernetes object.

    Args:
        text: The text.
    """
    return re.sub(r"[^a-z0-9.-]", "-", text.lower())[:_NAMESPACE_LIMIT].strip(".-") or "plugin"


def _targets(targets: tuple[tuple[str, str], ...], groups: Mapping[str, str], consumer: str) -> list[dict[str, str]]:
    unknown = [kind for kind, _ in targets if kind not in groups]
    if unknown:
        raise SettingsError(
            [
                f"target: {consumer} knows no target of the kind {shown(kind)}. Choose of {', '.join(groups)}."
                for kind in unknown
            ]
        )
    wrong = [name for _, name in targets if len(name) > _NAME_LIMIT or not _NAME.fullmatch(name)]
    if wrong:
        raise SettingsError([f"target: {shown(name)} is no name of a Kubernetes object. Mend it." for name in wrong])
    return [{"group": groups[kind], "kind": kind, "name": name} for kind, name in targets]


def _metadata(name: str, namespace: str | None) -> dict[str, str]:
    return {"name": name, **({"namespace": namespace} if namespace else {})}


def _document(version: str, kind: str, deployment: Deployment, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = _metadata(deployment.name, deployment.namespace)
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
