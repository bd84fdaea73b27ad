"""Whether something answers where a Ray cluster is said to be, and with TLS as this process expects it.

Ray itself tries again for minutes where one side uses TLS and the other does not.
"""

from __future__ import annotations

import os
import socket
import ssl

from mlpredict.errors import UsageError

CONNECT_SECONDS = 5.0
"""For the first answer of a cluster."""
NO_CLUSTER = "mlpredict starts no cluster: mlpredict help cluster says how"
FILES = "RAY_TLS_SERVER_CERT, RAY_TLS_SERVER_KEY and RAY_TLS_CA_CERT"


def require_answering(address: tuple[str, int]) -> None:
    """Make sure that a cluster can be talked to.

    Raises:
        UsageError: nothing answers, or with TLS where this process has none, or the other way round.
    """
    where = f"--ray {address[0]}:{address[1]}"
    ours = os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true")
    try:
        theirs = _speaks_tls(address, verified=ours)
    except ssl.SSLCertVerificationError as error:
        raise UsageError(
            f"{where}: the cluster's certificate is not trusted ({error.verify_message})",
            hint="RAY_TLS_CA_CERT must be the authority that signed those of its nodes",
        ) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"{where}: nothing answers ({why})", hint=NO_CLUSTER) from error
    if theirs and not ours:
        raise UsageError(
            f"{where}: the cluster uses TLS, and this process does not",
            hint=f"set RAY_USE_TLS=1, {FILES} as on its nodes",
        )
    if ours and not theirs:
        raise UsageError(
            f"{where}: this process uses TLS (RAY_USE_TLS), and the cluster does not",
            hint="unset it, or start the cluster with it",
        )


def _speaks_tls(address: tuple[str, int], *, verified: bool) -> bool:
    """Whether what listens there answers a TLS greeting.

    Raises:
        OSError: nothing listens; of its certificate `ssl.SSLCertVerificationError`, where it is `verified`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # Ray's own affair
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if verified and (authority := os.environ.get("RAY_TLS_CA_CERT")):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority)
    with socket.create_connection(address, CONNECT_SECONDS) as plain:
        try:
            context.wrap_socket(plain).close()
        except ssl.SSLCertVerificationError:
            raise
        except OSError:
            return False  # what speaks no TLS answers something else, or hangs up
        return True
