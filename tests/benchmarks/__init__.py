"""mlpredict and its rivals side by side: uv run python -m tests.benchmarks"""
