"""A disk that is full half way through a file."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

from tabletop.api.folder import run_folder
from tabletop.demos import write as module
from tabletop.discovery.checkpoint import keep
from tabletop.files import write_whole, writing, writing_folder
from tabletop.learn import tensors
from tabletop.paths import POLICIES

Command = Callable[..., Any]
KNOWN = ("discover.json", "name.json", "metrics.jsonl", "summary.json")


def fill_at(monkeypatch: pytest.MonkeyPatch, file: int) -> None:
    """Let the disk be full half way through a file, by its number among those that are written."""
    whole, count = Path.write_bytes, [0]

    def write(path: Path, data: Any) -> int:
        count[0] += 1
        if count[0] <= file:
            return whole(path, data)
        whole(path, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def save(*_: object) -> None:
        raise SafetensorError("I/O error: No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)
    monkeypatch.setattr(tensors, "save_file", save)


def there(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("file", range(3))
def test_a_copied_run_is_whole_or_nothing_and_goes_on_when_there_is_room(
    command: Command, here: Path, no_work: None, file: int
) -> None:
    source = POLICIES / "discovered" / "default"
    known = {name: (source / name).read_bytes() for name in KNOWN if (source / name).is_file()}
    assert len(known) >= 2
    with pytest.MonkeyPatch.context() as full:
        fill_at(full, file)
        command("perturb", "default", "--out", "new").failed("write 'new/", "No space left")
    kept = there(here / "new") if (here / "new").exists() else {}
    assert kept == {name: data for name, data in known.items() if name in kept}
    assert len(kept) == min(file, len(known))
    run_folder("default", "new", ["name.json"])
    copied = there(here / "new")
    assert {name: copied.pop(name) for name in known} == known
    own = (n for n in ("learner.safetensors", "library.yaml", "weights.safetensors") if (source / n).is_file())
    assert sorted(copied) == [f"library/{name}" for name in own]


def test_the_error_names_the_file_that_was_to_be(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_at(monkeypatch, 0)
    with pytest.raises(OSError, match=r"No space left on device: 'a\.txt'$"):
        write_whole(Path("a.txt"), "text")
    with pytest.raises(OSError, match=r"No such file or directory: 'none/a\.txt'$"):
        write_whole(Path("none/a.txt"), "text")
    with pytest.raises(OSError, match=r"'other'$"), writing(Path("a.txt")):
        raise OSError(errno.EIO, "of something else", "other")
    assert list(here.iterdir()) == []


def fill(folder: Path) -> None:
    with writing_folder(folder) as temporary:
        (temporary / "part").write_text("x")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_folder_appears_whole_or_not_at_all(here: Path) -> None:
    (here / "a.tmp").mkdir()
    (here / "a.tmp" / "of a kill").write_text("x")
    with pytest.raises(OSError, match="No space left"):
        fill(here / "a")
    assert list(here.iterdir()) == []
    with writing_folder(here / "a") as temporary:
        (temporary / "part").write_text("x")
    assert there(here) == {"a/part": b"x"}


def test_the_checkpoint_before_stays(here: Path) -> None:
    keep(here, lambda folder: write_whole(folder / "state.json", "first"))
    with pytest.MonkeyPatch.context() as full:
        fill_at(full, 0)
        with pytest.raises(OSError, match="No space left"):
            keep(here, lambda folder: write_whole(folder / "state.json", "second"))
    assert there(here) == {"checkpoint/state.json": b"first"}
    keep(here, lambda folder: write_whole(folder / "state.json", "third"))
    assert there(here) == {"checkpoint/state.json": b"third"}


def test_hdf5_which_crashes_on_a_full_disk_is_not_given_one(
    command: Command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(here)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**16))
    words = ("demos", "nothing", "--all", "--tasks", "lift", "--episodes", "1", "--workers", "0", "--out", "out")
    command(*words).failed("No space left on device")
    assert sorted(there(here)) == ["out.parts/lift-0.npz", "out.parts/recording.json"]


def test_a_dataset_that_does_not_fit_leaves_its_episodes_for_later(command: Command, here: Path) -> None:
    words = ("demos", "nothing", "--all", "--tasks", "lift", "--episodes", "1", "--workers", "0", "--out", "out")

    def full(root: Path, *_: object) -> int:
        (root / "part").write_bytes(b"x")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tabletop.demos.minari_format.write", full)
        command(*words).failed("cannot read or write 'out': No space left on device")
    assert sorted(there(here)) == ["out.parts/lift-0.npz", "out.parts/recording.json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "demonstrate", print)  # It is not run again.
        assert command(*words).code == 0
    assert [p.name for p in here.iterdir()] == ["out"]
