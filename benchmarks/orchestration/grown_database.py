"""A server's database as it is after many runs: task runs that are of none."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

# Each of a flow run of its own: as far apart in the index as those of many objects are.
_TASK_RUNS = """
    WITH RECURSIVE numbered(number) AS (
        SELECT 1 UNION ALL SELECT number + 1 FROM numbered WHERE number < ?
    )
    INSERT INTO task_run (flow_run_id, task_key, dynamic_key, name, state_type, state_name)
    SELECT hex(randomblob(16)), 'reconstruct', '0', 'reconstruct', 'COMPLETED', 'Completed'
    FROM numbered
"""


def grow_database(task_runs: int) -> None:
    """Write task runs into the database of this run's server.

    Args:
        task_runs: how many.
    """
    path = Path(os.environ["PREFECT_HOME"]) / "prefect.db"
    with closing(sqlite3.connect(path, timeout=60)) as database, database:
        database.execute(_TASK_RUNS, (task_runs,))
