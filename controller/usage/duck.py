"""The door to DuckDB, which the extra `data` brings: bounded in memory, in threads and in what it may reach."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from controller.errors import PermanentFailure, TransientFailure

if TYPE_CHECKING:
    import duckdb

ADVICE = "Install it: pip install 'daylily-reconcile[data]'"


class Duck:
    """A database in memory that reads files. Raises Failure for what DuckDB cannot do."""

    def __init__(
        self, connection: "duckdb.DuckDBPyConnection", errors: tuple[type[Exception], type[Exception]]
    ) -> None:
        self._connection, (self._broken, self._any) = connection, errors

    def ask(self, sql: str, about: str) -> list[tuple[Any, ...]]:
        """All rows of the answer. `about` names in errors what was read."""
        try:
            return self._connection.execute(sql).fetchall()
        except self._broken as error:
            raise _half_written(error, about) from error
        except self._any as error:
            raise PermanentFailure(
                f"{about}: {_first_line(error)}",
                code=type(error).__name__,
                resource=about,
                advice="Is the export as AWS delivered it? See docs/data-exports.md",
            ) from error


@contextmanager
def opened(memory_mb: int, threads: int) -> Iterator[Duck]:
    """A database that goes on in temporary files beyond `memory_mb`. Nothing is downloaded: no extension, no file."""
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise PermanentFailure("DuckDB is not installed.", code="MissingExtra", advice=ADVICE) from error
    with TemporaryDirectory(prefix="daylily-duck-") as folder:
        config: dict[str, Any] = {
            "memory_limit": f"{memory_mb}MiB",
            "threads": threads,
            "temp_directory": folder,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
        }
        with duckdb.connect(":memory:", config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield Duck(connection, (duckdb.InvalidInputException, duckdb.Error))


def paths(files: list[Path] | tuple[Path, ...]) -> str:
    """The files as a list of SQL."""
    return "[" + ", ".join("'" + str(one).replace("'", "''") + "'" for one in files) + "]"


def _half_written(error: Exception, about: str) -> TransientFailure:
    return TransientFailure(
        f"{about}: a file is not whole: {_first_line(error)}",
        code="IncompleteDelivery",
        resource=about,
        advice="AWS may still be writing it: the next run reads it again. If it stays so, refresh the export.",
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
