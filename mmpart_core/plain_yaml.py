"""YAML as plain data, without what makes a small file large."""

from typing import Any

import yaml

from mmpart_core.errors import MMPartError
from mmpart_core.quoting import shortened

# A component list at all its limits (64 polygons of 2000 corners) has about 400,000 values; without
# a limit a file of ten lines that repeats its own parts (an "alias bomb") has billions.
MAX_VALUES = 1_000_000
_ADVICE = "correct that line, put text with colons or quotes in quotes"


def parse_yaml(text: str, name: str, fault: type[MMPartError]) -> Any:
    """Plain data (mappings, lists, text, numbers, dates) of one YAML document.

    Args:
        text: the document.
        name: what it is called in messages, for instance the file's name.
        fault: the error to raise, ``InputError`` or ``ConfigError``.

    Raises:
        MMPartError: of class ``fault``: not YAML, nested too deeply, or more than ``MAX_VALUES``
            values once its aliases are written out; names the line where there is one.
    """
    try:
        return _plain(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        said = shortened(error.problem or error.context or "syntax")
        raise fault(f"{name}{line}: not valid YAML ({said}); {_ADVICE}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # an impossible date or number
        raise fault(f"{name}: not valid YAML ({shortened(str(error))}); {_ADVICE}") from error
    except RecursionError as error:
        raise fault(f"{name}: nested too deeply; is it the right file?") from error


def _plain(text: str) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _written_out(node, {}) > MAX_VALUES:
            raise ValueError(f"more than {MAX_VALUES:,} values once its aliases are written out")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _written_out(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for with its aliases written out.

    Counted on the parsed nodes, before any value is made: merge keys (``<<``) multiply while
    values are made. A node inside itself counts as too many.
    """
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = MAX_VALUES + 1  # stands while the node's own content is counted
        inner: list[Any] = node.value
        pairs = isinstance(node, yaml.MappingNode)
        children = [child for pair in inner for child in pair] if pairs else inner
        known[id(node)] = 1 + sum(_written_out(child, known) for child in children)
    return known[id(node)]
