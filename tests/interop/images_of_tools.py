"""Images of Wasm modules as other tools push them: each was built from a directory with `plugin.wasm`, and recorded.

The order of keys, the white space and the layers' form are the tools' own; times and names are those of the recording.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .recorded import Recorded, gzip, tar

if TYPE_CHECKING:
    from .recorded import Json

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
WASM_CONFIG = "application/vnd.module.wasm.config.v1+json"
WASM_CONTENT = "application/vnd.module.wasm.content.layer.v1+wasm"
GO_GZIP = "1f8b08000000000000ff"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DOCKERFILE = "a Dockerfile of `FROM scratch` and `COPY plugin.wasm ./`"
RUNTIME_CONFIG = b'{"type":"envoy_proxy","abiVersions":["v0-2-1"],"config":{"rootIds":["root_id"]}}'


def whole(module: bytes) -> bytes:
    return module


def docker_tar(module: bytes) -> bytes:
    return tar(module, mode=0o100644, owner="root")


def docker_layer(module: bytes) -> bytes:
    return gzip(docker_tar(module), GO_GZIP)


def buildkit_tar(module: bytes) -> bytes:
    return tar(module, mode=0o644)


def buildkit_layer(module: bytes) -> bytes:
    return gzip(buildkit_tar(module), GO_GZIP)


def buildah_tar(module: bytes) -> bytes:
    return tar(module, mode=0o100644)


def buildah_layer(module: bytes) -> bytes:
    # pgzip writes a time before 1970 as it is.
    return gzip(buildah_tar(module), "1f8b080000096e8800ff", flushed=True)


def crane_tar(module: bytes) -> bytes:
    return tar(module, mode=0o644, owner="root", padding=10240 - 1024)


def crane_layer(module: bytes) -> bytes:
    return gzip(crane_tar(module), "1f8b08000000000004ff")


def pointer(media_type: str, name: str, **more: Any) -> Json:
    return {"mediaType": media_type, "digest": f"@{name}", "size": f"@{name}", **more}


def sized(media_type: str, name: str) -> Json:
    return {"mediaType": media_type, "size": f"@{name}", "digest": f"@{name}"}


def titled(media_type: str, name: str, title: str) -> Json:
    return pointer(media_type, name, annotations={"org.opencontainers.image.title": title})


def manifest(media_type: str, config: Json, *layers: Json, **more: Any) -> Json:
    return {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": list(layers), **more}


def index(media_type: str, *manifests: Json) -> Json:
    return {"schemaVersion": 2, "mediaType": media_type, "manifests": list(manifests)}


def platform(architecture: str, system: str = "linux") -> Json:
    return {"architecture": architecture, "os": system}


def buildkit_config(architecture: str = "amd64", system: str = "linux", **more: Any) -> Json:
    history = {"created_by": "COPY plugin.wasm ./ # buildkit", "comment": "buildkit.dockerfile.v0"}
    return {
        "architecture": architecture,
        "config": {"Env": [PATH], "WorkingDir": "/", **more},
        "created": "2026-11-24T00:45:17.656748201Z",
        "history": [{"created": "2026-11-24T00:45:17.656748201Z", **history}],
        "os": system,
        "rootfs": {"type": "layers", "diff_ids": ["#tar"]},
    }


BUILDKIT: dict[str, Any] = {"config": buildkit_config(), "layer": buildkit_layer, "tar": buildkit_tar}
BUILDKIT_DOCKER = manifest(DOCKER_MANIFEST, pointer(DOCKER_CONFIG, "config"), pointer(DOCKER_LAYER, "layer"))
BUILDKIT_OCI = manifest(OCI_MANIFEST, pointer(OCI_CONFIG, "config"), pointer(OCI_LAYER, "layer"))
STATEMENT = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [],  # in the recording: the image
        "predicate": {"builder": {"id": ""}, "buildType": "https://mobyproject.org/buildkit@v1"},
    },
    separators=(",", ":"),
).encode()
ATTESTATION = manifest(
    OCI_MANIFEST,
    pointer(OCI_CONFIG, "attestation-config"),
    pointer(
        "application/vnd.in-toto+json",
        "statement",
        annotations={"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"},
    ),
)
ATTESTATION_PARTS: dict[str, Any] = {
    "attestation": ATTESTATION,
    "attestation-config": {
        **platform("unknown", "unknown"),
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": ["#statement"]},
    },
    "statement": STATEMENT,
}
ATTESTED = pointer(
    OCI_MANIFEST,
    "attestation",
    annotations={"vnd.docker.reference.digest": "#image", "vnd.docker.reference.type": "attestation-manifest"},
    platform=platform("unknown", "unknown"),
)
BUILDX = "buildx 0.14.0 with BuildKit 0.13.2"
BUILDAH = "buildah 1.28.2"
BUILDAH_PARTS: dict[str, Any] = {
    "config": {
        "created": "2026-11-24T00:46:16.785887255Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {"io.buildah.version": "1.28.2"}},
        "rootfs": {"type": "layers", "diff_ids": ["#tar"]},
        "history": [{"created": "2026-11-24T00:46:16.788013436Z", "created_by": "/bin/sh"}],
    },
    "layer": buildah_layer,
    "tar": buildah_tar,
}
BUILDAH_ANNOTATIONS = {"org.opencontainers.image.base.digest": "", "org.opencontainers.image.base.name": ""}
CRANE = "crane 0.20.2"
CRANE_PARTS: dict[str, Any] = {
    "config": {
        "architecture": "",
        "created": "0001-01-01T00:00:00Z",
        "history": [{"created": "0001-01-01T00:00:00Z"}],
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": ["#tar"]},
        "config": {},
    },
    "layer": crane_layer,
    "tar": crane_tar,
}
ORAS = "oras 1.2.3"
ORAS_PARTS: dict[str, Any] = {"config": b"{}", "layer": whole, "runtime-config": RUNTIME_CONFIG}
ORAS_TIME = {"org.opencontainers.image.created": "2026-11-24T00:45:20Z"}
ORAS_UNKNOWN = {
    "schemaVersion": 2,
    "mediaType": OCI_MANIFEST,
    "artifactType": "application/vnd.unknown.artifact.v1",
    "config": {**pointer(EMPTY, "config"), "data": "e30="},
}

RECORDED: dict[str, Recorded] = {
    "docker": Recorded(
        "docker 20.10.24, with its own builder",
        f"{DOCKERFILE}; docker build -t NAME . && docker push NAME",
        manifest(DOCKER_MANIFEST, sized(DOCKER_CONFIG, "config"), sized(DOCKER_LAYER, "layer")),
        {
            "config": {  # shortened: in the recording 1,185 bytes, most of them empty settings of a container
                "architecture": "amd64",
                "config": {"Env": [PATH], "Cmd": None, "Labels": None},
                "created": "2026-11-24T00:45:16.466Z",
                "docker_version": "20.10.24+dfsg1",
                "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": ["#tar"]},
            },
            "layer": docker_layer,
            "tar": docker_tar,
        },
        indent=3,
    ),
    "docker-buildkit": Recorded(
        "docker 20.10.24, with the BuildKit in it",
        f"{DOCKERFILE}; DOCKER_BUILDKIT=1 docker build -t NAME . && docker push NAME",
        manifest(DOCKER_MANIFEST, sized(DOCKER_CONFIG, "config"), sized(DOCKER_LAYER, "layer")),
        {"config": buildkit_config(OnBuild=None), "layer": docker_layer, "tar": docker_tar},
        indent=3,
    ),
    "buildx-without-provenance": Recorded(
        BUILDX, f"{DOCKERFILE}; docker buildx build --provenance=false --push -t NAME .", BUILDKIT_DOCKER, BUILDKIT, 2
    ),
    "buildx": Recorded(
        BUILDX,
        f"{DOCKERFILE}; docker buildx build --push -t NAME .",
        index(
            OCI_INDEX,
            pointer(OCI_MANIFEST, "image", platform=platform("amd64")),
            ATTESTED,
        ),
        {
            **BUILDKIT,
            "image": BUILDKIT_OCI,
            **ATTESTATION_PARTS,
        },
        2,
    ),
    "buildx-of-two-platforms": Recorded(
        BUILDX,
        "docker buildx build --provenance=false --platform linux/amd64,linux/arm64 --push -t NAME .",
        index(
            DOCKER_INDEX,
            pointer(DOCKER_MANIFEST, "image", platform=platform("amd64")),
            pointer(DOCKER_MANIFEST, "arm", platform=platform("arm64")),
        ),
        {
            **BUILDKIT,
            "image": BUILDKIT_DOCKER,
            "arm": manifest(DOCKER_MANIFEST, pointer(DOCKER_CONFIG, "arm-config"), pointer(DOCKER_LAYER, "layer")),
            "arm-config": buildkit_config("arm64"),
        },
        2,
    ),
    "buildx-for-arm": Recorded(
        f"{BUILDX}; on a machine with an ARM processor, the default",
        "docker buildx build --platform linux/arm64 --push -t NAME .",
        index(
            OCI_INDEX,
            pointer(OCI_MANIFEST, "image", platform=platform("arm64")),
            ATTESTED,
        ),
        {
            **BUILDKIT,
            "config": buildkit_config("arm64"),
            "image": BUILDKIT_OCI,
            **ATTESTATION_PARTS,
        },
        2,
    ),
    "buildx-for-wasi": Recorded(
        BUILDX,
        "docker buildx build --provenance=false --platform wasi/wasm --push -t NAME .",
        BUILDKIT_DOCKER,
        {**BUILDKIT, "config": buildkit_config("wasm", "wasi")},
        2,
    ),
    "buildx-with-zstd": Recorded(
        BUILDX,
        "docker buildx build --provenance=false --output "
        "type=image,name=NAME,push=true,compression=zstd,force-compression=true,oci-mediatypes=true .",
        manifest(
            OCI_MANIFEST,
            pointer(OCI_CONFIG, "config"),
            pointer("application/vnd.oci.image.layer.v1.tar+zstd", "layer"),
        ),
        # Nobody comes to look into it: the first bytes are zstd's, the rest is not.
        {**BUILDKIT, "layer": lambda module: b"\x28\xb5\x2f\xfd" + buildkit_tar(module)},
        2,
    ),
    "buildah": Recorded(
        BUILDAH,
        "buildah from scratch; buildah copy ID plugin.wasm ./; buildah commit ID docker://NAME",
        manifest(
            OCI_MANIFEST,
            pointer(OCI_CONFIG, "config"),
            pointer(OCI_LAYER, "layer"),
            annotations=BUILDAH_ANNOTATIONS,
        ),
        BUILDAH_PARTS,
    ),
    "buildah-docker": Recorded(
        BUILDAH,
        "buildah from scratch; buildah copy ID plugin.wasm ./; buildah commit --format docker ID docker://NAME",
        manifest(DOCKER_MANIFEST, sized(DOCKER_CONFIG, "config"), sized(DOCKER_LAYER, "layer")),
        BUILDAH_PARTS,
    ),
    "buildah-uncompressed": Recorded(
        f"{BUILDAH}; skopeo 1.9.3",
        "buildah commit ID oci-archive:FILE; skopeo copy --preserve-digests oci-archive:FILE docker://NAME",
        manifest(
            OCI_MANIFEST,
            pointer(OCI_CONFIG, "config"),
            pointer("application/vnd.oci.image.layer.v1.tar", "layer"),
            annotations=BUILDAH_ANNOTATIONS,
        ),
        {**BUILDAH_PARTS, "layer": buildah_tar},
    ),
    "crane": Recorded(
        CRANE,
        "tar -cf plugin.tar plugin.wasm; crane append -f plugin.tar -t NAME",
        manifest(DOCKER_MANIFEST, sized(DOCKER_CONFIG, "config"), sized(DOCKER_LAYER, "layer")),
        CRANE_PARTS,
    ),
    "crane-oci": Recorded(
        CRANE,
        "tar -cf plugin.tar plugin.wasm; crane append --oci-empty-base -f plugin.tar -t NAME",
        manifest(OCI_MANIFEST, sized(OCI_CONFIG, "config"), sized(OCI_LAYER, "layer")),
        CRANE_PARTS,
    ),
    "wasme": Recorded(
        # The program itself is not to be had any more; its push (solo-io/wasm, tools/wasme/pkg/push/push.go) was built
        # again on the same library.
        "wasme, on oras 0.8.1",
        "wasme push NAME",
        {
            "schemaVersion": 2,
            "config": titled(WASM_CONFIG, "config", "runtime-config.json"),
            "layers": [
                titled(WASM_CONFIG, "config", "runtime-config.json"),
                titled(WASM_CONTENT, "layer", "filter.wasm"),
            ],
            "annotations": {
                "module.wasm.runtime/abi_version": "v0-4689a30309abf31aee9ae36e73d34b1bb182685f,v0.2.1",
                "module.wasm.runtime/type": "envoy_proxy",
            },
        },
        {"config": RUNTIME_CONFIG, "layer": whole},
    ),
    "wasm-to-oci": Recorded(
        # Likewise (engineerd/wasm-to-oci, pkg/oci/push.go).
        "wasm-to-oci, on oras-go 0.4.0",
        "wasm-to-oci push plugin.wasm NAME",
        {
            "schemaVersion": 2,
            "config": pointer("application/vnd.wasm.config.v1+json", "config"),
            "layers": [titled("application/vnd.wasm.content.layer.v1+wasm", "layer", "plugin.wasm")],
        },
        {"config": b"{}", "layer": whole},
    ),
    "oras-without-types": Recorded(
        ORAS,
        "oras push NAME plugin.wasm",
        {
            **ORAS_UNKNOWN,
            "layers": [titled("application/vnd.oci.image.layer.v1.tar", "layer", "plugin.wasm")],
            "annotations": ORAS_TIME,
        },
        ORAS_PARTS,
    ),
    "oras-labelled-gzip": Recorded(
        ORAS,
        f"oras push NAME plugin.wasm:{OCI_LAYER}",
        {**ORAS_UNKNOWN, "layers": [titled(OCI_LAYER, "layer", "plugin.wasm")], "annotations": ORAS_TIME},
        ORAS_PARTS,
    ),
    "oras-module-alone": Recorded(
        ORAS,
        f"oras push NAME plugin.wasm:{WASM_CONTENT}",
        {**ORAS_UNKNOWN, "layers": [titled(WASM_CONTENT, "layer", "plugin.wasm")], "annotations": ORAS_TIME},
        ORAS_PARTS,
    ),
    "oras-artifact": Recorded(
        ORAS,
        f"oras push --config runtime-config.json:{WASM_CONFIG} NAME runtime-config.json:{WASM_CONFIG} "
        f"plugin.wasm:{WASM_CONTENT}",
        manifest(
            OCI_MANIFEST,
            pointer(WASM_CONFIG, "runtime-config"),
            titled(WASM_CONFIG, "runtime-config", "runtime-config.json"),
            titled(WASM_CONTENT, "layer", "plugin.wasm"),
            annotations=ORAS_TIME,
        ),
        ORAS_PARTS,
    ),
    "oras-module-first": Recorded(
        ORAS,
        f"oras push NAME plugin.wasm:{WASM_CONTENT} runtime-config.json:{WASM_CONFIG}",
        {
            **ORAS_UNKNOWN,
            "layers": [
                titled(WASM_CONTENT, "layer", "plugin.wasm"),
                titled(WASM_CONFIG, "runtime-config", "runtime-config.json"),
            ],
            "annotations": ORAS_TIME,
        },
        ORAS_PARTS,
    ),
    "wkg": Recorded(
        "wkg 0.16.1",
        "wkg oci push NAME plugin.wasm",
        {
            "config": {"digest": "@config", "mediaType": "application/vnd.wasm.config.v0+json", "size": "@config"},
            "layers": [
                {
                    "annotations": {"org.opencontainers.image.title": "plugin.wasm"},
                    "digest": "@layer",
                    "mediaType": "application/wasm",
                    "size": "@layer",
                }
            ],
            "mediaType": OCI_MANIFEST,
            "schemaVersion": 2,
        },
        {
            "config": {
                "created": "2026-11-24T00:45:20.958914624Z",
                "author": None,
                "architecture": "wasm",
                "os": "wasip2",
                "layerDigests": ["#layer"],
                "component": {"exports": [], "imports": [], "target": None},
            },
            "layer": whole,
        },
    ),
}
