"""Finding and opening back-ends, built in and from other packages."""

from typing import Any

import pytest

from mmpart_core import backends
from mmpart_core.errors import ConfigError, UnknownBackendError


def test_built_in_kinds_are_the_files() -> None:
    assert "template" in backends.available_kinds("plan")
    assert "flexicubes" in backends.available_kinds("mesh")


def test_another_package_adds_a_kind(journal: Any) -> None:
    assert "counting" in backends.available_kinds("mesh")
    assert backends.backend_version("mesh", "counting") == "counting/1"
    opened = backends.open_backend("mesh", "counting", {"level": 0.01})
    assert opened is backends.open_backend("mesh", "counting", {"level": 0.01})
    assert opened is not backends.open_backend("mesh", "counting", {"level": 0.02})


@pytest.mark.parametrize("kind", ["clay", "", "../mesh", "a.b", "__init__"])
def test_unknown_kind_names_those_that_exist(kind: str) -> None:
    with pytest.raises(UnknownBackendError, match=r"expected one of .*flexicubes"):
        backends.find_module("mesh", kind)


def test_unknown_setting_names_the_known_ones(journal: Any) -> None:
    with pytest.raises(ConfigError, match=r"mesh\.depth: .*settings of mesh 'counting': level"):
        backends.check_settings("mesh", "counting", {"depth": 3})


def test_unfitting_setting_is_named(journal: Any) -> None:
    with pytest.raises(ConfigError, match=r"mesh\.level: -0\.1 to 0\.1 expected, got 3"):
        backends.check_settings("mesh", "counting", {"level": 3})
