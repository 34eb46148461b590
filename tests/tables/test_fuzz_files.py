"""Files of random damage: readers answer with what they promise or with their own error, whatever the bytes.

A case is made from the format's name and its number alone, so a failure is repeated by that number. The ordinary run
takes LIMBECK_FUZZ inputs of each format, 30 unless told; the slow one 30,000.
"""

import contextlib
import copy
import gzip
import io
import json
import os
import random
import sys
import time
import warnings
import zipfile

import numpy as np
import pytest

from limbeck import ReLUNetwork
from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import TableError
from limbeck._tables.files import open_table
from limbeck.network._network_file import load_network_file, save_network_file
from limbeck.network._preprocessing import Preprocessing

FEW, MANY = (int(os.environ.get("LIMBECK_FUZZ", count)) for count in (30, 30_000))
SECONDS = 10.0  # for one input of some kilobytes: hundreds of times what any takes
MEMORY = 1 << 30  # the most that one may claim, in all; that of a network's file

ROWS = np.array([[1.5, -2.0, 3.25], [4.0, 5e-3, -6.0], [7.0, 8.0, 9e9], [0.0, -0.0, 1e-300]])
ODD_NUMBERS = [
    *("0", "-1", "1", "2", "1e999", "-1e999", "1e308", "5e-324", "NaN", "Infinity", "-Infinity", "1e-320", "0x10"),
    *("9" * 30, "9" * 400, "1_000", "1e5", "4294967296", "18446744073709551615", "-9223372036854775809", "00", "1."),
    *(".5", "1e", "+3", "1d5", "१", "1L", "1j", "2147483648", "100000000000", "true", "null"),
]
WORDS = {
    "json": [
        '"',
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "[[",
        "]]",
        "[]",
        "{}",
        '""',
        "\\u0000",
        "\\ud800",
        "\xff",
        *ODD_NUMBERS,
    ],
    "csv": [
        ",",
        ";",
        "\t",
        "\n",
        "\r",
        "\r\n",
        '"',
        '""',
        "nan",
        "NA",
        " ",
        "\x00",
        "\ufeff",
        "é",
        "#",
        "x0",
        *ODD_NUMBERS,
    ],
    "binary": ["\x00", "\xff", "\x7f\xff\xff\xff", "\xff\xff\xff\xff", "PK\x03\x04", "PK\x05\x06", "PAR1", "\x93NUMPY"],
    "npy": [
        "(",
        ")",
        ",",
        "'",
        "|O",
        "<f8",
        ">c16",
        "|S0",
        "|V8",
        "<U3",
        "?",
        "\\d",
        "{",
        "}",
        "[",
        "#",
        "\n",
        *ODD_NUMBERS,
    ],
}


# ---- Damage ----


def damaged(rng, data, words):
    """Bytes with one or several cuts, copies, overwritten places and inserted words."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 10])):
        at = rng.randrange(len(data) + 1)
        length = rng.choice([1, 1, 2, 4, 8, rng.randrange(1, 200)])
        action = rng.randrange(8)
        if action == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif action == 1 and at < len(data):
            data[at] = rng.randrange(256)
        elif action == 2:
            del data[at : at + length]
        elif action == 3:
            data[at:at] = data[at : at + length] * rng.choice([1, 1, 2, 30])
        elif action == 4:
            word = rng.choice(words).encode("utf-8" if rng.random() < 0.8 else "latin-1", "replace")
            data[at : at + rng.choice([0, len(word)])] = word
        elif action == 5:
            other = rng.randrange(len(data) + 1)
            data[at : at + length], data[other : other + length] = (
                data[other : other + length],
                data[at : at + length],
            )
        elif action == 6 and rng.random() < 0.3:
            del data[at:]
        else:
            data[at : at + length] = rng.randbytes(length)
    return bytes(data)


def places(tree, path=()):
    """Paths to every value in lists and dicts."""
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


ODD_VALUES = [
    *(None, True, False, 0, -1, 1, 2, 3, 0.5, 2**31, 2**63, 2**64, 10**30, 10**400, -(10**400), 1e308, -1e308, 5e-324),
    *(float("nan"), float("inf"), -float("inf"), "", "x", "1", "\x00", "limbeck.ReLUNetwork", [], [[]], [[], []], {}),
    *([1], [1, 2], [[1]], [[1, 2], [3, 4]], [None], ["a"], [True], [[[1]]], {"a": 1}, [1e308, 1e308, 1e308], [0, 0, 0]),
]


def rearranged(rng, tree):
    """A JSON tree with one or several values replaced, removed, repeated or exchanged."""
    tree = json.loads(json.dumps(tree))
    for _ in range(rng.choice([1, 1, 2, 4])):
        everywhere = list(places(tree))[1:]
        if not everywhere:
            return tree
        *path, key = rng.choice(everywhere)
        parent = tree
        for step in path:
            parent = parent[step]
        action = rng.randrange(4)
        if action == 0:
            del parent[key]
        elif action == 1 and isinstance(parent, list):
            parent[key:key] = [parent[key]] * rng.choice([1, 2, 50])
        elif action == 2:
            value = tree
            for step in rng.choice(everywhere):
                value = value[step]
            parent[key] = copy.deepcopy(value)
        else:
            parent[key] = copy.deepcopy(rng.choice(ODD_VALUES))
    return tree


def npy(value):
    file = io.BytesIO()
    np.save(file, value, allow_pickle=False)
    return file.getvalue()


def odd_npy(rng):
    """An array's file, its header rewritten or damaged, its content too long or too short."""
    count = lambda: rng.choice([0, 0, 1, 2, 3, 12, 10**4, 10**7, 10**9, 2**31, 2**40, 2**62, 2**63, 10**25, -1])  # noqa: E731
    shape = tuple(count() for _ in range(rng.choice([0, 1, 2, 2, 2, 2, 3, 40])))
    kinds = [
        "<f8",
        ">f8",
        "<f4",
        "<f2",
        "<f16",
        "|b1",
        "|i1",
        "<u8",
        ">i2",
        "<c16",
        "|O",
        "<U3",
        "|S0",
        "<M8[s]",
        "|V0",
    ]
    descr = rng.choice([*kinds, "<f8", "<f8", "<f8", "f999", "", [("a", "<f8")], [("a", "<f8", (10**9,))], 5])
    header = {"descr": descr, "fortran_order": rng.choice([False, True, 1, None]), "shape": shape}
    if rng.random() < 0.2:
        del header[rng.choice(list(header))]
    text = repr(header)
    if rng.random() < 0.5:
        text = damaged(rng, text.encode(), WORDS["npy"]).decode("latin-1")
    version = rng.choice([1, 1, 1, 2, 3, 0, 9])
    raw = text.encode("utf-8" if version == 3 else "latin-1", "replace")
    size = len(raw) if rng.random() < 0.9 else rng.randrange(70_000)
    width = 2 if version == 1 else 4
    content = ROWS.tobytes() * rng.choice([0, 1, 1, 1, 2, 50])
    return b"\x93NUMPY" + bytes([version, 0]) + (size % 65536).to_bytes(width, "little") + raw + content


def odd_archive(rng, members):
    """An NPZ file with sound checksums whose members are damaged, missing, renamed or compressed."""
    members = dict(members)
    for _ in range(rng.choice([1, 1, 2, 3])):
        name = rng.choice(list(members))
        action = rng.randrange(5)
        if action == 0 and len(members) > 1:
            del members[name]
        elif action == 1:
            members[rng.choice([*members, "X.npy", "y.npy", "feature_names.npy", "é", "X", "a/b.npy"])] = members[name]
        elif action == 2:
            members[name] = odd_npy(rng)
        else:
            members[name] = damaged(rng, members[name], WORDS[rng.choice(["npy", "binary"])])
    file = io.BytesIO()
    kinds = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    with zipfile.ZipFile(file, "w", rng.choice(kinds)) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    whole = file.getvalue()
    return damaged(rng, whole, WORDS["binary"]) if rng.random() < 0.3 else whole


# ---- Sound files to begin with ----


def networks():
    rng = np.random.default_rng(0)
    yield ReLUNetwork(rng.standard_normal((2, 3)), [1.0, -2e-7], linear=[1, 2, 3], bias=0.1, thresholds=[0.5, 0])
    yield ReLUNetwork(np.empty((0, 2)), [], linear=[1.0, 2.0])
    yield ReLUNetwork([[1.0]], [1.0])


def json_networks(folder):
    whole = next(networks())
    units = Preprocessing(
        ("a", "b", "c"), True, (0, 2, 3), "y", 1, 4, np.array([1.0, 2, 3]), np.array([0.5, 2, 1]), 4.0, 2.0
    )
    save_network_file(folder / "model.json", whole, units, {"r2": 0.9})
    return [json.loads((folder / "model.json").read_text()), *(net.to_dict() for net in networks())]


def npz_networks(folder):
    found = []
    for net in networks():
        net.save(folder / "net.npz")
        with zipfile.ZipFile(folder / "net.npz") as archive:
            found.append({name: archive.read(name) for name in archive.namelist()})
    return found


def texts(delimiter):
    plain = [[f"{v!r}" for v in row] for row in ROWS.tolist()]
    quoted = [['"size, m2"', '"two\nlines"', "y"], *([f'"{field}"' for field in row] for row in plain)]
    for rows in (plain, [["a", "b", "y"], *plain], quoted):
        for end in ("\n", "\r\n"):
            yield end.join(delimiter.join(row) for row in rows) + end


EVERYDAY = [
    "town;rent;day;lift\nRome;1.299,99 €;31.12.2020;True\nOslo;952,50 €;01.02.2021;False\n;NA;05.06.2021;\n",
    '"id","share","at"\n1,"5%","08:30"\n2,"1,234.5%","23:59"\n3,"-","NULL"\n,,\n',
    "# made by hand\nsize\tdate\n[m2]\t-\n1'234.5\t12/31/2020 2:30 PM\n-999\t01/02/2021 11:00 AM\n",
    "sep=;\na;b;;\n1,5;x;;\n2,25;y;;\n3;z;;\n;;;\n",
    "  a  b\n  1  2020-01-01T10:00:00Z\n  2  2020Q3\n  3  Jan 2020\n",
    "a|a|b\n1 234|$5|yes\n12 345|$6|no\n1,2|$7|\n",
]


def archives():
    names = npy(np.array(["a", "b", "c"]))
    yield {"X.npy": npy(ROWS), "y.npy": npy(ROWS[:, 0]), "feature_names.npy": names}
    yield {"arr_0.npy": npy(ROWS.astype(np.float32)), "feature_names.npy": names}
    yield {"X.npy": npy(np.arange(6).reshape(3, 2)), "y.npy": npy(np.array([[True], [False], [True]]))}


def parquet_files():
    pq = pytest.importorskip("pyarrow.parquet")
    yield from arrow_files(lambda table, file, way: pq.write_table(table, file, compression=way), ("none", "snappy"))


def feather_files():
    feather, ipc = pytest.importorskip("pyarrow.feather"), pytest.importorskip("pyarrow.ipc")
    write = feather.write_feather
    yield from arrow_files(
        lambda table, file, way: write(table, file, compression=way), ("uncompressed", "lz4", "zstd")
    )

    def stream(table, file, _):
        with ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)

    yield from arrow_files(stream, ("",))


def arrow_files(write, compressions):
    """Files of tables of every type, as a function of the table, the file and the compression writes them."""
    pa = pytest.importorskip("pyarrow")
    moments = np.array(["2020-01-01", "2021-05-06", "NaT", "1999-12-31"], dtype="M8[s]")
    columns = [
        {"a": ROWS[:, 0], "b": ROWS[:, 1], "y": np.arange(4)},
        {"day": moments, "long": moments - moments[0], "clock": pa.array([0, 5, None, 86399], pa.time32("s"))},
        {"a.b": [True, False, True, None], "text": ["x", "y", "", None], "a": pa.array([1, 2, 3, 4], pa.uint8())},
        {"kind": pa.array(["r", "g", "r", "b"]).dictionary_encode(), "f": ROWS[:, 2].astype(np.float32)},
        {"nested": [{"u": 1, "v": [1, 2]}, None, {"u": 3, "v": []}, {"u": 4, "v": None}], "n": np.arange(4)},
    ]
    for table in columns:
        for compression in compressions:
            file = io.BytesIO()
            write(pa.table(table), file, compression)
            yield file.getvalue()


def makers(kind, folder):
    """A function that makes the bytes of a case from its generator of random numbers."""
    if kind == "network json":
        trees = json_networks(folder)

        def make(rng):
            tree = rng.choice(trees)
            if rng.random() < 0.5:
                return json.dumps(rearranged(rng, tree)).encode()
            return damaged(rng, json.dumps(tree).encode(), WORDS["json"])

    elif kind in ("network npz", "npz"):
        found = npz_networks(folder) if kind == "network npz" else list(archives())

        def make(rng):
            return odd_archive(rng, rng.choice(found))

    elif kind == "npy":
        arrays = [npy(a) for a in (ROWS, ROWS.astype("f4"), np.asfortranarray(ROWS), np.ones((3, 2), bool), ROWS[0])]

        def make(rng):
            return odd_npy(rng) if rng.random() < 0.6 else damaged(rng, rng.choice(arrays), WORDS["npy"])

    elif kind == "everyday":

        def make(rng):
            data = rng.choice(EVERYDAY).encode(rng.choice(["utf-8", "utf-8", "utf-16", "utf-16-be", "cp1252"]))
            return damaged(rng, data, [*WORDS["csv"], "€", "%", "31.12.2020", "1.234", "True", "-999", ";;", " kg"])

    elif kind in ("csv", "tsv", "text"):
        sound = [text.encode() for text in texts({"csv": ",", "tsv": "\t", "text": ";"}[kind])]
        if kind == "text":
            sound += [text.encode("utf-16") for text in texts(" ")]

        def make(rng):
            if rng.random() < 0.3:
                return "".join(rng.choices(WORDS["csv"], k=rng.randrange(1, 60))).encode("utf-8", "replace")
            return damaged(rng, rng.choice(sound), WORDS["csv"])

    else:
        files = list(parquet_files() if kind == "parquet" else feather_files())

        def make(rng):
            data = rng.choice(files)
            if rng.random() < 0.5:
                return damaged(rng, data, WORDS["binary"])
            footer = rng.randrange(1, 600)  # where the schema and the places of the columns are
            tail = damaged(rng, data[-footer:-8], WORDS["binary"])
            length = data[-8:] if rng.random() < 0.5 else (len(tail)).to_bytes(4, "little") + b"PAR1"
            return data[:-footer] + tail + length

    return make


# ---- What may come out ----


def read_network(path):
    with contextlib.suppress(ValueError):
        net = ReLUNetwork.load(path)
        for array in (net.weights, net.output, net.linear, net.thresholds, np.float64(net.bias)):
            assert array.dtype == np.float64
            assert np.isfinite(array).all()
        load_network_file(path)  # what can be loaded is a model, too


DIALECTS = [
    {"header": True, "decimal": ","},
    {"header": False, "thousands": ".", "skip_rows": 1},
    {"thousands": "space", "delimiter": ";"},
    {"thousands": "apostrophe", "delimiter": "space"},
    {"encoding": "utf-16-le"},
    {"encoding": "cp1252", "thousands": ","},
    {"encoding": "utf-7", "delimiter": "tab"},
]


def read_dialect(path):
    """The same bytes in a dialect that they choose."""
    content = path.read_bytes()
    read_table(path, Dialect.of(**DIALECTS[sum(content) % len(DIALECTS)]))
    packed = path.with_name("data.txt.gz")
    packed.write_bytes(gzip.compress(content, 1)[: None if len(content) % 2 else -len(content) % 9 - 1])
    read_table(packed)


def read_table(path, dialect=None):
    for look in (look_at_numbers, look_at_columns):
        look_by(look, path, dialect)


def look_by(look, path, dialect):
    refusal = None
    try:
        table = open_table(path, dialect)
        names = range(len(table.names))
        for columns in (names, list(names)[::-2]):
            look(table, columns)
    except TableError as error:
        refusal = str(error)
    assert refusal is None or (str(path) in refusal and "\n" not in refusal)


def look_at_numbers(table, columns):
    values = table.read(columns)
    assert values.shape[1:] == (len(columns),)
    assert values.dtype == np.float64
    assert np.isfinite(values).all()


def look_at_columns(table, columns):
    found = table.read_columns(columns, numbers=columns[:1])
    assert found.names == tuple(table.names[j] for j in columns)
    for column in found.items:
        assert len(column) == len(found)
        if column.kind == "words":
            assert column.values.min(initial=-1) >= -1
            assert column.values.max(initial=-1) < len(column.levels)
            assert all(isinstance(level, str) for level in column.levels)
        else:
            assert column.values.dtype == np.float64
            assert column.kind == "unknown" or not np.isinf(column.values).any()
    assert all("\n" not in line for line in (*table.guesses, *table.hints, *table.warnings))


KINDS = {
    "network json": ("net.json", read_network),
    "network npz": ("net.npz", read_network),
    "csv": ("data.csv", read_table),
    "tsv": ("data.tsv", read_table),
    "text": ("data.txt", read_dialect),
    "everyday": ("data.csv", read_dialect),
    "feather": ("data.feather", read_table),
    "npy": ("data.npy", read_table),
    "npz": ("data.npz", read_table),
    "parquet": ("data.parquet", read_table),
}


def peak_memory():
    resource = pytest.importorskip("resource")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def fuzz(kind, count, folder):
    name, read = KINDS[kind]
    make, path, before = makers(kind, folder), folder / name, peak_memory()
    for i in range(count):
        path.write_bytes(make(random.Random(f"{kind} {i}")))
        begin = time.monotonic()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                read(path)
        except Exception as error:
            error.add_note(f"{kind}, case {i}: {path}")
            raise
        assert time.monotonic() - begin < SECONDS, f"{kind}, case {i}"
        assert peak_memory() - before < MEMORY, f"{kind}, case {i}"


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_refused(tmp_path, kind):
    fuzz(kind, FEW, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_files_are_read_or_refused(tmp_path, kind):
    fuzz(kind, MANY, tmp_path)
