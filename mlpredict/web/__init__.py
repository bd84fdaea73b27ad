"""The HTTP API: the optional extra `serve`."""
