"""How the loops are compiled."""

import inspect
from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function for the CPU, once per machine: the result is kept beside its source.

    It is made again when that file changes, and only then: what a function calls stands in the
    same file.

    Sums may be reordered (``fastmath``), as no result depends on infinities or NaN; the interpreter
    lock is released, so that parts train side by side.

    Args:
        function: on numbers and contiguous arrays. Annotations are not enforced in it.
    """
    compiler: Any = numba.njit(
        cache=True, nogil=True, fastmath=True, error_model="numpy", boundscheck=False
    )
    return compiler(inspect.unwrap(function))
