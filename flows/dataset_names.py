"""Names of a data set's objects: each once, and what was changed in ids to get them."""

from flows.dataset_items import given_id
from flows.dataset_manifest import ManifestRow
from mmpart_core.errors import InputError
from mmpart_core.quoting import quoted


class NamesTaken:
    """The names that rows took, in the order of the manifest."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._of_invalid: set[str] = set()
        self._changed = 0
        self._first_changed = ""

    def take(self, row: ManifestRow, name: str) -> InputError | None:
        """A row takes the name of its object; the fault where a row before it has that already.

        Args:
            row: of the manifest.
            name: file-safe; those that differ in case only are one, as file systems may have it.
        """
        given = given_id(row)
        is_changed = given is not None and given.strip() != name
        first = self._rows.setdefault(name.casefold(), row.number)
        if first != row.number:
            whose = f", which id {quoted(given)} becomes," if is_changed else ""
            return InputError(
                f"{row.where}: the name '{name}'{whose} is taken by row {first}; give each row an "
                "'id' of its own (in a folder: rename the file)"
            )
        if is_changed:
            self._changed += 1
            self._first_changed = self._first_changed or f"{row.where}: {quoted(given)} is '{name}'"
        return None

    def name_invalid(self, row: ManifestRow, name: str) -> str:
        """What a row that makes no object is called: never as one before it, whose outcome stands.

        Args:
            row: of the manifest.
            name: what its object would be called.
        """
        folded = name.casefold()
        if folded in self._rows or folded in self._of_invalid:
            return f"row-{row.number}"
        self._of_invalid.add(folded)
        return name

    def changed_in_words(self) -> str:
        """How many ids are not their objects' names, with the first; empty where all are."""
        if not self._changed:
            return ""
        count = "1 id is" if self._changed == 1 else f"{self._changed:,} ids are"
        return (
            f"{count} changed to name a folder: letters, digits, underscores and dashes are kept "
            f"({self._first_changed}); the column 'id' of the outcomes has them as written"
        )
