"""What a bucket answers, in words without secrets."""

from __future__ import annotations

import pytest

from mlpredict.inputs.remote.reasons import reason_of, says_it_is_there

S3 = """Generic S3 error: Error performing GET http://127.0.0.1:9000/b/k?X-Amz-Signature=5ec3e7 in 2.3ms - \
Server returned non-2xx status code: {status}: {body}

Debug source:
Generic {{ secret: "5ec3e7" }}"""
XML = "<Error><Code>{}</Code><Message>{}</Message><AWSAccessKeyId>AKIA5ec3e7</AWSAccessKeyId></Error>"
SKEWED = "The difference between the request time and the current time is too large."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            S3.format(status="403 Forbidden", body=XML.format("RequestTimeTooSkewed", SKEWED)),
            f"the clock of this machine is wrong (RequestTimeTooSkewed: {SKEWED})",
        ),
        (S3.format(status="403 Forbidden", body=""), "the server answers 403 Forbidden"),
        (
            S3.format(status="503 Service Unavailable", body="<html>5ec3e7"),
            "the server answers 503 Service Unavailable",
        ),
        (S3.format(status="400 Bad Request", body=XML.format("Strange", "")), "Strange"),
        ('Generic GCS error: … {"error": {"message": "Anonymous caller"}}', "Anonymous caller"),
        (
            "Generic S3 error: Error performing GET http://h/5ec3e7 in 1s - HTTP: error sending request",
            "no answer",
        ),
        ("Generic S3 error: Received redirect without LOCATION, this normally …", "another region"),
        ("Generic MicrosoftAzure error: Account must be specified", "AZURE_STORAGE_ACCOUNT_NAME"),
        ("Generic GCS error: Error performing token request to metadata 169.254.169.254", "GOOGLE_"),
        (
            S3.format(
                status="404 Not Found", body=XML.format("ContainerNotFound", "No such.\nRequestId:5ec3e7")
            ),
            "there is no such container (ContainerNotFound: No such.)",
        ),
        (
            S3.format(status="403 Forbidden", body=XML.format("AuthenticationFailed", "\n  Failed.\n")),
            "wrong credentials (AuthenticationFailed: Failed.)",
        ),
        (
            "Generic GCS error: Error performing GET http://h/5ec3e7 in 2µs - HTTP error: builder error",
            "https://",
        ),
        ("Generic S3 error: something odd at https://me:5ec3e7@host/x", "something odd at …"),
        (
            "Generic S3 error: DeleteObjects request failed for key 5ec3e7: No (code: AccessDenied)",
            "the credentials lack the right to it (AccessDenied: No)",
        ),
        (
            "Generic MicrosoftAzure error: Bulk delete request failed for key 5ec3e7: Conflict (code: 409)",
            "409: Conflict",
        ),
        ("", "no answer"),
    ],
)
def test_a_reason_is_in_words_and_repeats_no_secret(text: str, told: str) -> None:
    reason = reason_of(Exception(text))
    assert told in reason
    assert "5ec3e7" not in reason


@pytest.mark.parametrize(
    ("status", "body", "there"),
    [
        ("412 Precondition Failed", XML.format("PreconditionFailed", "Once."), True),
        ("412 Precondition Failed", "", True),
        ("409 Conflict", XML.format("BlobAlreadyExists", "It is there."), True),
        ("409 Conflict", XML.format("ContainerBeingDeleted", "It will be gone."), False),
        ("409 Conflict", XML.format("OperationAborted", "Another one."), False),
        ("409 Conflict", "", False),
        ("403 Forbidden", XML.format("AccessDenied", "412 Precondition Failed"), False),
    ],
)
def test_not_every_conflict_says_that_an_object_is_there(status: str, body: str, there: bool) -> None:
    assert says_it_is_there(Exception(S3.format(status=status, body=body))) is there
