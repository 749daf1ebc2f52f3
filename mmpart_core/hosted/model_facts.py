"""What hosted models cost and when they are shut down: a dated table, and settings over it."""

import datetime
import re
from functools import cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, Field

from mmpart_core.hosted.settings import HostedSettings

WARN_DAYS = 90
_SNAPSHOT = re.compile(r"-[0-9]{4}-[0-9]{2}-[0-9]{2}$")


class TokenPrices(BaseModel):
    """Dollars per million tokens; ``cached`` and ``image`` as ``input`` where they are None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0.0)
    cached: float | None = Field(default=None, ge=0.0)
    image: float | None = Field(default=None, ge=0.0)
    output: float = Field(ge=0.0)

    def cost_usd(self, text: int, output: int, *, cached: int = 0, image: int = 0) -> float:
        """What tokens cost, in dollars.

        Args:
            text: input tokens that are neither cached nor of images.
            output: output tokens, reasoning included.
            cached: cached input tokens.
            image: image input tokens.

        Example:
            >>> TokenPrices(input=5, image=8, output=30).cost_usd(100, 2000, image=1000)
            0.0685
        """
        cached_usd = self.input if self.cached is None else self.cached
        image_usd = self.input if self.image is None else self.image
        total = text * self.input + cached * cached_usd + image * image_usd + output * self.output
        return total / 1e6


class ModelFacts(BaseModel):
    """One model of the table; what is not known is None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usd: TokenPrices | None = None
    shutdown: datetime.date | None = None
    instead: str = ""


class ModelTable(BaseModel):
    """The table, with the day it was written and where from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dated: datetime.date
    source: str
    models: dict[str, ModelFacts]

    def facts(self, model: str) -> ModelFacts:
        """A model's facts, or those of the name that a dated snapshot begins with."""
        known = self.models.get(model) or self.models.get(_SNAPSHOT.sub("", model))
        return known or ModelFacts()


@cache
def model_table() -> ModelTable:
    """The table that comes with MMPart."""
    text = (resources.files("mmpart_core.hosted") / "models.yaml").read_text(encoding="utf-8")
    return ModelTable.model_validate(yaml.safe_load(text))


def prices_of(model: str, settings: HostedSettings) -> TokenPrices | None:
    """What a model's tokens cost: by the settings, else by the table; None when unknown.

    The table's prices are OpenAI's; where another server asks for others, settings say so.
    """
    if settings.input_usd is not None and settings.output_usd is not None:
        return TokenPrices(
            input=settings.input_usd,
            cached=settings.cached_input_usd,
            image=settings.image_input_usd,
            output=settings.output_usd,
        )
    return model_table().facts(model).usd


def shutdown_warning(
    model: str, settings: HostedSettings, today: datetime.date
) -> tuple[str, bool] | None:
    """What to say of a model's end, and whether it is past; None when there is nothing to say.

    Args:
        model: its name.
        settings: may name another date.
        today: the day it is.
    """
    facts = model_table().facts(model)
    date = facts.shutdown
    if settings.shutdown_date:
        date = datetime.date.fromisoformat(settings.shutdown_date)
    if date is None or (date - today).days > WARN_DAYS:
        return None
    instead = f"; use {facts.instead}" if facts.instead else "; choose another model"
    if date <= today:
        return f"{model} was shut down on {date}{instead}", True
    return f"{model} is shut down on {date}, in {(date - today).days} days{instead}", False
