"""Pickles as data: a machine of our own that carries out no code, whatever a file asks for.

A pickle is a program for a stack machine. Python's own machine calls what the program names, reserves memory that it
merely claims, and hashes keys as deep as they nest. This one knows the instructions of plain data only; a name that a
file asks for is looked up in a table that the caller gives, and nothing else can be called. What it costs is bounded
by the size of the file.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Admitted", "Named", "PickleRefused", "run_pickle"]

Admitted = Mapping[tuple[str, str], Callable[..., Any]]
"""What a file may ask for by module and name, and what stands for it."""

_DEEPEST = 64
_LONGEST_NUMBER = 64
"""Bits of an integer."""


class PickleRefused(ValueError):
    """A pickle that holds anything but plain values; the message says what."""


@dataclass(frozen=True)
class Named:
    """A name that the file asked for and the table holds; it can be called by ``REDUCE``, nothing else."""

    name: str
    call: Callable[..., Any]


_MARK = object()
_CONSTANTS = {
    "NONE": None,
    "NEWTRUE": True,
    "NEWFALSE": False,
}
_VALUES = frozenset(
    """INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT
    UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8
    SHORT_BINBYTES BINBYTES BINBYTES8 STRING BINSTRING SHORT_BINSTRING""".split()
)
_NOTHING = frozenset({"PROTO", "FRAME"})
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_FIXED_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    def __init__(self, admitted: Admitted, persistent: Callable[[Any], Any] | None) -> None:
        self.admitted = admitted
        self.persistent = persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, given: Any) -> None:
        if name in _VALUES:
            if type(given) is int and given.bit_length() > _LONGEST_NUMBER:
                raise PickleRefused(f"it holds an integer of {given.bit_length()} bits")
            self.stack.append(given)
        elif name in _NOTHING:
            pass
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self._top()
        elif name in _PUTS:
            # A dict, so that a high number costs no more than a low one.
            self.memo[given] = self._top()
        elif name in _GETS:
            if given not in self.memo:
                raise PickleRefused(f"it refers to entry {given} of its memo, which is not there")
            self.stack.append(self.memo[given])
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name == "MARK":
            self.stack.append(_MARK)
        elif name == "EMPTY_DICT":
            self.stack.append({})
        elif name == "EMPTY_LIST":
            self.stack.append([])
        elif name in _FIXED_TUPLES:
            self.stack.append(tuple(self._pop_many(_FIXED_TUPLES[name])))
        else:
            self._rare(name, given)

    def _rare(self, name: str, given: Any) -> None:
        match name:
            case "TUPLE":
                self.stack.append(tuple(self._pop_to_mark()))
            case "LIST":
                self.stack.append(self._pop_to_mark())
            case "DICT":
                items = self._pop_to_mark()
                self.stack.append({})
                self._set_items(items)
            case "SETITEMS":
                self._set_items(self._pop_to_mark())
            case "SETITEM":
                self._set_items(self._pop_many(2))
            case "APPENDS":
                self._extend(self._pop_to_mark())
            case "APPEND":
                self._extend(self._pop_many(1))
            case "GLOBAL":
                self._name(*str(given).split(" ", 1))
            case "STACK_GLOBAL":
                module, what = self._pop_many(2)
                self._name(module, what)
            case "REDUCE":
                self._call()
            case "BUILD":
                self._build()
            case "BINPERSID" if self.persistent is not None:
                self.stack.append(self.persistent(self._pop_many(1)[0]))
            case "POP":
                self._pop_many(1)
            case _:
                raise PickleRefused(f"it holds the instruction {name}")

    def _top(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise PickleRefused("its instructions do not fit together")
        return self.stack[-1]

    def _pop_many(self, n: int) -> list[Any]:
        taken = self.stack[len(self.stack) - n :]
        if len(taken) != n or any(value is _MARK for value in taken):
            raise PickleRefused("its instructions do not fit together")
        del self.stack[len(self.stack) - n :]
        return taken

    def _pop_to_mark(self) -> list[Any]:
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                taken = self.stack[place + 1 :]
                del self.stack[place:]
                return taken
        raise PickleRefused("its instructions do not fit together")

    def _set_items(self, items: list[Any]) -> None:
        found = self._top()
        if not isinstance(found, dict) or len(items) % 2:
            raise PickleRefused("its instructions do not fit together")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Hashing a tuple goes as deep as tuples nest, past the end of the machine's own stack.
            if type(key) not in (str, int, float, bool, bytes, type(None)):
                raise PickleRefused(f"it holds a {type(key).__name__} as a key")
            found[key] = value

    def _extend(self, values: list[Any]) -> None:
        found = self._top()
        if not isinstance(found, list):
            raise PickleRefused("its instructions do not fit together")
        found.extend(values)

    def _name(self, module: Any, what: Any = "") -> None:
        if not (isinstance(module, str) and isinstance(what, str)) or (module, what) not in self.admitted:
            raise PickleRefused(f"it asks for {module!s:.80}.{what!s:.80}")
        self.stack.append(Named(f"{module}.{what}", self.admitted[module, what]))

    def _call(self) -> None:
        called, given = self._pop_many(2)
        if not isinstance(called, Named) or not isinstance(given, tuple):
            raise PickleRefused(f"it calls a {type(called).__name__}")
        try:
            self.stack.append(called.call(*given))
        except TypeError as error:
            raise PickleRefused(f"it calls {called.name} with what it does not take") from error

    def _build(self) -> None:
        (state,) = self._pop_many(1)
        found = self._top()
        if isinstance(found, Named) or not hasattr(found, "set_state"):
            raise PickleRefused(f"it changes a {type(found).__name__}")
        found.set_state(state)


def run_pickle(content: bytes, admitted: Admitted, persistent: Callable[[Any], Any] | None = None) -> Any:
    """Return what a pickle describes: dicts, lists, tuples, text, bytes and numbers, and what the table makes.

    Parameters
    ----------
    content
        The pickle.
    admitted
        What it may ask for. Only what stands there is ever called, with arguments made of plain values; what it
        returns may have a method ``set_state``, to which the file can give one.
    persistent
        What stands for a persistent id; such ids are refused where it is not given.

    Raises
    ------
    PickleRefused
        Naming what it asked for, or how it is broken.
    """
    machine = _Machine(admitted, persistent)
    file = io.BytesIO(content)
    ended = False
    try:
        for instruction, given, _ in pickletools.genops(file):
            if instruction.name == "STOP":
                ended = True
                break
            machine.step(instruction.name, given)
    except PickleRefused:
        raise
    except Exception as error:
        raise PickleRefused(f"it is cut short or damaged ({type(error).__name__}: {error!s:.120})") from error
    if not ended or len(machine.stack) != 1 or machine.stack[0] is _MARK:
        raise PickleRefused("it ends in the middle")
    if file.tell() != len(content):
        raise PickleRefused(f"{len(content) - file.tell()} bytes follow its end")
    found = machine.stack[0]
    _refuse_knots(found)
    return found


def _refuse_knots(found: Any) -> None:
    """Refuse what contains itself, what is shared (it may be small here and endless when written out), what is deep."""
    seen: set[int] = set()
    level = [found]
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for value in level:
            if isinstance(value, Named):
                raise PickleRefused(f"it holds {value.name} itself")
            if not isinstance(value, (dict, list, tuple)) or not value:
                continue
            if id(value) in seen:
                raise PickleRefused(f"it holds the same {type(value).__name__} twice, or one within itself")
            seen.add(id(value))
            below.extend(value.values() if isinstance(value, dict) else value)
        if not below:
            return
        level = below
    raise PickleRefused(f"it nests more than {_DEEPEST} deep")
