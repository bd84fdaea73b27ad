"""What a program or a notebook uses: a model, a database, and what comes of the two.

    >>> import mlpredict
    >>> model = mlpredict.load_model()
    >>> model.predict("tests/digits/7-marker.png").label
    '7'

Nothing here prints, takes signals or changes the environment; any thread may use it. What it has to
say goes to the logger `mlpredict`. What goes wrong is one of `mlpredict.errors`.
"""
