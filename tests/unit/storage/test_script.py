"""The script of a dump: where its rows are, and whose names get another schema."""

from __future__ import annotations

import io

import pytest

from mlpredict.errors import DatabaseError
from mlpredict.storage.maintenance import script
from mlpredict.storage.maintenance.script import Rows, Statements, Torn, choose, pieces, renaming, schemas_of


def read(text: str) -> list[tuple[bytes, bytes]]:
    """Each piece: a statement and its rows, or statements and nothing."""
    found = []
    for piece in pieces(io.BytesIO(text.encode())):
        match piece:
            case Statements(content):
                found.append((content, b""))
            case Rows(statement, data):
                found.append((statement, b"".join(data)))
    return [one for one in found if one[0]]


def test_rows_are_told_from_statements() -> None:
    assert read("BEGIN;\nCREATE TABLE t ();\nCOPY t (a) FROM stdin;\n1\n\\N\n\\.\nSELECT 1;\nCOMMIT;\n") == [
        (b"CREATE TABLE t ();\n", b""),
        (b"COPY t (a) FROM stdin;\n", b"1\n\\N\n"),
        (b"SELECT 1;\n", b""),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "CREATE FUNCTION f() AS $$\nCOPY t (a) FROM stdin;\nBEGIN;\n\\q\n$$;\n",
        "CREATE FUNCTION f() AS $_$\n$$\nCOPY t (a) FROM stdin;\n$_$;\n",
        "COMMENT ON TABLE t IS 'it''s\nCOPY t (a) FROM stdin;\n';\n",
        "COMMENT ON TABLE t IS E'it\\'s\nCOPY t (a) FROM stdin;\n';\n",
        'CREATE TABLE "a""\nCOPY t (a) FROM stdin;\n" ();\n',
        "/* it's\nCOPY t (a) FROM stdin;\n*/ SELECT 1;\n",
    ],
)
def test_what_is_quoted_is_no_statement(text: str) -> None:
    assert read(text + "SELECT 2;\n") == [(text.encode() + b"SELECT 2;\n", b"")]


def test_a_comment_opens_no_string() -> None:
    assert read("-- it's\nCOPY t FROM x FROM stdin;\n1\n\\.\n")[1] == (b"COPY t FROM x FROM stdin;\n", b"1\n")


@pytest.mark.parametrize(
    "text", ["COPY t (a) FROM stdin;\n1\n", "SELECT 'a\n", "COPY t (a) FROM stdin;\n1\\.\n"]
)
def test_a_torn_script_is_noticed(text: str) -> None:
    with pytest.raises(Torn):
        read(text)


def test_psql_commands_are_not_obeyed() -> None:
    assert read("\\restrict aB3\nSELECT 1;\n\\unrestrict aB3\n") == [(b"SELECT 1;\n", b"")]
    with pytest.raises(DatabaseError, match="a command for psql"):
        read("\\! touch planted\n")


def test_pieces_are_small_and_the_encoding_is_set_before_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "PIECE_BYTES", 20)
    assert [
        one for one, _ in read("SET client_encoding = 'LATIN1';\nSET a = 1;\nSELECT 'long enough';\nX;\n")
    ] == [
        b"SET client_encoding = 'LATIN1';\n",
        b"SET a = 1;\nSELECT 'long enough';\n",
        b"X;\n",
    ]
    (_, rows), *_ = read("COPY t (a) FROM stdin;\n" + "1234567890\n" * 5 + "\\.\n")
    assert rows == b"1234567890\n" * 5


RENAMED = [
    ("CREATE TABLE ml.predictions (\n", "CREATE TABLE {}.predictions (\n"),
    ('SELECT "ml".x, ml.ml.x, a.ml.x, ml;', "SELECT {}.x, {}.ml.x, a.ml.x, ml;"),
    ("ALTER SEQUENCE ml.s OWNED BY ml.t.id;", "ALTER SEQUENCE {}.s OWNED BY {}.t.id;"),
    ("OPERATOR(ml.+)", "OPERATOR({}.+)"),
    ("COMMENT ON TABLE ml.t IS 'ml.t; it''s ml.';", "COMMENT ON TABLE {}.t IS 'ml.t; it''s ml.';"),
    ("SELECT 1; -- ml.t\n/* ml.t */", "SELECT 1; -- ml.t\n/* ml.t */"),
    ("AS $$ SELECT ml.t; $$;", "AS $$ SELECT ml.t; $$;"),
    ("AS $_$ '$$' ml.t $_$ ml.t", "AS $_$ '$$' ml.t $_$ {}.t"),
    ("E'\\' ml.t' ml.t", "E'\\' ml.t' {}.t"),
    ("CREATE SCHEMA ml;\nSELECT 1;", "SELECT 1;"),
    ("CREATE SCHEMA mls;\n", "CREATE SCHEMA mls;\n"),
    ("COMMENT ON SCHEMA ml IS 'it''s';\nX", "X"),
    ("CREATE EXTENSION x WITH SCHEMA ml;", "CREATE EXTENSION x WITH SCHEMA {};"),
    ("html.x ml2.x", "html.x ml2.x"),
]


@pytest.mark.parametrize(("before", "after"), RENAMED)
@pytest.mark.parametrize(("new", "quoted"), [("public", "public"), ('M "L"\'s', '"M ""L""\'s"')])
def test_names_get_another_schema(before: str, after: str, new: str, quoted: str) -> None:
    renamed = renaming(b"ml", new.encode(), quoted.encode())(before.encode()).decode()
    assert renamed == after.format(*[quoted] * after.count("{}"))


def test_names_in_strings_get_it_where_they_are_names() -> None:
    rename = renaming(b'M "L"\'s', b"a'b", b'"a\'b"')
    assert rename(b"""nextval('"M ""L""''s".s'::regclass)""") == b"""nextval('"a''b".s'::regclass)"""
    assert rename(b"""pg_catalog.setval('"M ""L""''s".s', 3, true)""") == (
        b"""pg_catalog.setval('"a''b".s', 3, true)"""
    )
    assert rename(b"""SET search_path TO 'M "L"''s', 'pg_temp'""") == b"SET search_path TO 'a''b', 'pg_temp'"


def test_the_schema_of_our_tables_is_found() -> None:
    ours = b'CREATE TABLE "M L".predictions (\n    id bigint NOT NULL,\n    inputid bigint\n);\n'
    others = b"CREATE TABLE public.predictions (\n    id bigint,\n    forecast json\n);\n"
    assert schemas_of(others + ours) == [b"M L"]
    assert choose([b"M L"], b"public") == b"M L"
    assert choose([b"M L", b"ml"], b"ml") == b"ml"
    with pytest.raises(DatabaseError, match="several schemas: a, b"):
        choose([b"a", b"b"], b"ml")
    with pytest.raises(DatabaseError, match="without mlpredict's tables"):
        choose([], b"ml")
