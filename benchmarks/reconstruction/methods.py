"""What is compared: the project's stages under any settings, and the alternatives to them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmpart_core import backends
from mmpart_core.devices import check_device
from mmpart_core.errors import ConfigError

Family = Literal["stages", "hull", "stock"]
_STAGES = ("reconstruct", "mesh")
_PLACES = (*_STAGES, "stock")
_KINDS = {"reconstruct": "nerfstudio", "mesh": "flexicubes"}
# Said, so that it is the same on a machine with CUDA, where another preset is the default.
_CPU = {"reconstruct": {"preset": "cpu"}}
_GPU = {"reconstruct": {"preset": "gpu", "device": "cuda"},
        "mesh": {"device": "cuda", "texture_size_px": 1024}}  # fmt: skip


class StockOptions(BaseModel):
    """Which of nerfstudio's own models, and how long it is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Literal["nerfacto", "tensorf"] = Field(default="tensorf", description="The model.")
    steps: int = Field(default=300, ge=1, description="Batches, at most.")
    rays: int = Field(default=1024, ge=64, description="Pixels per batch.")
    seconds: float | None = Field(
        default=None, gt=0.0, description="Processor seconds of training, at most."
    )


@dataclass(frozen=True)
class Method:
    """One way from views to a mesh.

    Attributes:
        name: how tables call it.
        family: the project's two stages, or an alternative.
        kinds: back-end of each stage.
        settings: of each stage's back-end, as given; ``stock`` holds ``StockOptions``.
    """

    name: str
    family: Family = "stages"
    kinds: dict[str, str] = field(default_factory=lambda: dict(_KINDS))
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def needs_cuda(self) -> bool:
        """Whether a stage is told to run there."""
        return any(given.get("device") == "cuda" for given in self.settings.values())

    def definition(self) -> str:
        """All that the result depends on: a row of another definition is not this method's."""
        if self.family != "stages":
            return f"{self.family} {json.dumps(self.settings.get('stock', {}), sort_keys=True)}"
        words = [
            f"{backends.backend_version(stage, self.kinds[stage])} "  # pyright: ignore[reportArgumentType]
            + json.dumps(self.settings.get(stage, {}), sort_keys=True)
            for stage in _STAGES
        ]
        return " + ".join(words)

    def check(self) -> None:
        """Refuse what cannot work here, before anything is made.

        Raises:
            ConfigError: an unknown back-end or setting, or a device that is not there.
        """
        if self.family == "stages":
            for stage in _STAGES:
                backends.check_usable(stage, self.kinds[stage], self.settings.get(stage, {}))  # pyright: ignore[reportArgumentType]
        if self.family == "stock":
            self.stock_options()
        if self.needs_cuda:
            check_device(self.name, "cuda")

    def stock_options(self) -> StockOptions:
        """What a stock model is told.

        Raises:
            ConfigError: an unknown option, or a value that does not fit.
        """
        try:
            return StockOptions.model_validate(self.settings.get("stock", {}))
        except ValidationError as error:
            said = "; ".join(f"stock.{place}: {what}" for place, what in
                             backends.faults_of(error, StockOptions))  # fmt: skip
            raise ConfigError(f"--method {self.name}: {said}") from error


NAMED = {
    method.name: method
    for method in (
        Method("ours-cpu", settings=_CPU),
        Method("ours-preview", settings={"reconstruct": {"preset": "preview"}}),
        Method("ours-gpu", settings=_GPU),
        Method("ours-mc", kinds={**_KINDS, "mesh": "marching_cubes"}, settings=_CPU),
        Method("hull", "hull"),
        Method(
            "nerfacto",
            "stock",
            settings={"stock": {"model": "nerfacto", "steps": 160, "rays": 512}},
        ),
        Method("tensorf", "stock", settings={"stock": {"model": "tensorf", "steps": 300}}),
    )
}
DEFAULT = ("ours-cpu", "ours-preview", "hull")


def parse_variant(text: str) -> Method:
    """``NAME:reconstruct.key=value,mesh.key=value`` as a method; ``kind`` names a back-end.

    Values are YAML. What is not given is as in ``ours-cpu``. ``NAME:stock.model=nerfacto,...``
    trains a stock model; see ``StockOptions``.

    Raises:
        ConfigError: not of that form, or a name that is taken.
    """
    name, colon, rest = text.partition(":")
    if not name or not colon or name in NAMED:
        raise ConfigError(
            f"--method {text}: expected NAME:reconstruct.key=value,mesh.key=value with a name of "
            f"its own; {', '.join(NAMED)} are taken"
        )
    kinds = dict(_KINDS)
    settings: dict[str, dict[str, Any]] = {}
    for pair in filter(None, rest.split(",")):
        place, equals, value = pair.partition("=")
        stage, _, key = place.partition(".")
        if not equals or stage not in _PLACES or not key:
            raise ConfigError(
                f"--method {name}: expected reconstruct.key=value or mesh.key=value, got '{pair}'"
            )
        given = yaml.safe_load(value)
        if key == "kind" and stage in _STAGES:
            kinds[stage] = str(given)
        else:
            settings.setdefault(stage, {})[key] = given
    family: Family = "stock" if "stock" in settings else "stages"
    if family == "stock" and len(settings) > 1:
        raise ConfigError(f"--method {name}: a stock model has no settings of reconstruct and mesh")
    if family == "stages" and kinds["reconstruct"] == _KINDS["reconstruct"]:
        settings["reconstruct"] = {**_CPU["reconstruct"], **settings.get("reconstruct", {})}
    return Method(name, family, kinds=kinds, settings=settings)


def chosen_methods(names: Iterable[str], variants: Iterable[str]) -> list[Method]:
    """Named methods and variants, checked.

    Raises:
        ConfigError: unknown names, one name twice, or settings that cannot work here.
    """
    unknown = [name for name in names if name not in NAMED]
    if unknown:
        raise ConfigError(f"--methods {' '.join(unknown)}: expected some of {', '.join(NAMED)}")
    methods = [*(NAMED[name] for name in names), *map(parse_variant, variants)]
    if len({method.name for method in methods}) < len(methods):
        raise ConfigError("--methods, --method: a name stands there twice; give each its own")
    for method in methods:
        method.check()
    return methods
