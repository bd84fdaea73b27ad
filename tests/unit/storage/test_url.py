"""A database's address as a URL, read again by libpq itself."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from mlpredict.storage.maintenance.clients import as_url


@pytest.mark.parametrize(
    ("conninfo", "url"),
    [
        (
            "host=/run/pg port=5432 dbname=mlpredict user=mlpredict",
            "postgresql://mlpredict@/mlpredict?host=/run/pg&port=5432",
        ),
        (
            r"host='/a b/ü%41&+=#?/\'x' dbname=d user=u",
            "postgresql://u@/d?host=/a%20b/%C3%BC%2541%26%2B%3D%23%3F/%27x",
        ),
        (
            "host=db.example.org user=me@home dbname='a/b c' sslmode=require",
            "postgresql://me%40home@db.example.org/a%2Fb%20c?sslmode=require",
        ),
        ("host=db port=6432 options='-c x=y'", "postgresql://db:6432/?options=-c%20x%3Dy"),
        ("host=::1 port=5", "postgresql://[::1]:5/"),
        ("host=fe80::1%eth0", "postgresql://[fe80::1%25eth0]/"),
        ("host=a,b port=1,2", "postgresql://a:1,b:2/"),
        ("host=a,/run", "postgresql:///?host=a%2C/run"),
        ("host=@abstract", "postgresql:///?host=%40abstract"),
        ("host=name hostaddr=10.0.0.1", "postgresql://name/?hostaddr=10.0.0.1"),
        ("service=work user=me", "postgresql://me@/?service=work"),
        ("", "postgresql:///"),
    ],
)
def test_a_url_says_what_the_parameters_say(conninfo: str, url: str) -> None:
    parameters = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    assert as_url(parameters) == url
    assert conninfo_to_dict(url) == parameters


def test_one_port_is_for_all_hosts() -> None:
    assert as_url({"host": "a,b", "port": "7"}) == "postgresql://a:7,b:7/"
