"""Where the embedded registry keeps blobs, manifests, tags and unfinished uploads."""
