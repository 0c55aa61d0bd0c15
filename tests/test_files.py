"""Files are read within bounds and written whole, in one place."""

from __future__ import annotations

import ast
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tabletop.errors import TabletopError
from tabletop.files import append_json, make_folder, parse_json, read_bytes, read_text, write_json, write_whole, writing
from tabletop.yaml_files import item_lines, parse_yaml, read_yaml, yaml_text

PACKAGE: Final = Path(__file__).parents[1] / "tabletop"
PLACES: Final = {"files.py", "yaml_files.py"}


def bomb(levels: int) -> str:
    """Return a mapping whose last value repeats the first 10 ** levels times, by aliases."""
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels + 1)]
    return "\n".join(rows)


# Each of these crashed the C loader, hung, or raised what is no YAMLError.
UNFIT: Final = {
    "lists": ("[" * 100_000, "40 deep in each other"),
    "lists by dashes": ("- " * 100_000, "40 deep in each other"),
    "keys in keys": ("? " * 30_000, "40 deep in each other"),
    "mappings": ("{a: " * 1_000, "40 deep in each other"),
    "an alias of an alias": (bomb(9), "at most 2000000 values"),
    "an alias of what it lies in": ("a: &a [*a]", r"the alias \*a stands for nothing, or for what it lies in"),
    "an alias of nothing": ("*a", r"the alias \*a stands for nothing"),
    "a truth value that is none": ("a: !!bool 3", "it must be YAML; '3'"),
    "an empty number": ("a: !!int ''", "it must be YAML; string index"),
    "a binary number": ("a: 0b_", "it must be YAML; invalid literal"),
    "a date that is none": ("a: !!timestamp 2001-99-99", "month must be in"),
    "a number of 5,000 digits": ("1" * 5_000, "4300 digits"),
    "infinity": ("a: [.inf]", "numbers must be finite, got inf"),
    "not a number": ("{a: {b: .nan}}", "numbers must be finite, got nan"),
    "beyond any float": ("1.0e+400", "numbers must be finite, got inf"),
    "a set": ("!!set {a, b}", "values must be text, numbers, lists and mappings, got set"),
    "bytes": ("!!binary aGk=", "values must be text, numbers, lists and mappings, got bytes"),
    "an object of Python": ("!!python/object/apply:os.system [ls]", "could not determine a constructor"),
    "a list for a key": ("? [a]\n: 1", "unhashable key"),
    "a key twice": ("a: 1\nb: 2\na: 3", r"the key 'a' stands there twice \(line 3\)"),
    "two documents": ("--- a\n--- b", "found another document"),
    "half a surrogate": ('"\\ud800"', "invalid Unicode"),
    "a control character": ("a: \x07", "control characters"),
}


@pytest.mark.parametrize(("text", "why"), UNFIT.values(), ids=UNFIT)
def test_yaml_beyond_the_bounds_is_one_line(text: str, why: str) -> None:
    with pytest.raises(TabletopError, match=f"^cannot read card 'x': .*{why}") as caught:
        parse_yaml(text, "card 'x'")
    assert len(str(caught.value)) <= 3_100
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 100_000, "must be JSON"),
        ("[" * 100 + "]" * 100, "40 deep in each other"),
        ('{"a": NaN}', "must be JSON"),
        ('{"a": 1e400}', "must be JSON"),
        ('{"a": ' + "1" * 5_000 + "}", "must be JSON"),
        ('"\\ud800"', "must be JSON"),
        (b"\xff", "must be JSON"),
        ("", "must be JSON"),
    ],
)
def test_json_beyond_the_bounds_is_one_line(text: str, why: str) -> None:
    with pytest.raises(TabletopError, match=f"^cannot read x: .*{why}"):
        parse_json(text, "x")


def test_what_yaml_says_is_plain() -> None:
    assert parse_yaml("a: 2001-01-01\nb: [1, 0.5, true, null]", "x") == {"a": "2001-01-01", "b": [1, 0.5, True, None]}
    assert parse_yaml("a: &m {x: 1, z: 3}\nb: {<<: *m, x: 2}", "x")["b"] == {"x": 2, "z": 3}
    assert parse_yaml(bomb(2), "x")["a2"][0][0] == [1] * 10
    assert item_lines("- a\n\n- b: 1\n  c: 2\n- d") == [1, 3, 5]


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_plain_values_come_back_from_yaml(value: Any) -> None:
    assert parse_yaml(yaml_text(value), "x") == value


@given(st.text(alphabet="[]{}&*!?:-,.#|>'\"%@ \nab01<=~", max_size=60))
def test_what_is_taken_means_what_the_library_takes_it_for(text: str) -> None:
    with suppress(TabletopError):
        found = parse_yaml(text, "x")
        known = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        assert found == known or "date" in repr(known)  # A date is text.


def test_a_file_is_read_within_its_size_and_as_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a", "x", most=5) == b"12345"
    with pytest.raises(TabletopError, match=r"^cannot read x: it may have at most 3\.8147e-06 MiB, got more$"):
        read_bytes(tmp_path / "a", "x", most=4)
    with pytest.raises(TabletopError, match=r"^cannot read x: it may have at most 1 MiB"):
        read_bytes(Path("/dev/zero"), "x", most=2**20)
    for path, why in {
        "none": "No such file",
        ".": "Is a directory",
        "a\0b": "null byte",
        "n" * 300: "too long",
    }.items():
        with pytest.raises(TabletopError, match=f"^cannot read x: .*{why}"):
            read_yaml(tmp_path / path, "x")
    (tmp_path / "a").write_bytes(b"ab\xff")
    with pytest.raises(TabletopError, match=r"^cannot read x: it must be UTF-8; byte 2 is none of it$"):
        read_text(tmp_path / "a", "x")


def break_off(path: Path) -> None:
    with writing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("half way")


def fill_the_disk(path: Path) -> None:
    with writing(path) as temporary:
        temporary.symlink_to("/dev/full")
        temporary.write_text("x" * 10_000)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError, match="half way"):
        break_off(tmp_path / "a.txt")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.txt", {"x": float("nan")})
    with pytest.raises(OSError, match="No space left"):
        fill_the_disk(tmp_path / "a.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_path_of_thousands_of_folders_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TabletopError, match=r"^a path has 500 parts at most, got one of 2000$"):
        make_folder(Path("a/" * 2000))
    assert list(tmp_path.iterdir()) == []
    make_folder(Path("a/b/c"))
    make_folder(Path("a/b/c"))
    assert Path("a/b/c").is_dir()


def test_folders_are_made_in_one_place() -> None:
    made = {f.name for f in PACKAGE.rglob("*.py") if ".mkdir(parents=True, exist_ok=True)" in f.read_text("utf-8")}
    assert made == {"files.py"}


def test_many_may_write_one_file_at_once(tmp_path: Path) -> None:
    def write(i: int) -> None:
        for _ in range(20):
            write_whole(tmp_path / "a", str(i) * 1_000)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set((tmp_path / "a").read_text())) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_file_has_the_rights_that_the_user_asks_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_line_of_numbers_is_json(tmp_path: Path) -> None:
    append_json(tmp_path / "a", {"x": 1, "y": np.float64("nan"), "z": float("inf")})
    assert (tmp_path / "a").read_text() == '{"x": 1, "y": null, "z": null}\n'


METHODS: Final = {"read_text", "read_bytes", "write_text", "write_bytes", "open"}


def opened(path: Path) -> list[str]:
    """Return where a module opens files on its own."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id == "open":
                found.append(f"{path.name}:{node.lineno} open")
            # os.open is of locks and of stderr.
            named_os = (
                isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "os"
            )
            if isinstance(called, ast.Attribute) and called.attr in METHODS and not named_os:
                found.append(f"{path.name}:{node.lineno} {called.attr}")
    return found


def test_nothing_else_opens_files() -> None:
    modules = [p for p in PACKAGE.rglob("*.py") if p.name not in PLACES]
    assert len(modules) > 200
    assert [line for path in modules for line in opened(path)] == []
    assert opened(PACKAGE / "files.py") != []
