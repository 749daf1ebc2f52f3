"""What a data set tells Prefect beyond states: automations may act on it."""

from prefect.events import emit_event

OUT_OF_MONEY = "mmpart.dataset.out-of-money"
"""The budget is used up, or the provider's account is: another run would get no further."""


def tell_out_of_money(name: str, reason: str) -> None:
    """Emit ``OUT_OF_MONEY``; Prefect adds the flow run and its deployment.

    Args:
        name: of the data set, as people know it.
        reason: what ended the run.
    """
    emit_event(
        OUT_OF_MONEY,
        resource={
            "prefect.resource.id": f"mmpart.dataset.{name}",
            "prefect.resource.name": name,
        },
        payload={"reason": reason},
    )
