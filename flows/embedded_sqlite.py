"""How Prefect's server uses sqlite: transactions that wait, and look-ups that use an index.

Prefect begins most transactions as readers (``BEGIN DEFERRED``), which read first and then write.
In sqlite's write-ahead log such a one fails at once, whatever ``busy_timeout`` says, when any other
has written since its read (SQLITE_BUSY_SNAPSHOT, sqlite.org/isolation.html); Prefect answers 503,
its client tries again seconds later, and of a dozen requests at once eleven fail. One that begins
as a writer waits its turn.

Its recorder looks task runs up by several columns at once, ``(a, b) IN (VALUES (...), ...)``. For
these sqlite reads the whole table; for ``IN (SELECT * FROM (VALUES ...))`` it uses the index.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any

from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import temporary_database_config
from prefect.server.utilities.database import get_dialect
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, AsyncSessionTransaction

_ROWS = re.compile(r" IN \((VALUES \([:\w, ]+\)(?:, \([:\w, ]+\))*)\)")


class EmbeddedSqlite(AioSqliteConfiguration):
    """Prefect's configuration of sqlite for many who write, and many task runs."""

    async def engine(self) -> AsyncEngine:
        """As ``AioSqliteConfiguration.engine``; statements that compare rows use an index."""
        engine = await super().engine()
        if not event.contains(engine.sync_engine, "before_cursor_execute", _by_index):
            event.listen(engine.sync_engine, "before_cursor_execute", _by_index, retval=True)
        return engine

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction]:
        """As ``BaseDatabaseConfiguration.begin_transaction``, always with ``BEGIN IMMEDIATE``."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def embedded_sqlite() -> AbstractContextManager[None]:
    """Within: the server of this process uses ``EmbeddedSqlite``, if its database is sqlite."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if get_dialect(url).name != "sqlite":
        return nullcontext()
    return temporary_database_config(EmbeddedSqlite(connection_url=url))


def _by_index(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> tuple[str, Any]:
    """A statement for sqlite as it finds rows by an index, and its parameters."""
    return _ROWS.sub(r" IN (SELECT * FROM (\1))", statement), parameters
