"""What the pages say of settings, messages, back-ends and code is so."""

import ast
import importlib
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmpart_core import backends, errors
from mmpart_core.errors import ConfigError
from mmpart_core.geometry.cameras import orbit_camera
from mmpart_core.plain_yaml import parse_yaml
from mmpart_core.records import ImageRef, PartPrompt, Region

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
OURS = ("studio", "flows", "tasks", "mmpart_core", "evaluation")
SETTING = re.compile(
    rf"(?<=[`\s])(?P<stage>{'|'.join(backends.STAGES)})\.(?P<name>[a-z_]+)=(?P<value>[^`\s]*)"
)
BARE = re.compile(rf"`({'|'.join(backends.STAGES)})\.([a-z][a-z_]+)`")
SUFFIXES = ("py", "md", "json")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@cache
def settings_of(stage: Any) -> dict[str, set[str]]:
    """Setting -> the kinds of the stage that have it."""
    found: dict[str, set[str]] = {}
    for kind in backends.available_kinds(stage):
        for name in backends.find_module(stage, kind).Settings.model_fields:
            found.setdefault(name, set()).add(kind)
    return found


def takes(stage: Any, name: str, value: Any) -> bool:
    for kind in settings_of(stage)[name]:
        try:
            backends.check_settings(stage, kind, {name: value})
        except ConfigError:
            continue
        return True
    return False


@pytest.mark.parametrize("page", NAMES)
@pytest.mark.usefixtures("documented_backend")
def test_settings_exist_and_take_the_value(page: str) -> None:
    for found in SETTING.finditer(text_of(page)):
        stage, name, value = (
            found["stage"],
            found["name"],
            re.sub(r"^[\"']+|[\"').,;:|]+$", "", found["value"]),
        )
        if name == "kind":
            kinds = backends.available_kinds(stage)  # pyright: ignore[reportArgumentType]
            assert value in (*kinds, "", "name"), found[0]
            continue
        known = settings_of(stage)
        assert name in known or name == "keep_background", f"{found[0]}: {sorted(known)}"
        if (
            name in known
            and value
            and "..." not in value
            and not re.search(r"[<…]|[A-Z]{4}", value)
        ):
            assert takes(stage, name, parse_yaml(value, found[0], ConfigError)), found[0]


@pytest.mark.parametrize("page", NAMES)
def test_settings_that_are_only_named_exist(page: str) -> None:
    for stage, name in BARE.findall(text_of(page)):
        if name not in (*SUFFIXES, "kind"):
            module = ROOT / "mmpart_core" / stage / f"{name}.py"
            assert name in settings_of(stage) or module.exists(), f"{stage}.{name}"


@cache
def said_by_the_code() -> str:
    """Every text in the code, with adjoining pieces joined and what differs left out."""
    texts: list[str] = []
    for package in OURS:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    pieces = [v.value if isinstance(v, ast.Constant) else "\0" for v in node.values]
                    texts.append("".join(map(str, pieces)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    texts += [(ROOT / "Makefile").read_text(encoding="utf-8")]
    return "\n".join(texts)


def messages() -> list[str]:
    page = text_of("docs/troubleshooting.md")
    return re.findall(r"^\| `([^`]+)`", page, re.M)


@pytest.mark.parametrize("message", messages())
def test_the_message_is_one_of_ours(message: str) -> None:
    if hasattr(errors, message):
        return
    if message.startswith("operator torchvision"):
        pytest.skip("torchvision's own message")
    pieces = [piece.strip() for piece in message.split("…") if len(piece.strip()) > 3]
    assert pieces
    code = said_by_the_code()
    assert [piece for piece in pieces if piece not in code] == []


def test_messages_are_looked_up() -> None:
    assert len(messages()) > 30
    assert "no such words anywhere" + " in the code" not in said_by_the_code()


def prompt(box: tuple[float, float, float, float] | None) -> PartPrompt:
    region = None if box is None else Region(kind="box", box=box)
    return PartPrompt(
        component="hat",
        prompt="only the hat",
        index=0,
        regions=(region,),
        counts=(1,),
        foreground=ImageRef(sha256="0" * 64, media="image/png", size=1, width=60, height=40),
        camera=orbit_camera(0.0, 0.0, 30.0, 64),
    )


def test_the_back_end_of_the_how_to_works(documented_backend: str) -> None:
    protocol = importlib.import_module("mmpart_core.isolate.protocol")
    module = backends.find_module("isolate", documented_backend)
    backend = module.BACKEND(module.Settings())
    assert isinstance(backend, protocol.ImageEditor)
    assert all(field.description for field in module.Settings.model_fields.values())
    source = np.full((40, 60, 4), 200, np.uint8)
    foreground = np.zeros((40, 60), dtype=bool)
    foreground[10:, :] = True
    task = protocol.IsolationTask(source, foreground, prompt(box=(0.0, 0.0, 0.5, 0.5)))
    made = backend.isolate(task, seed=0)
    box = np.zeros_like(foreground)
    box[:21, :31] = True  # outlines are drawn with their borders
    assert (made.visible == (box & foreground)).all()
    assert ((made.rgba[..., 3] > 0) == made.visible).all()
    with pytest.raises(errors.BackendError, match="give it a region"):
        backend.isolate(protocol.IsolationTask(source, foreground, prompt(box=None)), seed=0)


@pytest.mark.parametrize("page", NAMES)
def test_python_on_the_pages_imports(page: str) -> None:
    for code in re.findall(r"^```python[^\n]*\n(.*?)^```$", text_of(page), re.M | re.S):
        if code.startswith(">>>"):
            continue
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
                module = importlib.import_module(node.module or "")
                for name in node.names:
                    inner = f"{node.module}.{name.name}"
                    assert hasattr(module, name.name) or find_spec(inner), inner
