"""Transactions of Prefect's server on sqlite that wait for each other instead of failing.

Prefect begins most of them as readers (``BEGIN DEFERRED``), which read first and then write. In
sqlite's write-ahead log such a one fails at once, whatever ``busy_timeout`` says, when any other
has written since its read (SQLITE_BUSY_SNAPSHOT, sqlite.org/isolation.html); Prefect answers 503,
its client tries again seconds later, and of a dozen requests at once eleven fail. One that begins
as a writer waits its turn.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import temporary_database_config
from prefect.server.utilities.database import get_dialect
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


class WritersWait(AioSqliteConfiguration):
    """Prefect's configuration of sqlite; each transaction begins as a writer."""

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction]:
        """As ``BaseDatabaseConfiguration.begin_transaction``, always with ``BEGIN IMMEDIATE``."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def writers_wait() -> AbstractContextManager[None]:
    """Within: the server of this process uses ``WritersWait``, if its database is sqlite."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if get_dialect(url).name != "sqlite":
        return nullcontext()
    return temporary_database_config(WritersWait(connection_url=url))
