"""Tests of `mlpredict review`, without a terminal and without a database."""
