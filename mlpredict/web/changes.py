"""Changes of what is stored that are no predictions: labels and deletions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from mlpredict.api.connections import Connections
from mlpredict.errors import NotPermitted, ReadOnly
from mlpredict.support.logs import get_logger
from mlpredict.web.errors import ChangesWait, NotAllowed, ReadOnlyNow
from mlpredict.web.turns import Turns

logger = get_logger(__name__)

Result = TypeVar("Result")

AT_ONCE = 2
"""So many changes are made at a time, each on a connection of its own."""

SECONDS = 30.0
"""For so long a request waits, its turn included; what has begun by then is done all the same."""


class Changes:
    """Makes changes in threads of their own; made within the event loop that uses it."""

    def __init__(self, database: Connections) -> None:
        self._database = database
        self._turns = Turns(AT_ONCE, "change")

    async def make(self, change: Callable[[Connections], Result]) -> Result:
        """What a change gives, once it is committed.

        Raises:
            NotAllowed, ReadOnlyNow: the database does not let this server make it.
            ChangesWait: others hold what it needs for too long.
        """
        try:
            async with asyncio.timeout(SECONDS):
                return await self._turns.run(object(), change, self._database)
        except TimeoutError:
            raise ChangesWait from None
        except NotPermitted as error:
            logger.error(error.in_full)
            raise NotAllowed from error
        except ReadOnly as error:
            logger.error(error.in_full)
            raise ReadOnlyNow from error

    def close(self) -> None:
        """Wait for what is being done, and disconnect."""
        self._turns.close()
        self._database.close()
