"""A matting model of the package rembg, for opaque pictures.

Named explicitly, always: the package's own default is a model that may not be used commercially.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mmpart_core.errors import ConfigError, MissingDependencyError, TransientBackendError
from mmpart_core.isolate.editor_settings import EditorSettings

# Licences of the weights, as their makers state them (2026-11).
LICENCES = {
    "birefnet-general": "MIT",
    "isnet-general-use": "Apache-2.0",
    "u2net": "Apache-2.0",
    "u2net_custom": "of the file that isolate.matting_path names",
    "dis_custom": "of the file that isolate.matting_path names",
}


class MattingSession:
    """One loaded model; see ``background_removal.Matting``.

    Args:
        session: of the package.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        # The package stretches what the network says to 0 .. 1, also where that is all the same,
        # and makes its masks in a way that Pillow gives up. For good: what is undone here would be
        # undone in other threads too.
        for category in (RuntimeWarning, DeprecationWarning):
            warnings.filterwarnings("ignore", category=category, module=r"rembg")

    def alpha(self, rgb: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W"]:
        """Alpha of the picture's subject; zero where the model sees none."""
        from PIL import Image

        masks = self._session.predict(Image.fromarray(rgb))
        return np.max([np.asarray(mask.convert("L")) for mask in masks], axis=0)


def open_matting(settings: EditorSettings) -> MattingSession | None:
    """Load the matting model of the settings; None where they name none.

    Its weights are fetched where they are not on this machine.

    Raises:
        ConfigError: a custom model without a file that can be loaded, or 'model' asked for without
            a name.
        MissingDependencyError: rembg or its runtime is not installed.
        TransientBackendError: the weights cannot be fetched.
    """
    name = settings.matting_model
    if not name:
        if settings.removal == "model":
            raise ConfigError(
                "isolate.removal 'model': isolate.matting_model must name a model, it is empty; "
                f"set it to one of {', '.join(LICENCES)}"
            )
        return None
    custom = name.endswith("_custom")
    if custom and not Path(settings.matting_path).expanduser().is_file():
        raise ConfigError(
            f"isolate.matting_model '{name}': isolate.matting_path must name its ONNX file, "
            f"'{settings.matting_path}' is none; give the file, or choose another model"
        )
    _check_installed(name)
    if custom:
        return MattingSession(_of_file(name, str(Path(settings.matting_path).expanduser())))
    return MattingSession(_fetched(name))


def _check_installed(name: str) -> None:
    try:
        # The runtime first: without it the package ends the process when it is imported.
        import onnxruntime  # noqa: F401  # pyright: ignore[reportMissingImports,reportUnusedImport]
        import rembg  # noqa: F401  # pyright: ignore[reportMissingImports,reportUnusedImport]
    except ImportError as error:
        raise MissingDependencyError(
            f"isolate.matting_model '{name}': needs rembg and onnxruntime, which do not import "
            f"({error}); install the extra: pip install 'mmpart[matting]'"
        ) from error


def _fetched(name: str) -> Any:
    from rembg import new_session  # pyright: ignore[reportMissingImports]

    made: Callable[[str], Any] = new_session
    try:
        return made(name)
    except (OSError, ValueError) as error:  # ValueError: what came has another digest
        raise TransientBackendError(
            f"isolate.matting_model '{name}': its weights cannot be fetched ({error}); run again "
            "when the network answers, or put the file where the package looks for it (~/.rembg)"
        ) from error


def _of_file(name: str, path: str) -> Any:
    """A session on a file wherever it lies; the package takes files of its own folder only."""
    import onnxruntime  # pyright: ignore[reportMissingImports]
    from rembg.sessions import sessions_class  # pyright: ignore[reportMissingImports]

    known: Any = next(each for each in sessions_class if each.name() == name)

    def its_path(*_: Any, **__: Any) -> str:
        return path

    anywhere = type("SessionOfFile", (known,), {"download_models": its_path})
    states: Any = onnxruntime.capi.onnxruntime_pybind11_state
    faults = (states.InvalidProtobuf, states.InvalidGraph, states.Fail, states.NotImplemented)
    try:
        return anywhere(name, onnxruntime.SessionOptions(), model_path=path)
    except faults as error:
        raise ConfigError(
            f"isolate.matting_path '{path}': an ONNX model expected, it cannot be loaded "
            f"({error}); give the file of a network like {name.removesuffix('_custom')}"
        ) from error
