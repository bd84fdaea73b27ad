"""What a bucket answers → why there is no image, in words a person understands and without any secret."""

from __future__ import annotations

import re

LONGEST = 200
# All three answer in XML, Google at times in JSON, and the library quotes them.
CODE = re.compile(r"<Code>([^<]*)</Code>")
# What Azure adds on lines of their own helps nobody here.
MESSAGE = re.compile(r"<Message>\s*([^<\n]*)[^<]*</Message>")
JSON_MESSAGE = re.compile(r'"message"\s*:\s*"([^"]*)"')
# What the library makes of the first of many objects that was not deleted.
ONE_OF_MANY = re.compile(
    r"(?:DeleteObjects|Bulk delete) request failed for key .*: (?P<message>[^:]*) \(code: (?P<code>\w+)\)$"
)
OF_ONE = "request failed for key"
"""What the library says where S3 or Azure deleted some of many, and not this one."""
STATUS = re.compile(r"status code: (\d+ [A-Z][A-Za-z ]*[a-z])")
LAST_PART = re.compile(r"(?:^| - )((?:(?! - ).)*)$")
NO_CREDENTIALS = re.compile(r"169\.254\.|metadata|credential|InstanceProfile", re.IGNORECASE)
NO_REGION = "Received redirect without LOCATION"
NO_ACCOUNT = "Account must be specified"
IN_THE_CLEAR = "builder error"
NO_ANSWER = re.compile(r"error sending request|connection refused|dns error|timed out", re.IGNORECASE)

IS_THERE = ("PreconditionFailed", "BlobAlreadyExists")
"""How buckets say that nothing was put as there is an object of this key: S3 and Google, and Azure."""
NOT_NEW = "412 Precondition Failed"

REFUSALS = ("PermissionDeniedError", "UnauthenticatedError", "AlreadyExistsError", "PreconditionError")
"""What the library raises where a bucket has answered, and will not: 401, 403, 409 (a legal hold), 412."""

CREDENTIALS = {
    "GCS": "set GOOGLE_APPLICATION_CREDENTIALS; a public bucket needs GOOGLE_SKIP_SIGNATURE=true",
    "MicrosoftAzure": "set AZURE_STORAGE_ACCOUNT_KEY; a public container needs AZURE_SKIP_SIGNATURE=true",
    "S3": "set AWS_ACCESS_KEY_ID or AWS_PROFILE; a public bucket needs AWS_SKIP_SIGNATURE=true",
}
"""What to do without any, by what the library calls a kind of bucket."""

NO_RIGHT = "the credentials lack the right to it"
WRONG = "wrong credentials"
HINTS = {
    "AccessDenied": NO_RIGHT,
    "AuthorizationFailure": "a wrong key, no right to it, or a network that is kept out",
    "AuthorizationPermissionMismatch": NO_RIGHT,
    "AuthorizationResourceTypeMismatch": NO_RIGHT,
    "AuthorizationServiceMismatch": NO_RIGHT,
    "InsufficientAccountPermissions": NO_RIGHT,
    "InvalidAccessKeyId": WRONG,
    "SignatureDoesNotMatch": WRONG,
    "AuthenticationFailed": WRONG,
    "AuthenticationRequired": WRONG,
    "InvalidAuthenticationInfo": WRONG,
    "NoAuthenticationInformation": "it is not public, and no credentials were sent",
    "PublicAccessNotPermitted": "it is not public, and no credentials were sent",
    "ExpiredToken": "the credentials have expired",
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "NoSuchBucket": "there is no such bucket",
    "NoSuchKey": "there is no such object",
    "ContainerNotFound": "there is no such container",
    "BlobNotFound": "there is no such object",
    "PermanentRedirect": "the bucket is in another region: set AWS_REGION",
    "AuthorizationHeaderMalformed": "the bucket is in another region: set AWS_REGION",
}
"""What the codes of S3, Google and Azure mean to whoever uses them."""


def reason_of(error: BaseException) -> str:
    """Why a request was refused, or never answered.

    Only what is known to be words is repeated: answers quote access keys and signed requests. It is raised
    `from None`, as `--verbose` prints causes.
    """
    text = str(error).partition("\nDebug source:")[0]
    code, message = CODE.search(text), MESSAGE.search(text) or JSON_MESSAGE.search(text)
    if code is not None:
        return _in_words(code[1], message[1] if message else "")
    if (one := ONE_OF_MANY.search(text.strip())) is not None:
        return _in_words(one["code"], one["message"])
    if message is not None:
        return message[1][:LONGEST]
    if isinstance(error, FileNotFoundError):
        return "there is no such object"
    if NO_REGION in text:
        return "the bucket is in another region, or there is none: set AWS_REGION"
    if NO_CREDENTIALS.search(text):
        how = next((told for kind, told in CREDENTIALS.items() if kind in text), CREDENTIALS["S3"])
        return f"no credentials were found: {how}"
    if IN_THE_CLEAR in text:
        return "its address is no https:// address: http:// is for this machine alone"
    if NO_ACCOUNT in text:
        return "no account is named: set AZURE_STORAGE_ACCOUNT_NAME"
    if (status := STATUS.search(text)) is not None:
        return f"the server answers {status[1]}"
    if NO_ANSWER.search(text):
        return "no answer from the server"
    return _last_words(text)


def says_it_is_there(error: BaseException) -> bool:
    """Whether an object is there already, where only a new one was to be put.

    The library says so of every conflict: that a container is being deleted, too.
    """
    text = str(error)
    if (code := CODE.search(text)) is not None:
        return code[1] in IS_THERE
    status = STATUS.search(text)
    return status is not None and status[1] == NOT_NEW


def refuses_to_delete(error: BaseException) -> bool:
    """Whether a bucket has answered that it does not delete something."""
    return type(error).__name__ in REFUSALS or OF_ONE in str(error)


def _in_words(code: str, message: str) -> str:
    told = (f"{code}: {message}" if message else code)[:LONGEST]
    hint = HINTS.get(code)
    return f"{hint} ({told})" if hint else told


def _last_words(text: str) -> str:
    """What comes last in a chain of causes, without addresses: they may hold keys."""
    first = text.strip().partition("\n")[0]
    last = LAST_PART.search(first)
    words = re.sub(r"\w+://\S+", "…", last[1] if last else first)
    return words[:LONGEST].strip() or "no answer"
