"""Running a Python file that a user names, and telling what goes wrong in it in one line."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import ExecutionLoader
from importlib.util import decode_source, module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

from tabletop.errors import TabletopError, unknown

__all__ = ["defined", "run_file", "telling"]


class _Source(ExecutionLoader):
    """Loads a module from what was read of its file already, and leaves nothing beside it."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path, self._content = path, content

    def get_filename(self, fullname: str) -> str:
        return str(self._path)

    def get_source(self, fullname: str) -> str:
        return decode_source(self._content)


def run_file(path: Path, content: bytes) -> ModuleType:
    """Run a file as a module of a name of its own. What lies beside it can be imported, as where Python runs it.

    Args:
        path: absolute, of the file.
        content: what was read of it.

    Raises:
        Exception: whatever the file raises.
    """
    digest = hashlib.sha256(str(path).encode() + content).hexdigest()
    name = f"policy_file_{path.stem}_{digest[:12]}"
    loader = _Source(path, content)
    spec = spec_from_loader(name, loader)
    if spec is None:
        raise TabletopError("the file cannot be loaded as Python")
    module = module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[name] = module  # dataclasses look their module up
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def defined(module: ModuleType, name: str) -> Any:
    """Return what stands under a name in a module.

    Raises:
        TabletopError: nothing does; the line lists what the module defines itself.
    """
    if not name.startswith("__") and hasattr(module, name):
        return getattr(module, name)
    own = [n for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__]
    raise unknown("policy", name, (n for n in own if not n.startswith("_")))


@contextmanager
def telling(path: str) -> Iterator[None]:
    """Turn whatever is raised inside into a TabletopError of one line: file, line number, type and message.

    Args:
        path: absolute, of the file whose code is run.
    """
    try:
        yield
    except TabletopError as error:
        raise TabletopError(f"{_where(error, path)}: {error}") from error
    except SyntaxError as error:
        line = f":{error.lineno}" if error.lineno else ""
        raise TabletopError(f"{_shown(error.filename or path)}{line}: {type(error).__name__}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise TabletopError(f"{_where(error, path)}: {what.removesuffix(':')}") from error


def _where(error: BaseException, path: str) -> str:
    """Return the last line of the user's file that led to an error, and in brackets where else it arose."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename[:1] != "<"]
    own = [f.lineno for f in frames if f.filename == path]
    where = f"{_shown(path)}:{own[-1]}" if own else _shown(path)
    if frames[-1].filename == path or isinstance(error, TabletopError):
        return where
    return f"{where} (in {Path(frames[-1].filename).name}:{frames[-1].lineno})"


def _shown(path: str) -> str:
    """Return a path as seen from the current folder, where it lies below that."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path
