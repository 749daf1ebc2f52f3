"""Store and output in S3 that fails, dawdles, refuses or stays away while a data set is made."""

from collections.abc import Callable, Iterator

import pytest

from mmpart_core.errors import ConfigError
from mmpart_core.storage import object_stores
from tests.faults import store_disturbances
from tests.faults.servers import flaky_s3, forget_connections
from tests.faults.trial import OBJECTS, Trial
from tests.faults.verdict import assert_sound
from tests.flaky_s3 import FlakyS3

pytestmark = [pytest.mark.xdist_group("faults")]
Outputs = dict[str, bytes]


@pytest.fixture
def flaky(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlakyS3]:
    """What this test's stores talk to."""
    monkeypatch.setattr(object_stores, "S3_TRIES", 3)
    with flaky_s3() as server:
        yield server


@pytest.fixture
def trial(trial_of: Callable[..., Trial], flaky: FlakyS3, s3_url: str) -> Trial:
    places = {"store": f"{s3_url}/store", "output": f"{s3_url}/out"}
    return trial_of(objects=OBJECTS[:4], **places)


@pytest.mark.long
def test_a_storm_of_failures_is_outlived(
    trial: Trial, flaky: FlakyS3, undisturbed: Outputs
) -> None:
    store_disturbances.storm(flaky)
    assert trial.run().complete
    assert assert_sound(trial, undisturbed).repeated == []


@pytest.mark.long
@pytest.mark.parametrize("fault", ["drop", pytest.param("403", marks=pytest.mark.long)])
def test_a_store_that_goes_away_ends_the_run_and_loses_nothing(
    trial: Trial, flaky: FlakyS3, undisturbed: Outputs, fault: str
) -> None:
    store_disturbances.lose_store(trial, flaky, fault)
    (mark,) = trial.marks
    # What was under way when the store went away: a stage of each of two parts of three objects.
    assert len(mark.in_hand) <= 2 * trial.job.concurrency
    assert_sound(trial, undisturbed)


def test_a_wrong_key_is_told_before_anything_is_made(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-key")
    forget_connections()
    with pytest.raises(ConfigError, match="check that it exists"):
        trial.run()
    assert not trial.calls()
