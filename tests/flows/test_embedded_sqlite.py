"""Transactions on sqlite side by side that read and then write, and look-ups by several columns."""

import asyncio
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import MODELS_DEPENDENCIES
from prefect.server.database.orm_models import TaskRun
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from flows.embedded_server import EmbeddedServer
from flows.embedded_sqlite import EmbeddedSqlite, embedded_sqlite

AT_ONCE = 16


def written(config: AioSqliteConfiguration) -> int:
    """How many rows are there when so many transactions have read, waited, and written."""

    async def write(engine: AsyncEngine) -> None:
        session = await config.session(engine)
        async with session, config.begin_transaction(session):
            await session.execute(sa.text("SELECT count(*) FROM made"))
            await asyncio.sleep(0.01)
            await session.execute(sa.text("INSERT INTO made VALUES (1)"))

    async def write_all() -> int:
        engine = await config.engine()
        async with engine.connect() as connection:
            await connection.execute(sa.text("CREATE TABLE made (number INTEGER)"))
        await asyncio.gather(*(write(engine) for _ in range(AT_ONCE)))
        async with engine.connect() as connection:
            return (await connection.execute(sa.text("SELECT count(*) FROM made"))).scalar_one()

    return asyncio.run(write_all())


def test_transactions_wait_for_each_other(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/waiting.db"
    assert written(EmbeddedSqlite(connection_url=url)) == AT_ONCE


def test_prefects_own_fail_at_once(tmp_path: Path) -> None:
    """Why there is another configuration; it can go when this fails."""
    url = f"sqlite+aiosqlite:///{tmp_path}/failing.db"
    with pytest.raises(OperationalError, match="database is locked"):
        written(AioSqliteConfiguration(connection_url=url))


def plan(config: AioSqliteConfiguration) -> str:
    """How sqlite looks up task runs as the server's recorder does."""
    table = cast(sa.Table, TaskRun.__table__)
    keys = [table.c[name] for name in ("flow_run_id", "task_key", "dynamic_key")]
    wanted = [(uuid4(), "made", str(number)) for number in range(3)]
    query = sa.select(table.c.id).where(sa.tuple_(*keys).in_(wanted))

    async def planned() -> str:
        engine = await config.engine()
        seen: list[tuple[str, Any]] = []

        def see(c: Any, u: Any, statement: str, parameters: Any, x: Any, m: bool) -> None:
            seen.append((statement, parameters))

        async with engine.connect() as connection:
            await connection.run_sync(table.create)
            event.listen(engine.sync_engine, "before_cursor_execute", see)
            assert (await connection.execute(query)).all() == []
            statement, parameters = seen[-1]
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return "\n".join(row[-1] for row in rows)

    return asyncio.run(planned())


def test_task_runs_are_looked_up_by_an_index(tmp_path: Path) -> None:
    config = EmbeddedSqlite(connection_url=f"sqlite+aiosqlite:///{tmp_path}/indexed.db")
    assert re.search(r"^SEARCH task_run USING .*INDEX", plan(config), re.MULTILINE)


def test_prefects_own_reads_all_of_them(tmp_path: Path) -> None:
    """Why statements are changed; that can go when this fails."""
    config = AioSqliteConfiguration(connection_url=f"sqlite+aiosqlite:///{tmp_path}/scanned.db")
    assert re.search(r"^SCAN task_run", plan(config), re.MULTILINE)


@pytest.mark.parametrize(
    ("url", "ours"),
    [("sqlite+aiosqlite:///prefect.db", True), ("postgresql+asyncpg://host/prefect", False)],
)
def test_only_a_server_on_sqlite_has_them(url: str, ours: bool) -> None:
    with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: url}), embedded_sqlite():
        assert isinstance(MODELS_DEPENDENCIES["database_config"], EmbeddedSqlite) == ours
    assert not isinstance(MODELS_DEPENDENCIES["database_config"], EmbeddedSqlite)


@pytest.mark.long
def test_the_commands_server_takes_requests_that_write_at_once(tmp_path: Path) -> None:
    server = EmbeddedServer({**os.environ, "PREFECT_HOME": str(tmp_path)})
    try:
        statuses = asyncio.run(_answers(server.url))
    finally:
        server.stop()
    assert statuses == {201: 2 * AT_ONCE}


async def _answers(url: str) -> Counter[int]:
    """Statuses of flow runs and task runs that several clients ask for at the same time."""
    async with httpx.AsyncClient(base_url=url, timeout=120, trust_env=False) as client:
        flow = (await client.post("/flows/", json={"name": "many"})).json()["id"]
        state = {"type": "PENDING"}

        async def write() -> list[int]:
            run = {"flow_id": flow, "state": state}
            task = {"task_key": "made", "dynamic_key": str(uuid4()), "state": state}
            answers = [
                await client.post(path, json=content)
                for path, content in (("/flow_runs/", run), ("/task_runs/", task))
            ]
            return [answer.status_code for answer in answers]

        found = await asyncio.gather(*(write() for _ in range(AT_ONCE)))
    return Counter(status for each in found for status in each)
