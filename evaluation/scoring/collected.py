"""Values of one row while they are gathered."""

from dataclasses import dataclass, field

from evaluation.metric_facts import bounded, metric_facts
from evaluation.protocol import Protocol


@dataclass
class Collected:
    """Values, what is unscored and why, and flags.

    Attributes:
        protocol: what the values are taken by.
        side: longest side of the true object in the protocol's frame.
        values: by metric, each cut at its worst value.
        unscored: metric -> reason.
        flags: what the reader should know.
    """

    protocol: Protocol
    side: float
    values: dict[str, float] = field(default_factory=dict)
    unscored: dict[str, str] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)

    def put(self, metric: str, value: float) -> None:
        """Keep a value; one that is worse than a failure is cut and flagged."""
        facts = metric_facts(metric, self.protocol, self.side)
        kept = bounded(metric, value, facts)
        if kept != value:
            self.flags.append(f"{metric} {value:.4g} is worse than a failure and was cut")
        self.values[metric] = kept

    def leave_out(self, metric: str, reason: str) -> None:
        """Say why a metric has no value."""
        self.unscored[metric] = reason

    def put_worst(self, metric: str) -> None:
        """Keep the worst value there is."""
        worst = metric_facts(metric, self.protocol, self.side).worst
        if worst is None:
            self.unscored[metric] = "failed, and the metric has no worst value"
        else:
            self.values[metric] = worst
