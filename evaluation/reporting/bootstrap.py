"""Bootstrap confidence intervals of means over objects.

Parts of one object rise and fall together: they come from one picture and one run. So whole
objects are drawn, not single parts (cluster bootstrap; Davison and Hinkley, Bootstrap Methods and
their Application, 1997, section 3.8). Drawing parts one by one would give intervals that are too
narrow.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

RESAMPLES = 2000
CONFIDENCE = 0.95
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Interval:
    """Percentile bootstrap interval of a mean, at ``CONFIDENCE``."""

    low: float
    high: float


@dataclass(frozen=True)
class BootstrapOptions:
    """How intervals are drawn.

    Attributes:
        resamples: how often objects are drawn with replacement.
        seed: equal seeds give equal intervals.
    """

    resamples: int = RESAMPLES
    seed: int = 0


def mean_intervals(
    values: Mapping[str, Mapping[str, list[float]]], options: BootstrapOptions | None = None
) -> dict[str, Interval | None]:
    """Intervals of several means over the same objects.

    The mean is that of all values, so an object with more parts weighs more, as in the table.

    Args:
        values: metric -> object -> its values; neither order matters.
        options: how intervals are drawn.

    Returns:
        Interval per metric; None with fewer than two objects, which say nothing about others.
    """
    chosen = options or BootstrapOptions()
    found: dict[str, Interval | None] = dict.fromkeys(values)
    alike: dict[tuple[str, ...], list[str]] = {}
    for metric, by_object in values.items():
        objects = tuple(sorted(name for name, given in by_object.items() if given))
        alike.setdefault(objects, []).append(metric)
    for objects, metrics in alike.items():
        if len(objects) < 2:
            continue
        chosen_values = [[sorted(values[m][name]) for name in objects] for m in metrics]
        sums = np.array([[sum(given) for given in row] for row in chosen_values])
        counts = np.array([[float(len(given)) for given in row] for row in chosen_values])
        low, high = _intervals(sums, counts, chosen)
        for index, metric in enumerate(metrics):
            found[metric] = Interval(float(low[index]), float(high[index]))
    return found


def _intervals(
    sums: Float[np.ndarray, "M N"], counts: Float[np.ndarray, "M N"], options: BootstrapOptions
) -> tuple[Float[np.ndarray, "M"], Float[np.ndarray, "M"]]:
    """Lower and upper ends for M metrics of N objects, all drawn alike."""
    steady = _steady(sums, counts)
    low = sums.sum(axis=-1) / counts.sum(axis=-1)
    high = low.copy()
    if not steady.all():
        interval = stats.bootstrap(
            (sums[~steady], counts[~steady]),
            _mean,
            n_resamples=options.resamples,
            batch=max(1, _CELLS_AT_ONCE // max(1, sums.size)),
            paired=True,
            vectorized=True,
            axis=-1,
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(options.seed),
        ).confidence_interval
        low[~steady], high[~steady] = interval.low, interval.high
    return low, high


def _steady(
    sums: Float[np.ndarray, "M N"], counts: Float[np.ndarray, "M N"]
) -> Bool[np.ndarray, "M"]:
    """Metrics with the same mean in every object: nothing to draw, and scipy would warn."""
    means = sums / counts
    return np.asarray((means == means[:, :1]).all(axis=-1))


def _mean(
    sums: Float[np.ndarray, "*shape"], counts: Float[np.ndarray, "*shape"], axis: int
) -> Float[np.ndarray, "*drawn"]:
    return np.asarray(sums.sum(axis=axis) / counts.sum(axis=axis))
