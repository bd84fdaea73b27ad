"""The database of the 2020 program."""

PUBLISHED_TABLES = """
    CREATE TABLE inputs (id serial PRIMARY KEY, image text);
    CREATE TABLE predictions (id serial PRIMARY KEY, inputId integer REFERENCES inputs, predictions json);
"""
