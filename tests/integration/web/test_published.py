"""Clients of the 2020 program find its answers where they were."""

from __future__ import annotations

import base64
from pathlib import Path

import psycopg
import pytest

from tests.serving import FORM, File, Served, form


@pytest.fixture(scope="module")
def seven(digits: list[Path]) -> bytes:
    return next(path.read_bytes() for path in digits if path.name.startswith("7"))


def test_the_root_tells_programs_where_to_go(served: Served) -> None:
    answer = served.ask("/")
    assert (answer.status, answer.json) == (
        200,
        {"error": "Use GET /predictions/ instead of the root route!"},
    )


@pytest.mark.parametrize("path", ["/prediction/", "/prediction"])
def test_an_image_is_predicted_and_stored(
    served: Served, dsn_of_module: str, seven: bytes, path: str
) -> None:
    answer = served.post(path, File(seven, "sieben €.png"))
    assert answer.status == 200
    said = answer.json
    assert list(said)[:2] == ["prediction_id", "input_id"]
    assert (said["filename"], said["contenttype"]) == ("sieben €.png", "image/png")
    assert (said["likely_class"], said["label"]) == (7, "7")
    assert len(said["prediction"]) == 10
    assert max(said["prediction"]) == said["score"]
    with psycopg.connect(dsn_of_module) as connection:
        rows = connection.execute(
            "SELECT inputid, filename, predictions FROM predictions WHERE id = %s", (said["prediction_id"],)
        )
        assert rows.fetchall() == [(said["input_id"], "sieben €.png", said["prediction"])]


def test_the_content_type_decides_what_is_an_image(served: Served, seven: bytes) -> None:
    answer = served.post("/prediction/", File(seven, "a.txt", "text/plain"))
    assert (answer.status, answer.json) == (400, {"detail": "File 'a.txt' is not an image."})
    answer = served.post("/prediction/", File(seven, "a", None))
    assert (answer.status, answer.json) == (400, {"detail": "File 'a' is not an image."})
    # A client that names another kind of image is told what it said.
    assert served.post("/prediction/", File(seven, "a", "image/jpeg")).json["contenttype"] == "image/jpeg"


def test_an_image_that_cannot_be_decoded_is_refused_with_the_reason(served: Served, seven: bytes) -> None:
    answer = served.post("/prediction/", File(seven[:300], "half.png"))
    assert (answer.status, answer.json) == (400, {"detail": "File 'half.png': truncated"})


def test_predictions_are_arrays_newest_first(served: Served, seven: bytes) -> None:
    made = [served.post("/prediction/", File(seven)).json for _ in range(3)]
    expected = [[one["prediction_id"], one["input_id"], one["prediction"]] for one in reversed(made)]
    for path in ("/predictions/", "/predictions"):
        answer = served.ask(path)
        assert answer.status == 200
        assert answer.json[:3] == expected
        assert "link" not in answer.headers


def test_predictions_come_in_pages_that_lead_to_each_other(served: Served, seven: bytes) -> None:
    for _ in range(3):
        served.post("/prediction/", File(seven))
    everything = [row[0] for row in served.ask("/predictions/").json]
    seen: list[int] = []
    path = "/predictions/?limit=2"
    while path:
        answer = served.ask(path)
        seen += [row[0] for row in answer.json]
        link = answer.headers.get("link", "")
        assert not link or (link.startswith("<") and link.endswith('>; rel="next"'))
        path = link[1:].partition(">")[0]
    assert seen == everything


def test_a_prediction_comes_with_its_image(served: Served, seven: bytes) -> None:
    made = served.post("/prediction/", File(seven)).json
    for end in ("", "/"):
        prediction, image = served.ask(f"/prediction/{made['prediction_id']}{end}").json
        assert prediction == made["prediction"]
        assert image == "data:image/png;base64," + base64.b64encode(seven).decode()


@pytest.mark.parametrize("number", [0, -1, 10**6, 2**63, 10**30])
def test_a_prediction_that_is_not_there_is_no_error(served: Served, number: int) -> None:
    answer = served.ask(f"/prediction/{number}")
    assert (answer.status, answer.json) == (
        200,
        {"message": f"No prediction with id {number} could be found"},
    )


def test_rows_of_the_2020_program_are_given_as_they_are(served: Served, dsn_of_module: str) -> None:
    with psycopg.connect(dsn_of_module, autocommit=True) as connection:
        input_id, prediction_id = connection.execute(
            "WITH i AS (INSERT INTO inputs (image) VALUES ('data:image/jpeg;base64,AAAA') RETURNING id)"
            " INSERT INTO predictions (inputid, predictions) SELECT id, '[[0.25, 0.75]]' FROM i"
            " RETURNING inputid, id"
        ).fetchall()[0]
        lonely = connection.execute(
            "INSERT INTO predictions (inputid, predictions) VALUES (NULL, NULL) RETURNING id"
        ).fetchall()[0][0]
    assert served.ask("/predictions/?limit=2").json == [
        [lonely, None, None],
        [prediction_id, input_id, [[0.25, 0.75]]],
    ]
    assert served.ask(f"/prediction/{prediction_id}").json == [[[0.25, 0.75]], "data:image/jpeg;base64,AAAA"]
    assert served.ask(f"/prediction/{lonely}").json == [None, None]


def test_a_row_does_not_make_the_server_send_files(served: Served, dsn_of_module: str) -> None:
    with psycopg.connect(dsn_of_module, autocommit=True) as connection:
        number = connection.execute(
            "WITH i AS (INSERT INTO inputs (image) VALUES ('file:///etc/passwd') RETURNING id)"
            " INSERT INTO predictions (inputid, predictions) SELECT id, '[1]' FROM i RETURNING id"
        ).fetchall()[0][0]
    assert served.ask(f"/prediction/{number}").json == [[1], None]


def test_forms_without_one_file_are_refused(served: Served, seven: bytes) -> None:
    for body in (form(), form(File(seven), field_name="picture"), form(File(seven), File(seven))):
        answer = served.ask("/prediction/", method="POST", body=body, headers=FORM)
        assert (answer.status, list(answer.json)) == (422, ["detail"])
    answer = served.ask("/prediction/", method="POST", body=seven, headers={"Content-Type": "image/png"})
    assert (answer.status, list(answer.json)) == (422, ["detail"])


def test_what_cannot_be_asked_is_said_in_one_line(served: Served) -> None:
    answer = served.ask("/predictions/?limit=0")
    assert (answer.status, answer.json) == (
        422,
        {"detail": "limit: Input should be greater than or equal to 1"},
    )
    assert served.ask("/prediction/seven").status == 422
    assert served.ask("/nowhere").status == 404
    assert served.ask("/predictions/", method="DELETE").status == 405
