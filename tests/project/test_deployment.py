from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.image.reference import Reference
from hatch_wasm_oci.project.deployment import (
    DOCUMENTS,
    Deployment,
    envoy_extension_policy,
    object_name,
    pull_secret,
    wasm_plugin,
)
from hatch_wasm_oci.registry.credentials import Credential

DIGEST = "sha256:" + "1e" * 32
TAGGED = Reference.parse("ghcr.io/acme/header-filter:1.2.0")
NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"

# The fields of the custom resources, as their definitions have them: a pattern for a text, a set for an enumeration,
# a type, a list for a list of such, a mapping for an object; "?" ends the name of an optional field.
TARGET = {"group": r"[a-z0-9.-]*", "kind": r"[A-Z][A-Za-z]+", "name": NAME}
# istio/api, extensions/v1alpha1/wasm.proto.
WASM_PLUGIN: dict[str, Any] = {
    "apiVersion": "extensions.istio.io/v1alpha1",
    "kind": "WasmPlugin",
    "metadata": {"name": NAME, "namespace?": NAME},
    "spec": {
        "selector?": {"matchLabels": dict},
        "targetRefs?": [TARGET],
        "url": r"oci://[^ ]+",
        "sha256?": r"[a-f0-9]{64}",
        "imagePullSecret?": NAME,
        "pluginConfig?": dict,
        "pluginName?": r".{1,256}",
        "phase?": {"AUTHN", "AUTHZ", "STATS"},
        "priority?": int,
        "failStrategy?": {"FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD"},
    },
}
# envoyproxy/gateway, api/v1alpha1/envoyextensionypolicy_types.go and wasm_types.go.
EXTENSION_POLICY: dict[str, Any] = {
    "apiVersion": "gateway.envoyproxy.io/v1alpha1",
    "kind": "EnvoyExtensionPolicy",
    "metadata": {"name": NAME, "namespace?": NAME},
    "spec": {
        "targetRefs": [{**TARGET, "group": r"gateway\.networking\.k8s\.io"}],
        "wasm": [
            {
                "name?": r".+",
                "rootID?": r".+",
                "code": {
                    "type": {"HTTP", "Image"},
                    "image": {
                        "url": r"[^/ ]+/[^ ]+@sha256:[a-f0-9]{64}",
                        "sha256?": r"[a-f0-9]{64}",
                        "pullSecretRef?": {"kind": {"Secret"}, "name": NAME},
                    },
                },
                "config?": dict,
                "failOpen?": bool,
            }
        ],
    },
}
SCHEMAS = {"istio": WASM_PLUGIN, "envoy-gateway": EXTENSION_POLICY}


def check(value: Any, schema: Any, place: str = "") -> None:
    """Check a document against the fields of its resource."""
    if isinstance(schema, dict):
        known = {key.rstrip("?"): key for key in schema}
        assert value.keys() <= known.keys(), place
        assert {key for key in schema if not key.endswith("?")} <= value.keys(), place
        for key, item in value.items():
            check(item, schema[known[key]], f"{place}.{key}")
    elif isinstance(schema, list):
        assert isinstance(value, list)
        assert 0 < len(value) <= 16
        for item in value:
            check(item, schema[0], place)
    elif isinstance(schema, set):
        assert value in schema, place
    elif isinstance(schema, str):
        assert re.fullmatch(schema, value), place
    else:
        assert type(value) is schema, place


COMMON: dict[str, Any] = {
    "name": "header-filter",
    "namespace": "istio-system",
    "config": {"a": [1, "x", None], "b": {}},
    "plugin_name": "my_root_id",
    "pull_secret": "registry",
    "fail": "open",
}


@pytest.mark.parametrize("consumer", DOCUMENTS)
@pytest.mark.parametrize("values", [{}, COMMON, {**COMMON, "targets": (("Gateway", "eg"), ("Gateway", "b.c"))}])
def test_documents_have_the_fields_of_their_resources(consumer: str, values: dict[str, Any]) -> None:
    document = DOCUMENTS[consumer](Deployment(TAGGED, DIGEST, **values))
    check(document, SCHEMAS[consumer])
    assert json.loads(json.dumps(document)) == document


def test_a_wasm_plugin_says_all_that_was_asked_for() -> None:
    deployment = Deployment(TAGGED, DIGEST, **COMMON, selector={"istio": "gateway"}, phase="AUTHN", priority=0)
    document = wasm_plugin(deployment)
    check(document, WASM_PLUGIN)
    assert document["metadata"] == {"name": "header-filter", "namespace": "istio-system"}
    assert document["spec"] == {
        "selector": {"matchLabels": {"istio": "gateway"}},
        "url": f"oci://ghcr.io/acme/header-filter:1.2.0@{DIGEST}",
        "sha256": "1e" * 32,
        "imagePullSecret": "registry",
        "pluginName": "my_root_id",
        "phase": "AUTHN",
        "priority": 0,
        "failStrategy": "FAIL_OPEN",
        "pluginConfig": {"a": [1, "x", None], "b": {}},
    }


def test_an_extension_policy_says_all_that_was_asked_for() -> None:
    document = envoy_extension_policy(Deployment(TAGGED, DIGEST, **COMMON, targets=(("HTTPRoute", "web"),)))
    assert document["spec"] == {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"}],
        "wasm": [
            {
                "name": "header-filter",
                "rootID": "my_root_id",
                "code": {
                    "type": "Image",
                    "image": {
                        "url": f"ghcr.io/acme/header-filter:1.2.0@{DIGEST}",
                        "sha256": "1e" * 32,
                        "pullSecretRef": {"kind": "Secret", "name": "registry"},
                    },
                },
                "config": {"a": [1, "x", None], "b": {}},
                "failOpen": True,
            }
        ],
    }


def test_groups_of_targets_are_those_of_their_kinds() -> None:
    targets = (("Service", "a"), ("ServiceEntry", "b"), ("GatewayClass", "c"))
    document = wasm_plugin(Deployment(TAGGED, DIGEST, targets=targets))
    groups = [target["group"] for target in document["spec"]["targetRefs"]]
    assert groups == ["", "networking.istio.io", "gateway.networking.k8s.io"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "Header"}, "name: 'Header' is no name"),
        ({"name": "-a"}, "name: '-a' is no name"),
        ({"name": "a" * 254}, "name: "),
        ({"namespace": "a" * 64}, "namespace: "),
        ({"pull_secret": ""}, "pull-secret: '' is no name"),
        ({"plugin_name": ""}, "plugin-name: it must have 1 to 256 characters"),
        ({"phase": "LATE"}, "phase: 'LATE' is none. Choose of AUTHN, AUTHZ, STATS."),
        ({"fail": "never"}, "fail: 'never' is none"),
        ({"priority": 2**31}, "priority: 2147483648 is no 32-bit number"),
        ({"targets": (("Gateway", "a"),) * 17}, "target: there are 17"),
        ({"targets": (("Gateway", "a"),), "selector": {"a": "b"}}, "selector: it can't be given together"),
    ],
)
def test_what_can_not_be_is_said(values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Deployment(TAGGED, DIGEST, **values)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("consumer", "values", "said"),
    [
        (
            "istio",
            {"targets": (("HTTPRoute", "a"),)},
            "Istio knows no target of the kind 'HTTPRoute'. Choose of Gateway",
        ),
        ("istio", {"targets": (("Gateway", "A"),)}, "'A' is no name of a Kubernetes object"),
        ("envoy-gateway", {"targets": (("Service", "a"),)}, "Envoy Gateway knows no target of the kind 'Service'"),
        ("envoy-gateway", {"selector": {"a": "b"}}, "selector: Envoy Gateway has no such thing"),
        ("envoy-gateway", {"phase": "AUTHN"}, "phase: Envoy Gateway has no such thing"),
        ("envoy-gateway", {"priority": 0}, "priority: Envoy Gateway has no such thing"),
        ("envoy-gateway", {"fail": "reload"}, "fail: Envoy Gateway can't reload"),
    ],
)
def test_what_a_consumer_does_not_know_is_said(consumer: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        DOCUMENTS[consumer](Deployment(TAGGED, DIGEST, **values))


@pytest.mark.parametrize(
    ("text", "name"),
    [("header-filter", "header-filter"), ("A_b.c", "a-b.c"), ("__", "plugin"), ("é", "plugin"), ("x" * 99, "x" * 63)],
)
def test_a_repository_becomes_a_name(text: str, name: str) -> None:
    assert object_name(text) == name
    assert re.fullmatch(NAME, name)


def secret_of(reference: str, credential: Credential) -> tuple[dict[str, Any], dict[str, Any]]:
    deployment = Deployment(Reference.parse(reference), DIGEST, pull_secret="registry", namespace="web")
    secret = pull_secret(deployment, credential)
    return secret, json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]


def test_a_secret_is_keyed_as_consumers_look_for_it() -> None:
    secret, auths = secret_of("127.0.0.1:5000/acme/filter:1", Credential("test", "u", "p:ä"))
    assert (secret["type"], secret["metadata"]) == (
        "kubernetes.io/dockerconfigjson",
        {"name": "registry", "namespace": "web"},
    )
    auth = base64.b64encode("u:p:ä".encode()).decode()
    assert auths == {"127.0.0.1:5000": {"username": "u", "password": "p:ä", "auth": auth}}
    for registry in ("docker.io", "index.docker.io", "registry-1.docker.io"):
        _, auths = secret_of(f"{registry}/acme/filter:1", Credential("test", identity_token="i", registry_token="r"))
        assert auths == {"https://index.docker.io/v1/": {"identitytoken": "i", "registrytoken": "r"}}
