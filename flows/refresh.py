"""Which work a run does again on purpose."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmpart_core.backends import STAGES
from mmpart_core.errors import ConfigError
from mmpart_core.records import ObjectRequest, StageName

ONCE_PER_OBJECT = ("plan", "assemble")


@dataclass(frozen=True)
class Refresh:
    """One stage, of one part or of all, to be done again with everything that depends on it.

    Attributes:
        stage: where to begin.
        component: the part; None for all parts.
    """

    stage: StageName
    component: str | None = None

    def covers(self, stage: StageName, component: str | None) -> bool:
        """Whether a piece of work is to be done again.

        Args:
            stage: the work's stage.
            component: its part; None for the plan, the assembly and the whole object's views.
        """
        if stage == "multiview" and component is None:
            return self.component is None and self.stage in ("plan", "multiview")
        of_this_part = self.component in (None, component) or stage == "assemble"
        return of_this_part and STAGES.index(stage) >= STAGES.index(self.stage)


def parse_refreshes(texts: Sequence[str], request: ObjectRequest) -> tuple[Refresh, ...]:
    """Read ``"isolate"`` (of all parts) and ``"isolate:hat"`` (of one).

    Raises:
        ConfigError: an unknown stage or part.
    """
    return tuple(_parse(text, [component.name for component in request.components])
                 for text in texts)  # fmt: skip


def _parse(text: str, names: Sequence[str]) -> Refresh:
    head, colon, name = text.partition(":")
    stage: StageName | None = next((stage for stage in STAGES if stage == head.strip()), None)
    name = name.strip()
    if stage is None:
        raise ConfigError(
            f"refresh '{text}': expected <stage> or <stage>:<part>, where <stage> is one of "
            f"{', '.join(STAGES)}"
        )
    if not colon:
        return Refresh(stage)
    if stage in ONCE_PER_OBJECT:
        raise ConfigError(f"refresh '{text}': {stage} is done once for all parts; say '{stage}'")
    if name not in names:
        raise ConfigError(f"refresh '{text}': no part '{name}'; expected one of {', '.join(names)}")
    return Refresh(stage, name)
