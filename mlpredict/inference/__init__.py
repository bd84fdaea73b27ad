"""The one inference core: what a model is, how it is compiled, what runs it."""
