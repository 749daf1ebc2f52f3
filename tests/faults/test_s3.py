"""Store and output in S3 that fails, dawdles, refuses or stays away while a data set is made."""

import os
import threading
from collections.abc import Callable, Iterator

import pytest
from s3fs import S3FileSystem

from flows import dataset_files
from mmpart_core.errors import ConfigError, StorageError
from mmpart_core.storage import object_stores
from mmpart_core.storage.opening import open_store
from tests.faults.trial import OBJECTS, Trial
from tests.flaky_s3 import FlakyS3

pytestmark = [pytest.mark.xdist_group("faults")]
Outputs = dict[str, bytes | None]


def forget_connections() -> None:
    S3FileSystem.clear_instance_cache()
    open_store.cache_clear()
    dataset_files._place.cache_clear()


@pytest.fixture
def flaky(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlakyS3]:
    """What this test's stores talk to."""
    server = FlakyS3(os.environ["AWS_ENDPOINT_URL"])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setattr(object_stores, "S3_TRIES", 3)
    forget_connections()
    yield server
    forget_connections()
    server.shutdown()
    server.server_close()


@pytest.fixture
def trial(trial_of: Callable[..., Trial], flaky: FlakyS3, s3_url: str) -> Trial:
    places = {"store": f"{s3_url}/store", "output": f"{s3_url}/out"}
    return trial_of(objects=OBJECTS[:4], **places)


def test_a_storm_of_failures_is_outlived(
    trial: Trial, flaky: FlakyS3, undisturbed: Outputs
) -> None:
    storm = ["503", "", "", "drop", "", "", "500", "", "", "", "", "slow", "", "", ""] * 4
    flaky.faults = {"GET": [*storm], "HEAD": [*storm], "PUT": [*storm]}
    assert trial.run().complete
    trial.assert_sound(undisturbed)


def test_a_store_that_goes_away_ends_the_run_and_loses_nothing(
    trial: Trial, flaky: FlakyS3, undisturbed: Outputs
) -> None:
    def leave() -> None:
        trial.wait_for("mesh", 3)
        flaky.down = True

    leaving = threading.Thread(target=leave)
    leaving.start()
    with pytest.raises(StorageError, match="cannot"):
        trial.run(concurrency=2)
    leaving.join()
    flaky.down = False
    begun = trial.calls()
    assert trial.run().complete
    twice = {work for work, count in trial.calls().items() if count > 1}
    # At most what was under way when the store went away: a stage of each of two objects' parts.
    assert len(twice) <= 4, twice
    assert set(begun) >= twice
    trial.assert_sound(undisturbed, again=twice)


def test_a_wrong_key_is_told_before_anything_is_made(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-key")
    forget_connections()
    with pytest.raises(ConfigError, match="check that it exists"):
        trial.run()
    assert not trial.calls()
