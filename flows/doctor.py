"""What works on this machine, what is missing, how to get it."""

import datetime
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any, Literal

import numpy as np
from packaging.requirements import Requirement
from rich.console import Console
from rich.text import Text

from flows.cli_prefect import check_server
from flows.doctor_profiles import examine_profile
from flows.inputs import DEFAULT_STORE, STORE_VARIABLE
from flows.profiles import find_config, profile_names
from mmpart_core import backends
from mmpart_core.errors import BackendError, ConfigError, StorageError
from mmpart_core.geometry.cameras import orbit_camera, pixel_rays
from mmpart_core.quoting import first_line
from mmpart_core.storage.opening import open_store

PROJECT = "mmpart"
Status = Literal["works", "absent", "broken"]
KEYS = {
    "OPENAI_API_KEY": "hosted planners and isolators",  # pragma: allowlist secret
    "AWS_ACCESS_KEY_ID": "a store on S3",
    "PREFECT_API_KEY": "Prefect Cloud",  # pragma: allowlist secret
}
SETUP = "install the project again: make setup"


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report.

    Attributes:
        name: what was looked at.
        status: ``absent`` is no fault where it is optional.
        found: what was found.
        advice: how to get it, or what to know; a line each.
        needed: the ``local`` profile cannot run without it.
    """

    name: str
    status: Status
    found: str
    advice: str = ""
    needed: bool = False


def run_checks(store: str | None) -> list[Check]:
    """All checks, in the order they are shown.

    Args:
        store: the store to probe; as for the other commands when None.
    """
    checks = [check_python(), *map(check_package, required_packages())]
    checks += [check_torch(), check_kaolin()]
    checks += [
        attempt("nerfstudio trainer", import_nerfstudio, SETUP),
        attempt("embree ray casting", trace_triangle, SETUP),
        attempt("xatlas unwrapping", unwrap_triangle, SETUP),
        check_store(store or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE),
        check_prefect(),
    ]
    checks += [check_key(name, use) for name, use in KEYS.items()]
    return checks + [check_profile(name) for name in profile_names()]


def print_checks(console: Console, checks: Sequence[Check]) -> int:
    """Print a line per check; 1 when something is broken that the ``local`` profile needs, else 0.

    Nothing is cut: addresses and messages are as long as they are, and can be copied.
    """
    colours = {"works": "green", "absent": "yellow", "broken": "red"}
    width = max((len(check.name) for check in checks), default=0)
    for check in checks:
        line = Text(f"{check.status:<6}", style=colours[check.status])
        line.append(f"  {check.name:<{width}}  {check.found}", style="default")
        console.print(line, soft_wrap=True)
        for advice in check.advice.splitlines():
            console.print(Text(f"{'':<{width + 8}}  {advice}", style="dim"), soft_wrap=True)
    broken = [check.name for check in checks if check.needed and check.status != "works"]
    if broken:
        console.print(Text(f"The local profile cannot run here: {', '.join(broken)}."))
    else:
        console.print(Text("The local profile can run here."))
    return 1 if broken else 0


def attempt(name: str, look: Callable[[], str], advice: str) -> Check:
    """A check that does a small piece of real work."""
    try:
        return Check(name, "works", look(), needed=True)
    except (ImportError, OSError, RuntimeError, ValueError, AttributeError, BackendError) as error:
        found = f"{type(error).__name__}: {first_line(error)}"
        return Check(name, "broken", found, advice, needed=True)


def check_python() -> Check:
    """Python's version."""
    found = sys.version.split()[0]
    if sys.version_info[:2] == (3, 11):
        return Check("python", "works", found, needed=True)
    return Check(
        "python", "broken", found, "use Python 3.11: make setup PYTHON=python3.11", needed=True
    )


def required_packages() -> list[Requirement]:
    """What this installation says it needs, by name; not what only developers need."""
    listed = map(Requirement, requires(PROJECT) or ())
    wanted = [each for each in listed if each.marker is None or each.marker.evaluate()]
    return sorted(wanted, key=lambda each: each.name)


def check_package(wanted: Requirement) -> Check:
    """Whether a package is installed, in a version that will do."""
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return Check(wanted.name, "broken", "not installed", SETUP, needed=True)
    if wanted.specifier.contains(found, prereleases=True):
        return Check(wanted.name, "works", found, needed=True)
    return Check(wanted.name, "broken", f"{found}, {wanted.specifier} expected", SETUP, needed=True)


def check_torch() -> Check:
    """Whether torch sees a GPU."""
    try:
        torch: Any = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        return Check("torch device", "broken", str(error), SETUP, needed=True)
    if torch.cuda.is_available():
        return Check("torch device", "works", f"CUDA: {torch.cuda.get_device_name(0)}")
    advice = "optional: a CUDA build of torch and a GPU make training many times faster"
    return Check("torch device", "absent", f"CPU, {torch.get_num_threads()} threads", advice)


def check_kaolin() -> Check:
    """Whether kaolin is the real one: the name on PyPI holds a placeholder."""
    advice = (
        "optional: NVIDIA's wheels, see "
        "https://kaolin.readthedocs.io/en/latest/notes/installation.html ; "
        "mesh.kind=flexicubes needs none"
    )
    if importlib.util.find_spec("kaolin") is None:
        return Check("kaolin", "absent", "not installed", advice)
    try:
        importlib.import_module("kaolin.ops.conversions")
        found = version("kaolin")
    except (ImportError, OSError, PackageNotFoundError) as error:
        return Check("kaolin", "absent", f"a placeholder or broken ({error})", advice)
    return Check("kaolin", "works", found)


def import_nerfstudio() -> str:
    """Open the reconstruct back-end of the ``local`` profile."""
    choice = find_config("local").choice("reconstruct")
    backends.open_backend("reconstruct", choice.kind, choice.settings)
    return f"{choice.kind} opens"


def trace_triangle() -> str:
    """Cast one ray at one triangle with embree."""
    trimesh: Any = importlib.import_module("trimesh")
    embree: Any = importlib.import_module("trimesh.ray.ray_pyembree")
    corners = np.array([[0.0, -1.0, -1.0], [0.0, 1.0, -1.0], [0.0, 0.0, 1.0]])
    mesh = trimesh.Trimesh(corners, np.array([[0, 1, 2]]), process=False)
    camera = orbit_camera(0.0, 0.0, 30.0, 64)
    origins, directions = pixel_rays(camera, np.array([32.0]), np.array([32.0]))
    hit = embree.RayMeshIntersector(mesh).intersects_any(origins, directions)
    if not bool(hit[0]):
        raise RuntimeError("a ray through the middle of a triangle missed it")
    return "a ray hits a triangle"


def unwrap_triangle() -> str:
    """Unwrap one triangle with xatlas."""
    xatlas: Any = importlib.import_module("xatlas")
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=np.float32)
    _, faces, uv = xatlas.parametrize(corners, np.array([[0, 1, 2]], dtype=np.uint32))
    if faces.shape != (1, 3) or not np.isfinite(uv).all():
        raise RuntimeError(f"expected one face with texture coordinates, got {faces.shape}")
    return "a triangle is unwrapped"


def check_store(url: str) -> Check:
    """Write, read and delete in the store."""
    try:
        store = open_store(url)
        store.probe()
    except StorageError as error:
        advice = f"choose another with --store or {STORE_VARIABLE}"
        return Check("store", "broken", str(error), advice, needed=True)
    return Check("store", "works", f"{store.url}: written, read, deleted", needed=True)


def check_prefect() -> Check:
    """Reach the Prefect server, or start one as a run would."""
    try:
        return Check("Prefect server", "works", check_server(), needed=True)
    except ConfigError as error:
        return Check("Prefect server", "broken", str(error), "see there", needed=True)


def check_key(name: str, use: str) -> Check:
    """Whether a key is set; its value is not looked at."""
    if os.environ.get(name):
        return Check(name, "works", "set")
    return Check(name, "absent", "not set", f"optional: for {use}")


def check_profile(name: str) -> Check:
    """Whether a profile can run here, and what to know of its models."""
    needed = name == "local"
    try:
        report = examine_profile(name, datetime.datetime.now(datetime.UTC).date())
    except ConfigError as error:
        return Check(f"profile {name}", "broken", str(error), SETUP, needed=needed)
    status = "works" if not report.missing else "broken" if needed else "absent"
    advice = "\n".join((*(f"missing: {each}" for each in report.missing), *report.notes))
    return Check(f"profile {name}", status, report.kinds, advice, needed=needed)
