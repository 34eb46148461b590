"""Files of networks: exact round trips, and files that are broken or hostile."""

import io
import json
import os
import pickle
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from limbeck import ReLUNetwork
from limbeck.network._storage import read_content

NETWORKS = {
    "ordinary": lambda: ReLUNetwork(
        np.random.default_rng(0).standard_normal((3, 4)), [0.1, 1 / 3, -2e-7], linear=[1, 2, 3, 4], bias=0.1
    ),
    "thresholds": lambda: ReLUNetwork([[1.0], [2.0]], [1.0, 2.0], thresholds=[0.1, -0.2]),
    "linear only": lambda: ReLUNetwork(np.empty((0, 3)), [], linear=[1.0, 2.0, 3.0], bias=-1.0),
    "constant": lambda: ReLUNetwork(np.empty((0, 0)), [], bias=2.5),
    "no features": lambda: ReLUNetwork(np.empty((2, 0)), [1.0, 2.0], thresholds=[1.0, -1.0]),
    "denormal": lambda: ReLUNetwork([[5e-324, -1.2e-310]], [2.2250738585072014e-308], bias=5e-324),
    "huge": lambda: ReLUNetwork([[1.7976931348623157e308, -1e300]], [-1.7976931348623157e308], bias=1e308),
    "outputs": lambda: ReLUNetwork(
        [[1.0, 0.1], [-2.0, 1 / 3], [0.0, 1e-9]],
        np.random.default_rng(1).standard_normal((2, 3)),
        linear=[[1.0, -0.0], [1e300, 5e-324]],
        bias=[0.1, -1 / 3],
    ),
    "a row of one output": lambda: ReLUNetwork([[1.0, 2.0]], [[3.0]], bias=[0.5]),
    "linear outputs": lambda: ReLUNetwork(np.empty((0, 2)), np.empty((3, 0)), linear=np.eye(3, 2), bias=[1, 2, 3]),
    "constant outputs": lambda: ReLUNetwork(np.empty((0, 0)), np.empty((2, 0)), bias=[1.0, 2.0]),
    "negative zero": lambda: ReLUNetwork([[-0.0, 1.0]], [1.0], linear=[-0.0, 0.0], bias=-0.0),
}


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_round_trips_keep_every_bit(tmp_path, name, suffix):
    net = NETWORKS[name]()
    path = tmp_path / f"net{suffix}"
    net.save(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    loaded = ReLUNetwork.load(str(path))
    for field in ("weights", "output", "linear", "thresholds"):
        assert getattr(loaded, field).shape == getattr(net, field).shape
        assert getattr(loaded, field).tobytes() == getattr(net, field).tobytes()
    assert np.asarray(loaded.bias).tobytes() == np.asarray(net.bias).tobytes()
    assert loaded == net


def test_json_is_plain_and_says_what_it_is(tmp_path):
    NETWORKS["thresholds"]().save(tmp_path / "net.json")
    assert json.loads((tmp_path / "net.json").read_text()) == {
        "format": "limbeck.ReLUNetwork",
        "version": 1,
        "n_features": 1,
        "weights": [[1.0], [2.0]],
        "thresholds": [0.1, -0.2],
        "output": [1.0, 2.0],
        "linear": [0.0],
        "bias": 0.0,
    }


def test_json_of_several_outputs():
    assert NETWORKS["a row of one output"]().to_dict() == {
        "format": "limbeck.ReLUNetwork",
        "version": 2,
        "n_features": 2,
        "weights": [[1.0, 2.0]],
        "thresholds": [0.0],
        "output": [[3.0]],
        "linear": [[0.0, 0.0]],
        "bias": [0.5],
    }


@pytest.mark.parametrize("name", ["net.txt", "net", "net.json.gz", "json"])
def test_other_names_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=rf"ends in \.json or \.npz, got .*{name}"):
        NETWORKS["ordinary"]().save(tmp_path / name)
    with pytest.raises(ValueError, match=rf"ends in \.json or \.npz, got .*{name}"):
        ReLUNetwork.load(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["net.JSON", "net.Npz"])
def test_capitals_in_the_extension(tmp_path, name):
    net = NETWORKS["ordinary"]()
    net.save(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert ReLUNetwork.load(tmp_path / name) == net


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_missing_file_or_folder_is_an_os_error(tmp_path, suffix):
    with pytest.raises(FileNotFoundError):
        ReLUNetwork.load(tmp_path / f"none{suffix}")
    with pytest.raises(FileNotFoundError):
        NETWORKS["ordinary"]().save(tmp_path / "none" / f"net{suffix}")


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"net{suffix}"
    NETWORKS["ordinary"]().save(path)
    before = path.read_bytes()

    def full(file, *args, **kwargs):
        file.write(b"half")
        raise OSError("No space left on device")

    def half_json(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", full)
    monkeypatch.setattr(json, "dumps", half_json)
    with pytest.raises(OSError, match="No space left"):
        NETWORKS["huge"]().save(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_saving_onto_a_folder_leaves_nothing_behind(tmp_path):
    (tmp_path / "net.json").mkdir()
    with pytest.raises(OSError, match=r"net\.json"):
        NETWORKS["ordinary"]().save(tmp_path / "net.json")
    assert [p.name for p in tmp_path.iterdir()] == ["net.json"]


# ---- Files of format version 1, written once and kept: every later version reads these numbers ----

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("name", ["network_v1.json", "network_v1.npz"])
def test_files_of_version_1(name):
    loaded = ReLUNetwork.load(DATA / name)
    expected = {
        "weights": [[1 / 3, -2.0, 1e-3], [-0.0, 5e-324, 1.5], [1e10, 0.1, -7.0]],
        "thresholds": [0.0, -1.25, 1e9],
        "output": [0.1, -2 / 3, 1e-9],
        "linear": [2.0**-52, -1e3, 0.3],
        "bias": -0.7,
    }
    for field, value in expected.items():
        assert np.asarray(getattr(loaded, field)).tobytes() == np.asarray(value).tobytes()


# ---- Broken and hostile files ----


def content(**changes):
    fields = NETWORKS["thresholds"]().to_dict() | changes
    return {name: value for name, value in fields.items() if value is not None}


BROKEN = {
    "another format": (content(format="onnx"), r"lacks format = 'limbeck\.ReLUNetwork'"),
    "no format": (content(format=None), r"lacks format = 'limbeck\.ReLUNetwork'"),
    "a later version": (content(version=3), r"its version is 3, this limbeck reads versions 1 and 2"),
    "the version of several outputs": (content(version=2), r"its version is 2, but output has shape \(2,\)"),
    "the version of one output": (
        content(output=[[1.0, 2.0]], linear=[[0.0]], bias=[0.0]),
        r"its version is 1, but output has shape \(1, 2\)",
    ),
    "no version": (content(version=None), r"its version is None"),
    "no output": (content(output=None), r"lacks output"),
    "no bias and no weights": (content(bias=None, weights=None), r"lacks weights, bias"),
    "NaN": (content(weights=[[float("nan")], [1.0]]), r"weights holds nan at index \(0, 0\)"),
    "infinity": (content(bias=float("inf")), r"bias holds inf"),
    "ragged": (content(weights=[[1.0], [1.0, 2.0]]), r"weights"),
    "text": (content(output=["a", "b"]), r"output must hold real numbers"),
    "a number for an array": (content(linear=1.0), r"linear must have 1 dimension"),
    "an array for a number": (content(bias=[1.0]), r"bias must be a real number"),
    "shapes that disagree": (content(output=[1.0]), r"weights and output must have the same number of neurons"),
}


@pytest.mark.parametrize("kind", list(BROKEN))
def test_json_that_is_not_a_network(tmp_path, kind):
    fields, message = BROKEN[kind]
    path = tmp_path / "net.json"
    path.write_text(json.dumps(fields))
    with pytest.raises(ValueError, match=rf"net\.json is not a limbeck network: .*{message}"):
        ReLUNetwork.load(path)


@pytest.mark.parametrize("kind", [kind for kind in BROKEN if kind != "ragged"])
def test_npz_that_is_not_a_network(tmp_path, kind):
    fields, message = BROKEN[kind]
    path = tmp_path / "net.npz"
    np.savez(path, **fields)
    with pytest.raises(ValueError, match=rf"net\.npz is not a limbeck network: .*{message}"):
        ReLUNetwork.load(path)


UNITS = {
    "features": ["a"],
    "named": True,
    "positions": [0],
    "target": "y",
    "target_position": 1,
    "n_columns": 2,
    "feature_means": [0.0],
    "feature_scales": [1.0],
    "target_mean": 0.0,
    "target_scale": 1.0,
}
ODD_UNITS = {
    "positions": ([1e999], "damaged"),
    "n_columns": (1e999, "damaged"),
    "target_mean": (10**400, "damaged"),
    "feature_scales": ([5e-324], "weights holds inf"),
    "target_scale": (1e308, "output holds inf"),
}


@pytest.mark.parametrize("name", list(ODD_UNITS))
def test_odd_units(tmp_path, name):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(content(preprocessing=UNITS, output=[1.0, 3.0])))
    assert ReLUNetwork.load(path).n_features == 1
    value, message = ODD_UNITS[name]
    path.write_text(json.dumps(content(preprocessing=UNITS | {name: value}, output=[1.0, 3.0])))
    with pytest.raises(ValueError, match=rf"net\.json is not a limbeck network: .*{message}"):
        ReLUNetwork.load(path)


def good_bytes(suffix, tmp_path):
    path = tmp_path / f"good{suffix}"
    NETWORKS["ordinary"]().save(path)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_every_truncation_is_a_value_error_that_names_the_file(tmp_path, suffix):
    data = good_bytes(suffix, tmp_path)
    path = tmp_path / f"net{suffix}"
    for length in [0, 1, 2, *range(10, len(data), 97), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"net\.(json|npz) is not"):
            ReLUNetwork.load(path)


ODD_JSON = {
    "a list": b"[1, 2]",
    "a number": b"3",
    "null": b"null",
    "text": b"hello",
    "not UTF-8": b"\xff\xfe\x00{",
    "deep nesting": b"[" * 200_000,
    "deep nesting in a field": json.dumps(content()).replace('"bias": 0.0', '"bias": ' + "[" * 90 + "]" * 90).encode(),
    "a number of 10,000 digits": json.dumps(content()).replace('"bias": 0.0', '"bias": ' + "9" * 10_000).encode(),
    "a number beyond float64": json.dumps(content()).replace('"bias": 0.0', '"bias": 1e999').encode(),
    "null in an array": json.dumps(content(output=[1.0, None])).encode(),
    "no neurons and ragged rows": json.dumps(content(weights=[], linear=[[], [1.0]], output=[[], []])).encode(),
    "no neurons and a number": json.dumps(content(weights=[], linear=3)).encode(),
}


@pytest.mark.parametrize("kind", list(ODD_JSON))
def test_odd_json(tmp_path, kind):
    path = tmp_path / "net.json"
    path.write_bytes(ODD_JSON[kind])
    with pytest.raises(ValueError, match=r"net\.json is not"):
        ReLUNetwork.load(path)


class Trap:
    """Unpickling it would raise an error of its own."""

    def __reduce__(self):
        return exec, ("raise SystemError('unpickled')",)


def zipped(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def npy(value):
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=True)
    return buffer.getvalue()


def network_members(**changes):
    members = {name: npy(value) for name, value in content().items()} | changes
    return {f"{name}.npy": data for name, data in members.items()}


def corrupt_deflate():
    data = bytearray(zipped(network_members(weights=npy(np.arange(2000.0)[:, None])), zipfile.ZIP_DEFLATED))
    at = data.index(b"weights.npy") + 120
    data[at : at + 60] = bytes(60)
    return bytes(data)


def enormous(rows):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (rows, 8)})
    return zipped(network_members(weights=header.getvalue()))


def header(text):
    return zipped(network_members(weights=b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text))


def compressed_and_damaged(compression):
    data = bytearray(zipped(network_members(weights=npy(np.arange(2000.0)[:, None])), compression))
    at = data.index(b"weights.npy") + 40
    data[at : at + 60] = bytes(60)
    return bytes(data)


def from_a_later_zip():
    data = bytearray(zipped(network_members()))
    at = data.index(b"PK\x01\x02")
    data[at + 6] = 99  # the version that it takes to unpack the first member
    return bytes(data)


ODD_NPZ = {
    "text": lambda: b"hello",
    "a single array": lambda: npy(np.ones(3)),
    "a pickle": lambda: pickle.dumps(Trap()),
    "an object array": lambda: zipped(network_members(weights=npy(np.array([Trap()], dtype=object)))),
    "members that are not arrays": lambda: zipped({"format": b"limbeck.ReLUNetwork", "weights": b"1"}),
    "a broken header": lambda: zipped(network_members(weights=b"\x93NUMPY\x01\x00\x08\x00{'a': 1")),
    "a damaged compressed member": corrupt_deflate,
    "an array of 6 petabytes": lambda: enormous(10**14),
    "a shape beyond any integer": lambda: enormous(10**25),
    "a header that does not end": lambda: header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (2"),
    "a header of odd words": lambda: header(b"{'descr': '<f8', 'fortran_order': 1if 1else 0, 'shape': '\\d'}"),
    "damaged LZMA": lambda: compressed_and_damaged(zipfile.ZIP_LZMA),
    "damaged bzip2": lambda: compressed_and_damaged(zipfile.ZIP_BZIP2),
    "an archive of the future": from_a_later_zip,
    "characters beyond Unicode": lambda: zipped(
        network_members(format=npy(np.array("x")).replace(b"x\0\0\0", b"\xff" * 4))
    ),
    "an empty archive": lambda: zipped({}),
    "a wrong checksum": lambda: zipped(network_members()).replace(np.float64(-0.2).tobytes(), bytes(8)),
}


@pytest.mark.parametrize("kind", list(ODD_NPZ))
def test_odd_npz(tmp_path, kind):
    path = tmp_path / "net.npz"
    path.write_bytes(ODD_NPZ[kind]())
    with pytest.raises(ValueError, match=r"net\.npz is not"):
        ReLUNetwork.load(path)


def test_the_damaged_member_of_these_tests_is_damaged():
    with zipfile.ZipFile(io.BytesIO(corrupt_deflate())) as archive, pytest.raises((zlib.error, zipfile.BadZipFile)):
        archive.read("weights.npy")


@pytest.mark.parametrize(
    "header",
    [
        "'<f8', 'shape': (50000000, 0)",
        "'|S0', 'shape': (300000000,)",
        pytest.param("'|i1', 'shape': (400000000,)", marks=pytest.mark.slow),
    ],
)
def test_arrays_that_claim_more_than_they_hold(tmp_path, header):
    """Small files that would become gigabytes of Python objects."""
    NETWORKS["ordinary"]().save(tmp_path / "net.npz")
    text = f"{{'descr': {header.replace(', ', ', ', 1)}, 'fortran_order': False}}"
    text = text.ljust(-(10 + len(text) + 1) % 64 + len(text)) + "\n"
    member = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    member += bytes(400_000_000) if "i1" in header else b""
    with zipfile.ZipFile(tmp_path / "net.npz") as old, zipfile.ZipFile(tmp_path / "bad.npz", "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, member if name == "weights.npy" else old.read(name))
    with pytest.raises(ValueError, match=r"bad\.npz"):
        ReLUNetwork.load(tmp_path / "bad.npz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="files of POSIX")
def test_an_endless_device_is_refused(tmp_path):
    (tmp_path / "net.json").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="more than any network's file"):
        read_content(tmp_path / "net.json", largest=1 << 20)


def test_files_of_absurd_size_are_refused(tmp_path):
    path = tmp_path / "net.json"
    with path.open("wb") as file:
        file.truncate(3 << 30)  # a sparse file of zeros
    with pytest.raises(ValueError, match=r"net\.json holds 3\.0 GiB, more than any network's file"):
        ReLUNetwork.load(path)
    NETWORKS["ordinary"]().save(tmp_path / "net.npz")
    content = bytearray((tmp_path / "net.npz").read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # the last member as the directory lists it
    content[entry + 24 : entry + 28] = (0xC0000000).to_bytes(4, "little")
    (tmp_path / "net.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"3\.0 GiB"):
        ReLUNetwork.load(tmp_path / "net.npz")
