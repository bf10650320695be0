"""The protocol of the OCI distribution specification, on requests and responses that are plain values."""
