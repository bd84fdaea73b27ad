"""The command line's entrance, and the one place where errors become messages and exit statuses."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence

from mlpredict.cli import garbage
from mlpredict.cli.stdout import OutputClosed, abandon_stdout, close_stdout
from mlpredict.cli.talk import PROGRAM, report, talk
from mlpredict.errors import Interrupted, MlpredictError, OutputError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    garbage.collect_nothing_yet()
    # Nothing here is linear algebra; a thread that numpy starts for it spins for a tenth of a second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    status = run(sys.argv[1:] if arguments is None else arguments)
    garbage.collect_nothing_more()
    if threading.active_count() > 1:
        # One that was left waiting for standard input would not let the interpreter end in order.
        os._exit(status)
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit status, with the error said where there was one."""
    try:
        status = _invoke(arguments)
        close_stdout()
    except OutputClosed as error:
        abandon_stdout()
        status = error.exit_status
    except OutputError as error:
        status = report(error)
        abandon_stdout()
    except MlpredictError as error:
        status = report(error)
    except KeyboardInterrupt:
        status = report(Interrupted("interrupted"))
    except (MemoryError, ImportError, OSError, RuntimeError) as error:
        from mlpredict.cli.memory import out_of_memory

        if (lack := out_of_memory(error)) is None:
            raise
        status = report(lack)
    finally:
        if log_handler := sys.modules.get("mlpredict.cli.log_handler"):
            log_handler.stop_listening()
    return status


def _invoke(arguments: Sequence[str]) -> int:
    import typer

    from mlpredict.cli.app import make_app

    app = make_app()
    try:
        status = app(list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=tuple(arguments))
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except typer.TyperException as error:
        from mlpredict.cli.usage import explained

        talk.error(explained(error))
        return error.exit_code
    if status == Interrupted.exit_status:  # what Typer makes of a Ctrl-C
        raise KeyboardInterrupt
    return status if isinstance(status, int) else 0
