"""Draws parts with a hosted image-edit model: OpenAI's, or a server that speaks its interface.

The source is sent on a canvas of its own shape, what comes back is judged by the quality gate and
found in the source again. Current models of OpenAI are edited with ``images.edit``.
"""

from typing import Any, ClassVar, Literal

from pydantic import Field

from mmpart_core import errors
from mmpart_core.errors import ConfigError
from mmpart_core.hosted.client import HOW_TO_GET, REQUIRES, ModelClient
from mmpart_core.hosted.model_facts import prices_of
from mmpart_core.hosted.settings import HostedSettings
from mmpart_core.isolate import canvas, image_exchange, tries
from mmpart_core.isolate.check_settings import LICENSES as CHECKER_LICENSES
from mmpart_core.isolate.check_settings import CheckSettings
from mmpart_core.isolate.editor_settings import EditorSettings
from mmpart_core.isolate.image_models import Quality, image_model
from mmpart_core.isolate.matting_session import LICENCES as MATTING_LICENSES
from mmpart_core.isolate.matting_session import open_matting
from mmpart_core.isolate.part_checker import expected_check_usd, open_checker, texts_digest
from mmpart_core.isolate.protocol import Isolation, IsolationTask

__all__ = ["BACKEND", "HOW_TO_GET", "LICENSES", "REQUIRES", "OpenAIEditor", "Settings"]

LICENSES = {
    "gpt-image-2.6-sunburst": "hosted; OpenAI's terms of use",
    **CHECKER_LICENSES,
    **MATTING_LICENSES,
}
# Output tokens per million pixels at most, by hand from published examples; the documentation
# gives no bound for current models. An answer of a million pixels is about 2,000 at medium.
_OUTPUT_TOKENS = {"low": 500, "medium": 2500, "high": 7000, "auto": 7000, "xhigh": 14000,
                  "max": 28000}  # fmt: skip
_TYPICAL_SHARE = 0.4  # of that bound, and of the tries: what a part usually takes
_IMAGE_TOKENS_PER_MPX = 1600
_CHARS_PER_TOKEN = 2.0  # fewer than in any language the prompts are in, so a bound
_TYPICAL_CHARS = 2000


class Settings(HostedSettings, EditorSettings):
    """Settings of the hosted isolator."""

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {
        **HostedSettings.EXCLUDED_FROM_KEY,
        **CheckSettings.EXCLUDED_FROM_KEY,
    }

    model: str = Field(
        default="gpt-image-2.6-sunburst",
        min_length=1,
        description="The model's name at the server.",
    )
    quality: Quality = Field(
        default="high", description="How much work is put into a picture; it sets the price."
    )
    background: Literal["auto", "transparent", "opaque"] = Field(
        default="auto",
        description="Ground to ask for; 'auto': transparent where the model's documentation has "
        "it, else opaque, and the ground is removed here.",
    )
    input_fidelity: Literal["default", "low", "high"] = Field(
        default="default",
        description="How closely the input is kept, for models that have the parameter (1.5 and "
        "before); 'default': high where it may be sent.",
    )
    canvas_px: int = Field(
        default=1_048_576,
        ge=65_536,
        le=3_686_400,
        description="Pixels of the pictures, about, for models whose size is free.",
    )
    mask: Literal["none", "region"] = Field(
        default="none",
        description="Also send a mask that keeps what the part's region (polygon or mask) holds; "
        "all else may be redrawn.",
    )


class OpenAIEditor:
    """Asks ``images.edit`` for a part until a picture passes the gate."""

    VERSION: ClassVar[str] = f"4-{texts_digest()}"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = ModelClient(settings, settings.model, "isolate")
        self._matting: Any = None
        self._checker: Any = None

    def open(self) -> None:
        """Find the keys, load the matting model if one is named; nothing is sent yet.

        Raises:
            ConfigError: no key, or settings that the model does not take.
        """
        check_capabilities(self._settings)
        self._matting = open_matting(self._settings)
        self._client.open()
        self._checker = open_checker(self._settings)

    def isolate(self, task: IsolationTask, seed: int) -> Isolation:
        """See ``ImageEditor``; hosted models take no seed, another one is another call.

        Raises:
            QuotaExhaustedError: the account has no money left.
            BudgetError: the run's budget does not allow the call.
        """
        return tries.isolate_by_tries(
            task, seed, lambda order: self._draw(task, order), self._settings, self._matting,
            self._checker,
        )  # fmt: skip

    def _draw(self, task: IsolationTask, order: tries.DrawOrder) -> tries.DrawnPictures:
        settings = self._settings
        model = image_model(settings.model)
        height, width = task.source.shape[:2]
        ground = canvas.fit_canvas(height, width, model.sizes, settings.canvas_px)
        clear = asks_transparent(settings)
        prompt = image_exchange.with_ground(order.prompt, clear)
        wanted: dict[str, Any] = {
            "model": settings.model,
            "prompt": prompt,
            "n": len(order.seeds),
            "size": f"{ground.width_px}x{ground.height_px}",
            "quality": settings.quality,
            "background": "transparent" if clear else "opaque",
            "output_format": "png",
            **_fidelity(settings),
            **image_exchange.uploads(task, ground, masked=settings.mask == "region"),
        }
        what = f"isolate of '{task.prompt.component}'"
        answered = self._client.call(
            lambda sdk: sdk.images.edit(**wanted),
            what=what,
            expected_usd=_most_usd(settings, ground, len(order.seeds), len(prompt)),
        )
        with errors.cost_told(answered.cost_usd):
            pictures = image_exchange.decoded(answered.answer, what)
        mapped = tuple(ground.source_from_answer(p.shape[1], p.shape[0]) for p in pictures)
        return tries.DrawnPictures(pictures, mapped, answered.cost_usd)


def check_capabilities(settings: Settings) -> None:
    """Refuse settings that the model does not take, before anything is paid.

    Raises:
        ConfigError: a quality or fidelity that the model does not have.
    """
    model = image_model(settings.model)
    if settings.quality not in model.qualities:
        raise ConfigError(
            f"isolate.quality '{settings.quality}': {settings.model} has "
            f"{', '.join(model.qualities)}; choose one of these, or another isolate.model"
        )
    if settings.input_fidelity not in ("default", *model.fidelity):
        has = ", ".join(model.fidelity) or "no such parameter"
        raise ConfigError(
            f"isolate.input_fidelity '{settings.input_fidelity}': {settings.model} has {has}; "
            "leave it at 'default', or choose another isolate.model"
        )


def asks_transparent(settings: Settings) -> bool:
    """Whether pictures are asked for on a transparent ground."""
    if settings.background == "auto":
        return image_model(settings.model).transparency == "yes"
    return settings.background == "transparent"


def _fidelity(settings: Settings) -> dict[str, str]:
    model = image_model(settings.model)
    if settings.input_fidelity != "default":
        return {"input_fidelity": settings.input_fidelity}
    # Of servers that we know nothing of, nothing is sent that was not asked for.
    return {"input_fidelity": "high"} if model.names and "high" in model.fidelity else {}


def _most_usd(settings: Settings, ground: canvas.Canvas, count: int, chars: int) -> float | None:
    """What one call costs at most."""
    prices = prices_of(settings.model, settings)
    if prices is None:
        return None
    mpx = ground.width_px * ground.height_px / 1e6
    masks = 2 if settings.mask == "region" else 1
    return prices.cost_usd(
        int(chars / _CHARS_PER_TOKEN),
        int(_OUTPUT_TOKENS[settings.quality] * mpx * count),
        image=int(_IMAGE_TOKENS_PER_MPX * mpx * masks),
    )


def expected_cost_usd(settings: Settings) -> float | None:
    """What one part usually costs; None where the model's price is not known."""
    ground = canvas.fit_canvas(1024, 1024, image_model(settings.model).sizes, settings.canvas_px)
    most = _most_usd(settings, ground, settings.candidates, _TYPICAL_CHARS)
    look = expected_check_usd(settings)
    if most is None or look is None:
        return None
    return (_TYPICAL_SHARE * most + look) * max(1.0, 0.5 * settings.tries)


BACKEND = OpenAIEditor
