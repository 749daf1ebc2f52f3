"""What ``mmpart plan`` ends with."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.forecast import Forecast, stated_cost, to_do
from mmpart_core.records import PartPlan, StageRun, component_label


def print_plan(
    console: Console, plan: PartPlan, planned: StageRun, forecasts: Sequence[Forecast]
) -> None:
    """The prompts, then what a run would do and cost."""
    for prompt in plan.prompts:
        console.print(Text(f"[{prompt.component}]", style="bold"))
        console.print(Text(prompt.prompt), soft_wrap=True)
        console.print()
    table = Table(title="what a run would do", title_justify="left")
    for heading in ("part", "cached", "to do", "stated cost"):
        table.add_column(heading)
    for component in dict.fromkeys(forecast.component for forecast in forecasts):
        rows = [forecast for forecast in forecasts if forecast.component == component]
        table.add_row(
            Text(component_label(component)),
            ", ".join(row.stage for row in rows if row.cached),
            ", ".join(row.stage for row in to_do(rows)),
            stated_cost(rows),
        )
    console.print(table)
    work = len(list(to_do(forecasts)))
    console.print(
        f"{work} of {len(forecasts)} pieces of work to do, cost stated by their back-ends: "
        f"{stated_cost(forecasts)}; planning "
        f"{'was cached' if planned.cached else f'cost ${planned.cost_usd:.2f}'}."
    )
