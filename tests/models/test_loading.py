"""Files that strangers made: what they ask for is named and never done, what they claim is never reserved."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import resource
import struct
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from theodolite.models.facts import CheckpointError
from theodolite.models.loading import fill_strictly, read_json_object, read_plain_pickle, read_tensors

REMEDY = "get it from its makers again"


class Evil:
    """Makes a file, where somebody unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def small_steps() -> Any:
    """Fail where the test needed much memory; what a file claims must cost nothing."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024


def refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "table.pkl"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"table.pkl.*{says}.*{REMEDY}"):
        read_plain_pickle(path, REMEDY)
    assert [file.name for file in tmp_path.iterdir()] == ["table.pkl"]


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


TOUCH = "touch done"
CODE = {
    "GLOBAL": (b"cos\nsystem\n(S'touch done'\ntR.", r"asks for os\.system"),
    "STACK_GLOBAL": (
        b"\x80\x04" + text("os") + text("system") + b"\x93" + text(TOUCH) + b"\x85R.",
        r"asks for os\.system",
    ),
    "INST": (b"(S'touch done'\nios\nsystem\n.", "instruction INST"),
    "OBJ": (b"(cbuiltins\neval\nS'1'\no.", r"asks for builtins\.eval"),
    "NEWOBJ of what is admitted": (b"cnumpy\ndtype\nS'i8'\n\x85\x81.", "instruction NEWOBJ"),
    "NEWOBJ_EX": (b"\x80\x04cnumpy\ndtype\n)}\x92.", "instruction NEWOBJ_EX"),
    "EXT1": (b"\x80\x02\x82\x01.", "instruction EXT1"),
    "EXT2": (b"\x80\x02\x83\x01\x00.", "instruction EXT2"),
    "EXT4": (b"\x80\x02\x84\x01\x00\x00\x00.", "instruction EXT4"),
    "PERSID": (b"Pwhatever\n.", "instruction PERSID"),
    "BINPERSID": (b"\x80\x02" + text("x") + b"Q.", "instruction BINPERSID"),
    "BUILD of a dict": (b"}}b.", "changes a dict"),
    "BUILD of what is admitted": (b"cnumpy.core.multiarray\nscalar\n}b.", "changes a Named"),
    "a class of numpy": (b"cnumpy\nndarray\n.", r"asks for numpy\.ndarray"),
    "a name with a point": (b"\x80\x04" + text("numpy") + text("dtype.__init__") + b"\x93.", "asks for numpy.dtype.__"),
    "a module that is no text": (b"\x80\x04K\x01K\x02\x93.", r"asks for 1\.2"),
    "calling text": (text("os.system") + text(TOUCH) + b"\x85R.", "calls a str"),
    "calling with no tuple": (b"cnumpy\ndtype\n" + text("i8") + b"R.", "calls a Named"),
    "calling with too much": (b"cnumpy\ndtype\n(K\x01K\x02K\x03K\x04K\x05tR.", "with what it does not take"),
    "a type of objects": (b"cnumpy\ndtype\n" + text("O8") + b"\x85R.", "numpy type 'O8'"),
    "a type with fields": (b"cnumpy\ndtype\n" + text("i4,i4") + b"\x85R.", "numpy type 'i4,i4'"),
    "a type as a value": (b"cnumpy\ndtype\n" + text("i8") + b"\x85R\x85]a.", "fit together"),
    "a type in a list": (b"](cnumpy\ndtype\n" + text("i8") + b"\x85Re.", "type of numpy in place of a number"),
    "a function as a value": (b"](cnumpy.core.multiarray\nscalar\ne.", r"holds numpy\.core\.multiarray\.scalar itself"),
    "a number of too few bytes": (
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n" + text("i8") + b"\x85RC\x01xtR.",
        "1 bytes for a int64",
    ),
}


@pytest.mark.parametrize("name", CODE)
def test_what_a_pickle_asks_for_is_named_and_not_done(tmp_path: Path, name: str, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    refused(tmp_path, *CODE[name])


def test_pickled_objects_run_nothing(tmp_path: Path) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        refused(tmp_path, pickle.dumps({"A": Evil(tmp_path / "done")}, protocol), r"asks for \w+\.system")


ENDLESS = {
    "a memo entry of thousands of millions": (b"\x80\x02K\x01r\xff\xff\xff\xff]\x94\x94.", None),
    "text of 10 GB": (b"\x80\x04\x8d" + struct.pack("<Q", 10**10) + b"abc.", "cut short"),
    "bytes of 10 GB": (b"\x80\x04\x8e" + struct.pack("<Q", 10**10) + b"abc.", "cut short"),
    "bytes of 2 GB": (b"\x80\x03B" + struct.pack("<I", 2**31) + b"abc.", "cut short"),
    "a byte array of 10 GB": (b"\x80\x05\x96" + struct.pack("<Q", 10**10) + b"abc.", "cut short"),
    "a byte array": (b"\x80\x05\x96" + struct.pack("<Q", 1) + b"a.", "instruction BYTEARRAY8"),
    "a negative length": (b"\x80\x02T" + struct.pack("<i", -5) + b"abc.", "cut short"),
    "an integer of a million bits": (b"\x80\x02\x8b" + struct.pack("<i", 2**17) + b"\x7f" * 2**17 + b".", "bits"),
    "an integer of many digits": (b"L" + b"9" * 200_000 + b"L\n.", "cut short or damaged"),
    "lists within lists": (b"]" * 100_000 + b"a" * 99_999 + b".", "nests more than 64 deep"),
    "tuples within a key": (b"}" + b")" + b"\x85" * 200_000 + b"K\x01s.", "holds a tuple as a key"),
    "a set": (b"\x80\x04\x8f.", "instruction EMPTY_SET"),
    "a copy": (b"K\x01202.", "instruction DUP"),
    "a list in itself": (b"]q\x00h\x00a.", "within itself"),
    "a dict in itself": (b"}q\x00K\x01h\x00s.", "within itself"),
    "a billion laughs": (
        b"](K\x01K\x01eq\x00" + b"".join(b"0](h%ch%ceq%c" % (level, level, level + 1) for level in range(40)) + b".",
        "twice",
    ),
    "an entry of the memo that is not there": (b"h\x05.", "entry 5 of its memo"),
    "a mark that is not there": (b"K\x01K\x02t.", "do not fit together"),
    "more than one value": (b"K\x01K\x02.", "ends in the middle"),
    "nothing": (b"", "cut short"),
    "an end alone": (b".", "ends in the middle"),
    "bytes after the end": (b"}.}.", "2 bytes follow its end"),
    "text that cannot be written": (b"\x8c\x03\xed\xa0\x80.", "text that is no Unicode"),
    "a key that cannot be written": (b"}\x8c\x03\xed\xa0\x80K\x01s.", "text that is no Unicode"),
    "no pickle": (b"<html>Not found</html>", "cut short or damaged"),
}


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.usefixtures("small_steps")
def test_what_a_pickle_claims_costs_nothing(tmp_path: Path, name: str) -> None:
    content, says = ENDLESS[name]
    refused(tmp_path, content, says or "ends in the middle")


def test_a_frame_may_claim_what_it_likes(tmp_path: Path) -> None:
    path = tmp_path / "table.pkl"
    path.write_bytes(b"\x80\x04\x95" + struct.pack("<Q", 10**15) + b"}.")
    assert read_plain_pickle(path, REMEDY) == {}


def test_a_table_larger_than_any_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "table.pkl").open("wb") as file:
        file.truncate(2**34)
    with pytest.raises(CheckpointError, match="more than 16777216 bytes"):
        read_plain_pickle(tmp_path / "table.pkl", REMEDY)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_and_numbers_of_numpy_are_read(tmp_path: Path, protocol: int) -> None:
    table = {
        "ENSG1": 3,
        "x": [1.5, None, True, "é", (), (1, 2), {}],
        "y": ("same", "same"),
        "negative": -(2**40),
        "numpy": [np.float64(0.25), np.int16(-7), np.float32(1.5), np.bool_(True), np.int64(5)],
    }
    (tmp_path / "table.pkl").write_bytes(pickle.dumps(table, protocol))
    assert read_plain_pickle(tmp_path / "table.pkl", REMEDY) == table


def test_the_published_dictionaries_are_read(shared_data: Path) -> None:
    sizes = {"token_dictionary_gc30M.pkl": 25_426, "gene_median_dictionary_gc30M.pkl": 25_424}
    for name, size in sizes.items():
        found = read_plain_pickle(shared_data / "tokenizers" / name, REMEDY)
        assert len(found) == size and {type(value) for value in found.values()} <= {int, float}


STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2), "n": torch.tensor(3)}


def refused_weights(path: Path, says: str) -> None:
    with pytest.raises(CheckpointError, match=f"{path.name}.*{says}.*{REMEDY}"):
        read_tensors(path, REMEDY)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def zipped(path: Path, edit: Any = None, compress: int = zipfile.ZIP_STORED) -> Path:
    """Write STATE as torch does, with entries changed."""
    content = io.BytesIO()
    torch.save(STATE, content)
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(path, "w", compress) as new:
        entries = {entry.filename: old.read(entry) for entry in old.infolist()}
        for name, data in (edit or dict)(entries).items():
            new.writestr(name, data)
    return path


def test_tensors_of_both_formats_are_read(tmp_path: Path) -> None:
    torch.save(OrderedDict(STATE), tmp_path / "w.pt")
    save_file(STATE, tmp_path / "w.safetensors")
    torch.save({name: nn.Parameter(t) if t.is_floating_point() else t for name, t in STATE.items()}, tmp_path / "w.bin")
    for name in ("w.pt", "w.safetensors", "w.bin"):
        found = read_tensors(tmp_path / name, REMEDY)
        assert all(torch.equal(found[key], tensor) for key, tensor in STATE.items())
    assert zipped(tmp_path / "again.pt") and read_tensors(tmp_path / "again.pt", REMEDY).keys() == STATE.keys()


def test_code_in_a_file_of_tensors_is_named_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"a": Evil(tmp_path / "done")}, path)
    refused_weights(path, r"asks for \w+\.system")
    torch.save(nn.Linear(2, 2), path)
    refused_weights(path, r"asks for torch\.nn\.modules\.linear\.Linear")


@pytest.mark.parametrize(
    ("held", "says"),
    [
        ([torch.ones(2)], "list in place of named tensors"),
        ({}, "in place of named tensors"),
        ({"a": 3}, "'a' is a int, no tensor"),
        ({"a": {"b": torch.ones(1)}}, "'a' is a dict, no tensor"),
        ({3: torch.ones(1)}, "3 is a TensorEntry, no tensor"),
        ({"a": torch.ones(2).to_sparse()}, r"asks for torch\._utils\._rebuild_sparse_tensor"),
        ({"a": torch.zeros(1).expand(10**10)}, "claims more than the 1 numbers of its storage"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, r"asks for torch\.ComplexFloatStorage"),
        ({"a": torch.ones(2, device="meta")}, "asks for torch._utils"),
    ],
)
@pytest.mark.usefixtures("small_steps")
def test_what_is_no_plain_tensor_is_refused(tmp_path: Path, held: Any, says: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(held, tmp_path / "w.pt")
    refused_weights(tmp_path / "w.pt", says)


@pytest.mark.usefixtures("small_steps")
def test_archives_that_are_not_what_they_say_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    refused_weights(zipped(path, compress=zipfile.ZIP_DEFLATED), "is compressed, which torch never writes")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("w/data.pkl", "w") as entry:
        for _ in range(256):
            entry.write(bytes(2**20))
    path.write_bytes(bomb.getvalue())
    refused_weights(path, "is compressed")

    def claim(entries: dict[str, bytes]) -> dict[str, bytes]:
        # The six numbers of the first storage become ten thousand million.
        number = b"\x8a\x05" + (10**10).to_bytes(5, "little")
        huge, times = re.subn(rb"(cpuq.)K\x06t", lambda found: found[1] + number + b"t", entries["archive/data.pkl"])
        assert times == 1
        return {**entries, "archive/data.pkl": huge}

    refused_weights(zipped(path, claim), "claims 10000000000 numbers and holds 24 bytes")
    refused_weights(zipped(path, lambda e: {k: v for k, v in e.items() if k != "archive/data/0"}), "does not hold")
    refused_weights(zipped(path, lambda e: {**e, "archive/byteorder": b"big"}), "not little-endian")
    refused_weights(zipped(path, lambda e: {**e, "other/data.pkl": b"}."}), "needs one FOLDER/data.pkl")
    refused_weights(zipped(path, lambda e: {**e, "archive/data.pkl": b"cos\nsystem\n."}), r"asks for os\.system")
    refused_weights(zipped(path, lambda e: {**e, "archive/data.pkl": bytes(5 * 2**20)}), "takes 5242880 bytes")


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    content = bytearray(zipped(path).read_bytes())
    place = content.index(STATE["a.weight"].numpy().tobytes())
    content[place + 5] ^= 1
    path.write_bytes(content)
    refused_weights(path, "is damaged")
    path.write_bytes(content[: len(content) // 2])
    refused_weights(path, "cut short or damaged")
    path.write_bytes(b"")
    refused_weights(path, "cut short or damaged")
    torch.save(STATE, path, _use_new_zipfile_serialization=False)
    refused_weights(path, "torch before 1.6")


def tensors_file(path: Path, header: Any, data: bytes = bytes(8), length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("header", "length"),
    [
        ({"a": entry()}, 10**12),
        ({"a": entry()}, 2**63),
        ({"a": entry()}, 3),
        ({"a": entry(), "b": entry()}, None),
        ({"a": entry("F64")}, None),
        ({"a": entry("O8")}, None),
        ({"a": entry("F8_E4M3", (8,))}, None),
        ({"a": entry(shape=(2**40, 2**40))}, None),
        ({"a": entry(shape=(2**40,), offsets=(0, 2**42))}, None),
        ({"a": entry(shape=(-2,))}, None),
        ({"a": entry(offsets=(8, 0))}, None),
        ({"a": entry(shape=(1,), offsets=(4, 8))}, None),
        ({}, None),
        (b"[" * 100_000, None),
        (b'{"a":', None),
        (b"\xff\xfe", None),
    ],
)
@pytest.mark.usefixtures("small_steps")
def test_safetensors_that_lie_are_refused(tmp_path: Path, header: Any, length: int | None) -> None:
    refused_weights(tensors_file(tmp_path / "w.safetensors", header, length=length), "")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for read in (read_tensors, read_plain_pickle, read_json_object):
        for name in ("none.pt", "none.safetensors"):
            with pytest.raises(CheckpointError, match=f"{name}.*{REMEDY}"):
                read(tmp_path / name, REMEDY)
        with pytest.raises(CheckpointError, match=REMEDY):
            read(tmp_path, REMEDY)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("w.pt", "w.safetensors"):
        os.mkfifo(tmp_path / name)
        for read in (read_tensors, read_plain_pickle, read_json_object):
            with pytest.raises(CheckpointError, match="no file"):
                read(tmp_path / name, REMEDY)


def test_nothing_is_written_where_one_tensor_does_not_fit(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    given = {name: torch.ones_like(tensor) for name, tensor in before.items()}
    given["1.bias"] = torch.ones(3)
    with pytest.raises(CheckpointError, match=r"'1\.bias'"):
        fill_strictly(module, given, tmp_path, REMEDY)
    assert all(torch.equal(module.state_dict()[name], tensor) for name, tensor in before.items())


def test_a_module_without_memory_takes_copies(tmp_path: Path) -> None:
    with torch.device("meta"):
        module = nn.Linear(3, 2)
    given = {"weight": torch.ones(2, 3, dtype=torch.float16), "bias": torch.zeros(2)}
    assert fill_strictly(module, given, tmp_path, REMEDY) == ()
    given["bias"] += 1
    assert module.weight.dtype == torch.float32 and not module.bias.any()
