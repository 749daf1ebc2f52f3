"""Where an image is seen from, as the command line says it."""

import math

from pydantic import ValidationError

from mmpart_core.backends import faults_of
from mmpart_core.errors import ConfigError
from mmpart_core.quoting import quoted, shortened
from mmpart_core.records import InputView

CAMERA_FIELDS = {"azimuth": "azimuth_deg", "elevation": "elevation_deg", "fov": "fov_deg"}
_EXAMPLE = "write azimuth=30,elevation=20,fov=30"


def parse_camera(text: str | None, default: InputView) -> InputView:
    """``azimuth=30,elevation=20,fov=30`` (degrees, each optional) -> the input view.

    Args:
        text: as given; None for the default view.
        default: what is not said: ``TRUTH_VIEW`` of a known scene, ``InputView()`` of a photograph.

    Raises:
        ConfigError: another name, one said twice, no number, or a number out of range.
    """
    values: dict[str, float] = {}
    for item in text.split(",") if text is not None else ():
        name, _, number = (piece.strip() for piece in item.partition("="))
        value = _degrees(number)
        if name not in CAMERA_FIELDS or value is None:
            raise ConfigError(
                f"--camera {quoted(text)}: {quoted(item.strip())} is not <name>=<degrees> with one "
                f"of {', '.join(CAMERA_FIELDS)}; {_EXAMPLE}"
            )
        if CAMERA_FIELDS[name] in values:
            raise ConfigError(f"--camera {quoted(text)}: {name} is there twice; {_EXAMPLE}")
        values[CAMERA_FIELDS[name]] = value
    known = {
        "elevation_known": default.elevation_known or "elevation_deg" in values,
        "fov_known": default.fov_known or "fov_deg" in values,
    }
    try:
        return InputView.model_validate({**default.model_dump(), **values, **known})
    except ValidationError as error:
        names = {field: name for name, field in CAMERA_FIELDS.items()}
        said = [
            f"{names.get(place, place)}: {fault}" for place, fault in faults_of(error, InputView)
        ]
        raise ConfigError(f"--camera '{shortened(text or '')}': {'; '.join(said)}") from error


def _degrees(text: str) -> float | None:
    """A finite number, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
