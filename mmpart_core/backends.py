"""Finds a back-end by file name, checks its settings, opens it once per process.

A back-end is one module: ``mmpart_core/<stage>/backends/<kind>.py`` or whatever the entry-point
group ``mmpart.<stage>`` of an installed package names ``<kind>``. It holds ``Settings`` (a frozen
pydantic model) and ``BACKEND`` (a class with ``VERSION``, built from Settings). Loading heavy
packages is left to ``open()``, which is called once before the first use.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import pkgutil
import sys
import threading
from functools import lru_cache
from types import ModuleType
from typing import Any, ClassVar, Protocol, get_args, runtime_checkable

from pydantic import BaseModel, ConfigDict, ValidationError

from mmpart_core.devices import check_device
from mmpart_core.errors import ConfigError, MissingDependencyError, UnknownBackendError
from mmpart_core.quoting import MAX_ITEMS, quoted, shortened
from mmpart_core.records import StageName
from mmpart_core.settings_words import UNKNOWN, fault_in_words

STAGES: tuple[StageName, ...] = get_args(StageName)


class BackendSettings(BaseModel):
    """Base of every back-end's ``Settings``: frozen, unknown keys refused.

    ``EXCLUDED_FROM_KEY`` names the fields that do not affect the output, each with its reason;
    all others enter the cache key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {}

    def key_settings(self) -> dict[str, Any]:
        """The settings that enter the cache key, JSON-safe."""
        return self.model_dump(mode="json", exclude=set(self.EXCLUDED_FROM_KEY))

    def check_machine(self, stage: str) -> None:
        """Refuse settings that cannot be used on this machine; a field ``device`` names a device.

        Args:
            stage: for messages.

        Raises:
            ConfigError: the device is not there.
            MissingDependencyError: torch does not import, and is needed to tell.
        """
        device = getattr(self, "device", None)
        if isinstance(device, str):
            check_device(f"{stage}.device", device)


@runtime_checkable
class Backend(Protocol):
    """What every stage's back-end has; the stage's own protocol adds the work.

    ``VERSION`` is bumped when equal inputs may now give another output. The constructor takes the
    module's ``Settings`` and does nothing expensive.
    """

    VERSION: ClassVar[str]

    def open(self) -> None:
        """Load what the work needs (torch, weights, clients). Called once per process.

        Raises:
            MissingDependencyError: a package is not installed; says how to get it.
            ConfigError: it cannot be used here. Either stops the run: no other part would fare
                better.
        """
        ...


_open_lock = threading.RLock()
_opened: dict[tuple[str, str, str], Any] = {}


def available_kinds(stage: StageName) -> tuple[str, ...]:
    """The kinds that exist for a stage, built-in first, then those of other packages."""
    package = importlib.import_module(f"mmpart_core.{stage}.backends")
    built_in = [module.name for module in pkgutil.iter_modules(package.__path__)]
    external = [*_external(f"mmpart.{stage}", tuple(sys.path))]
    return tuple(dict.fromkeys([*sorted(built_in), *sorted(external)]))


@lru_cache(maxsize=64)
def _external(group: str, _path: tuple[str, ...]) -> dict[str, Any]:
    """What other packages provide, by name; the first on the path counts.

    Looked for once for each search path: the metadata of all installed packages are read for it,
    which takes some ten milliseconds, and it is asked for several times per piece of work.
    """
    found: dict[str, Any] = {}
    for entry in importlib.metadata.entry_points(group=group):
        found.setdefault(entry.name, entry)
    return found


def find_module(stage: StageName, kind: str) -> ModuleType:
    """The module of one back-end.

    Raises:
        UnknownBackendError: nothing provides that kind.
    """
    name = f"mmpart_core.{stage}.backends.{kind}"
    public = kind.isidentifier() and not kind.startswith("_")
    # looked for on disk once: it is asked for several times per piece of work
    if public and (name in sys.modules or importlib.util.find_spec(name) is not None):
        return importlib.import_module(name)
    entry = _external(f"mmpart.{stage}", tuple(sys.path)).get(kind)
    if entry is not None:
        return entry.load()
    raise UnknownBackendError(
        f"{stage}.kind: no back-end {quoted(kind)}; expected one of "
        f"{', '.join(available_kinds(stage))}"
    )


def check_settings(stage: StageName, kind: str, settings: dict[str, Any]) -> BackendSettings:
    """Settings of a back-end, checked and filled with defaults.

    Raises:
        UnknownBackendError: nothing provides that kind.
        ConfigError: an unknown setting or a value that does not fit, named.
    """
    module = find_module(stage, kind)
    try:
        return module.Settings.model_validate(settings)
    except ValidationError as error:
        found = faults_of(error, module.Settings)
        faults = "; ".join(f"{stage}.{place}: {said}" for place, said in found)
        unknown = any(fault["type"] == UNKNOWN for fault in error.errors(include_url=False))
        known = ", ".join(module.Settings.model_fields) or "none"
        listed = f" (settings of {stage} '{kind}': {known})" if unknown else ""
        raise ConfigError(f"{faults}{listed}") from error


def faults_of(
    error: ValidationError, model: type[BaseModel] | None = None
) -> list[tuple[str, str]]:
    """The first faults of a validation error: where, and what; both short, whatever came.

    Args:
        error: what pydantic raised.
        model: what was validated; see ``fault_in_words``.
    """
    return [
        (shortened(".".join(map(str, fault["loc"])) or "value"), fault_in_words(fault, model))
        for fault in error.errors(include_url=False)[:MAX_ITEMS]
    ]


def backend_version(stage: StageName, kind: str) -> str:
    """``<kind>/<VERSION>``, for records and keys; does not open the back-end."""
    return f"{kind}/{find_module(stage, kind).BACKEND.VERSION}"


def check_usable(stage: StageName, kind: str, settings: dict[str, Any]) -> None:
    """Refuse a back-end that cannot work in this process, without opening it.

    A module may name its packages in ``REQUIRES``, and in ``HOW_TO_GET`` what to do without them;
    they are looked for, not imported. See ``BackendSettings.check_machine`` for the device; torch
    is imported only for one that not every machine has.

    Raises:
        UnknownBackendError, ConfigError: as ``check_settings``.
        MissingDependencyError: a package is not installed; says how to get it.
        ConfigError: the device is not there.
    """
    check_installed(stage, kind)
    check_settings(stage, kind, settings).check_machine(stage)


def check_installed(stage: StageName, kind: str) -> None:
    """Refuse a back-end whose packages are not installed; see ``check_usable``.

    Raises:
        UnknownBackendError: nothing provides that kind.
        MissingDependencyError: a package is not installed; says how to get it.
    """
    module = find_module(stage, kind)
    for name in getattr(module, "REQUIRES", ()):
        try:
            found = importlib.util.find_spec(name) is not None
        except ImportError:
            found = False
        if not found:
            raise MissingDependencyError(
                f"{stage}.kind '{kind}': needs {name}, which is not installed; {module.HOW_TO_GET}"
            )


def describe(backend: Backend) -> str:
    """``<kind>/<VERSION>`` of a back-end instance, as ``backend_version`` gives it."""
    return f"{type(backend).__module__.rsplit('.', 1)[-1]}/{backend.VERSION}"


def open_backend(stage: StageName, kind: str, settings: dict[str, Any]) -> Any:
    """The opened back-end, one per process, settings, and content of files that settings name.

    Raises:
        UnknownBackendError, ConfigError: as ``check_settings``.
        MissingDependencyError, ConfigError: it cannot be used here.
    """
    checked = check_settings(stage, kind, settings)
    given = [checked.model_dump(mode="json"), checked.key_settings()]
    identity = (stage, kind, json.dumps(given, sort_keys=True))
    with _open_lock:
        if identity not in _opened:
            instance = find_module(stage, kind).BACKEND(checked)
            instance.open()
            _opened[identity] = instance
        return _opened[identity]
