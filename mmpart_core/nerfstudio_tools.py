"""Starts nerfstudio's own commands where torchvision does not match torch.

nerfstudio's commands import torchvision before anything of ours is loaded. Beside a CPU-only torch
the torchvision of the package index then fails (``torchvision_compat``), so
``mmpart-ns ns-train ...`` declares the missing operators and goes on as ``ns-train ...`` does.
Where ``ns-train`` itself starts, nothing speaks against using it.
"""

import pkgutil
import sys
from importlib.metadata import distribution

from mmpart_core import torchvision_compat
from mmpart_core.errors import ConfigError

_PACKAGE = "nerfstudio"


def find_command(name: str) -> str:
    """What a command of nerfstudio's calls, as ``module:function``.

    Args:
        name: such as ``ns-train``.

    Raises:
        ConfigError: it has no such command.
    """
    commands = {
        entry.name: entry.value
        for entry in distribution(_PACKAGE).entry_points
        if entry.group == "console_scripts"
    }
    if name not in commands:
        raise ConfigError(
            f"mmpart-ns {name}: expected a command of nerfstudio ({', '.join(sorted(commands))}) "
            "and its arguments, such as: mmpart-ns ns-train mmpart-part --data views"
        )
    return commands[name]


def main() -> None:
    """Entry point of ``mmpart-ns``."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        command = find_command(name)
    except ConfigError as error:
        sys.exit(str(error))
    torchvision_compat.declare_missing_operators()
    sys.argv = sys.argv[1:]
    sys.exit(pkgutil.resolve_name(command)())


if __name__ == "__main__":
    main()
