"""With what a plan is run, and what of it is not: settings given anew, edits that go unread."""

from collections.abc import Mapping, Sequence

from flows.profiles import parse_setting
from mmpart_core.backends import STAGES, find_module
from mmpart_core.config import PipelineConfig
from mmpart_core.intake.plan_file import PlanFile, PlannedRun
from mmpart_core.isolate.protocol import reads_prompts
from mmpart_core.quoting import quoted_list, shortened

_AS_PROFILE = "as the profile has it"


def changed_run(
    planned: PlanFile, profile: str | None, settings: Sequence[str], seed: int | None
) -> tuple[PlannedRun, str]:
    """The plan's profile, settings and seed, with what was given explicitly in their place.

    A setting takes the place of the planned one of the same name. Another back-end of a stage
    takes the place of all that was planned for that stage, whose settings it need not have.

    Args:
        planned: the plan.
        profile: given explicitly; None for the plan's.
        settings: given explicitly, as ``stage.setting=value``.
        seed: given explicitly; None for the plan's.

    Returns:
        What is run, and one line that says what is not as planned (empty where all is).

    Raises:
        ConfigError: a setting, given or planned, that cannot be read.
    """
    run = planned.run
    before = {
        name: (value, text)
        for text in run.settings
        for name, value in [parse_setting(text, f"{planned.file_name}, run.settings")]
    }
    given = dict(map(parse_setting, settings))
    other = {stage for stage in STAGES if _is_other(f"{stage}.kind", given, before)}
    left = [name for name in before if name not in given and name.partition(".")[0] in other]
    kept = [text for name, (_, text) in before.items() if name not in given and name not in left]
    changes: list[str] = []
    if profile not in (None, run.profile):
        changes.append(f"--profile {profile} (planned: {run.profile})")
    for name, text in zip(given, settings, strict=False):
        if _is_other(name, given, before):
            was = before[name][1].partition("=")[2] if name in before else _AS_PROFILE
            changes.append(f"--set {shortened(text)} (planned: {shortened(was)})")
    changes += [f"without {shortened(before[name][1])}" for name in left]
    if seed not in (None, run.seed):
        changes.append(f"--seed {seed} (planned: {run.seed})")
    chosen = PlannedRun(
        profile=profile or run.profile,
        settings=(*kept, *settings),
        seed=run.seed if seed is None else seed,
    )
    return chosen, f"not as planned: {', '.join(changes)}" if changes else ""


def unread_edits(planned: PlanFile, config: PipelineConfig) -> str:
    """One line on prompts that were edited although nothing will read them.

    Args:
        planned: the plan.
        config: what it is run with.

    Returns:
        Which parts' prompts these are, and what to do; empty where none was edited, or where the
        isolator reads prompts.

    Raises:
        UnknownBackendError: the isolator does not exist.
    """
    kind = config.choice("isolate").kind
    if not planned.edited or reads_prompts(find_module("isolate", kind).BACKEND):
        return ""
    what = "prompt" if len(planned.edited) == 1 else "prompts"
    instead = "here the known scene says what is drawn"
    if not any(prompt.truth for prompt in planned.plan.prompts):
        instead = "without one, give or change regions in the component list and plan again"
    return (
        f"the edited {what} of {quoted_list(planned.edited)} will draw nothing else: isolate.kind "
        f"'{kind}' reads no prompts. Words are read by back-ends with an image-edit model; "
        f"{instead}"
    )


def _is_other(
    name: str, given: Mapping[str, object], before: Mapping[str, tuple[object, str]]
) -> bool:
    return name in given and (name not in before or before[name][0] != given[name])
