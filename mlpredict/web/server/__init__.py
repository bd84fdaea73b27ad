"""The life of `mlpredict serve`: its address, its processes, its end."""
