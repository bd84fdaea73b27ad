"""Images that lie in buckets, or at an address of the web."""
