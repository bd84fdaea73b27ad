"""The HTTP API of `mlpredict serve` and its page: the optional extra `serve`."""
