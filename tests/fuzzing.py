"""Broken inputs by the thousand: files are mangled, read, and whatever comes must be a named error or a whole result.

A :class:`Loader` says how a good folder is written and how it is read. ``assault`` mangles one of its files at a time
from a fixed seed, and looks at the folder before and after: no reader may change a file, or leave one behind that it
has not finished.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Loader", "assault", "snapshot"]


@dataclass(frozen=True)
class Loader:
    """A reader of files that strangers made.

    Attributes
    ----------
    name
        For messages.
    write
        Writes a good folder, small: it is read thousands of times.
    read
        Reads it.
    files
        Names of the files that are mangled.
    errors
        What it may raise; nothing else.
    makes
        Files that it leaves beside the others, whole: what it keeps so as not to read twice.
    share
        How many of all the inputs it gets, beside the others.
    """

    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], Any]
    files: tuple[str, ...]
    errors: tuple[type[Exception], ...]
    makes: tuple[str, ...] = ()
    share: float = 1.0


def snapshot(folder: Path) -> dict[str, str]:
    """Return the hash of every file of a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def assault(loader: Loader, folder: Path, n: int, seed: int) -> Counter[str]:
    """Read ``n`` mangled folders; return how many were refused, and how many read all the same.

    Raises
    ------
    AssertionError
        If anything but a named error came, or a file was touched; the message says how to make it again.
    """
    good = folder / "good"
    loader.write(good)
    # The good folder is read first: a reader that refuses everything would pass any assault.
    loader.read(good)
    for made in loader.makes:
        (good / made).unlink()
    originals = {name: (good / name).read_bytes() for name in loader.files}
    broken = folder / "broken"
    outcomes: Counter[str] = Counter()
    for turn in range(n):
        draw = random.Random(f"{seed}/{loader.name}/{turn}")
        name = draw.choice(loader.files)
        if not broken.exists():
            shutil.copytree(good, broken)
        content = mangled(draw, name, originals[name])
        (broken / name).write_bytes(content)
        before = snapshot(broken)
        where = f"{loader.name}: seed {seed}, turn {turn}, {name} of {len(content)} bytes ({content[:80]!r}…)"
        try:
            loader.read(broken)
        except loader.errors as error:
            assert name in str(error) or str(folder) in str(error), f"{where}: the error names no file: {error}"
            outcomes["refused"] += 1
        except BaseException as error:
            raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error
        else:
            outcomes["read"] += 1
        after = snapshot(broken)
        changed = [file for file, digest in before.items() if after.get(file) != digest]
        left = sorted(after.keys() - before.keys() - set(loader.makes))
        assert not changed and not left, f"{where}: changed {changed}, left {left}"
        if len(after) != len(before):
            shutil.rmtree(broken)
        else:
            (broken / name).write_bytes(originals[name])
    return outcomes


def mangled(draw: random.Random, name: str, content: bytes) -> bytes:
    """Return bytes that are almost, or not at all, what a file should hold."""
    ways = [_flip, _cut, _cut_out, _insert, _repeat, _overwrite, _swap, _noise]
    if name.endswith(".json"):
        ways = [*ways, _json, _json, _json, _json, _json, _json, _json_text]
    elif name.endswith(".safetensors"):
        ways = [*ways, _header, _header, _header, _header]
    elif name.endswith(".pkl"):
        ways = [*ways, _program, _program, _opcode, _opcode]
    changed = content
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        changed = draw.choice(ways)(draw, changed)
    return changed


def _place(draw: random.Random, content: bytes) -> int:
    # Heads and tails hold what steers a reader; half of all strikes go there.
    at = draw.choice((draw.randrange(64), -draw.randrange(1, 256), draw.randrange(1 << 30), draw.randrange(1 << 30)))
    return at % max(len(content), 1)


def _flip(draw: random.Random, content: bytes) -> bytes:
    found = bytearray(content)
    for _ in range(draw.choice((1, 1, 8))):
        if found:
            found[_place(draw, found)] ^= 1 << draw.randrange(8)
    return bytes(found)


def _cut(draw: random.Random, content: bytes) -> bytes:
    return content[: _place(draw, content)]


def _cut_out(draw: random.Random, content: bytes) -> bytes:
    at = _place(draw, content)
    return content[:at] + content[at + draw.choice((1, 2, 4, 8, 100)) :]


def _insert(draw: random.Random, content: bytes) -> bytes:
    at = _place(draw, content)
    return content[:at] + draw.randbytes(draw.choice((1, 4, 8, 100))) + content[at:]


def _repeat(draw: random.Random, content: bytes) -> bytes:
    at, length = _place(draw, content), draw.choice((1, 8, 64, 1000))
    return content[: at + length] + content[at : at + length] * draw.choice((1, 3)) + content[at + length :]


_STRIKING = (
    b"\xff" * 8,
    b"\x00" * 8,
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\x00" * 7 + b"\x01",
    b"\x8a\x05\xff\xff",
)


def _overwrite(draw: random.Random, content: bytes) -> bytes:
    at, struck = _place(draw, content), draw.choice(_STRIKING)
    return content[:at] + struck + content[at + len(struck) :]


def _swap(draw: random.Random, content: bytes) -> bytes:
    first, second = sorted((_place(draw, content), _place(draw, content)))
    return content[:first] + content[second : second + 16] + content[first + 16 : second] + content[first : first + 16]


def _noise(draw: random.Random, content: bytes) -> bytes:
    return draw.choice((b"", b"\x00" * len(content), draw.randbytes(draw.choice((1, 10, 300))), b"<html>404</html>"))


_ODD = (None, True, -1, 0, 1, 7, 2**31, 2**63, 10**400, 1.5, -0.0, 1e308, "", "x", "0", [], [1], {}, {"a": 1}, "\ud800")


def _json(draw: random.Random, content: bytes) -> bytes:
    """Change one value, key or entry of a document that stays JSON."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return content
    holders = [document]
    for holder in holders:
        below = holder.values() if isinstance(holder, dict) else holder if isinstance(holder, list) else ()
        holders.extend(value for value in below if isinstance(value, (dict, list)) and value)
    holder = draw.choice(holders)
    if isinstance(holder, (dict, list)) and holder:
        key = draw.choice(list(holder)) if isinstance(holder, dict) else draw.randrange(len(holder))
        match draw.randrange(5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[draw.choice(("", "x", "<pad>", f"{key} "))] = holder.pop(key)
            case 2 if type(holder[key]) is int:
                holder[key] += draw.choice((-1, 1, 1000, -(10**9)))
            case _:
                holder[key] = draw.choice(_ODD)
    else:
        document = draw.choice(_ODD)
    return json.dumps(document).encode("utf-8", "surrogatepass")


def _json_text(draw: random.Random, content: bytes) -> bytes:
    odd = (
        b"NaN",
        b"Infinity",
        b"1e999",
        b"[" * 5_000,
        b'{"a":' * 5_000,
        b"9" * 10_000,
        b'"\\ud800"',
        b"\xef\xbb\xbf{}",
    )
    return content[: _place(draw, content)] + draw.choice(odd) + draw.choice((b"", content[_place(draw, content) :]))


def _header(draw: random.Random, content: bytes) -> bytes:
    """Change the JSON of a file of tensors, with its length put right or not."""
    length = int.from_bytes(content[:8], "little")
    if not 0 < length <= len(content) - 8:
        return content
    changed = _json(draw, content[8 : 8 + length])
    says = draw.choice((len(changed), len(changed), len(changed), draw.choice((0, 1, 2**32, 2**63 - 1))))
    return says.to_bytes(8, "little") + changed + content[8 + length :]


_NAMES = (
    b"os\nsystem",
    b"builtins\neval",
    b"numpy\ndtype",
    b"numpy.core.multiarray\nscalar",
    b"_codecs\nencode",
    b"a\nb",
)
_OPCODES = b"(.0123FNPKJMRSTVQXabcdghijlopqrstu]}e)GILBC\x80\x81\x82" + bytes(range(0x85, 0x99))


def _opcode(draw: random.Random, content: bytes) -> bytes:
    at = _place(draw, content)
    piece = bytes([draw.choice(_OPCODES)]) if draw.random() < 0.6 else b"c" + draw.choice(_NAMES) + b"\n"
    return content[:at] + piece + content[at + draw.choice((0, 1)) :]


def _program(draw: random.Random, content: bytes) -> bytes:
    """Return a program of random instructions, most of them whole."""
    pieces = [
        lambda: b"K" + draw.randbytes(1),
        lambda: b"\x8c\x02ab",
        lambda: b"c" + draw.choice(_NAMES) + b"\n",
        lambda: draw.choice(
            (b")", b"]", b"}", b"(", b"N", b"\x85", b"\x86", b"t", b"l", b"d", b"R", b"b", b"s", b"u", b"a", b"e")
        ),
        lambda: b"\x94",
        lambda: b"h" + bytes([draw.randrange(4)]),
        lambda: draw.choice((b"\x8d", b"\x8e", b"\x95", b"\x96")) + draw.randbytes(8),
        lambda: bytes([draw.choice(_OPCODES)]) + draw.randbytes(draw.randrange(5)),
    ]
    return b"\x80\x04" + b"".join(draw.choice(pieces)() for _ in range(draw.choice((3, 10, 40)))) + b"."
