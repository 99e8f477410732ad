"""Engines: lanes fit buckets, keys tell engines apart, and whoever errs is dropped, loudly."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest

from mien.models.engine.buckets import BUCKETS, bucket_for, padded, pieces
from mien.models.engine.cache import EngineCache, EngineKey, weights_digest
from mien.models.engine.executor import EngineError, Port, Ports, run_lanes, run_masked
from mien.models.engine.network import Network, make_executor
from mien.models.engine.self_check import (
    Guarded,
    Tolerance,
    check,
    disagreement,
    random_probe,
)

PORTS = Ports(
    "twice",
    (Port("x", (3,)), Port("by", (1,), lanes=False)),
    (Port("y", (3,)), Port("total", (1,))),
)
KEY = EngineKey(
    network="twice", weights="w", graph="g", gpu_name="NVIDIA H200", gpu_uuid="GPU-1",
    compute_capability="9.0", driver="580.65 CUDA 13.0", builder="tensorrt 10.12.0.36",
    precision="bf16", buckets=BUCKETS,
)  # fmt: skip


class Twice:
    """Doubles lanes, in NumPy: as real an executor as any, of a network of no use."""

    name, ports = "numpy", PORTS

    def __init__(self) -> None:
        self.ran: list[int] = []

    def run(self, bucket, inputs):
        self.ports.check(bucket, inputs)
        self.ran.append(bucket)
        y = inputs["x"] * inputs["by"]
        return {"y": y, "total": y.sum(1, keepdims=True)}

    def host(self, value):
        return value


class Wrong(Twice):
    """Errs as engines do: it is a little off, from some bucket on."""

    name = "wrong"

    def __init__(self, off=0.1, beyond=8):
        super().__init__()
        self.off, self.beyond = off, beyond

    def run(self, bucket, inputs):
        given = super().run(bucket, inputs)
        if bucket > self.beyond:
            given["y"] = given["y"] + self.off * np.abs(given["y"]).max()
        return given


class Mortal(Twice):
    """Works until its device is gone."""

    name, alive = "mortal", True

    def run(self, bucket, inputs):
        if not self.alive:
            raise RuntimeError("CUDA error: device is lost")
        return super().run(bucket, inputs)


def inputs_of(lanes):
    x = np.arange(lanes * 3, dtype=np.float32).reshape(lanes, 3)
    return {"x": x, "by": np.array([2.0], np.float32)}


@pytest.mark.parametrize(("lanes", "bucket"), [(1, 1), (2, 2), (3, 4), (9, 16), (33, 64), (64, 64)])
def test_the_smallest_bucket_that_holds_them_is_taken(lanes, bucket):
    assert bucket_for(lanes) == bucket


@pytest.mark.parametrize("lanes", [0, -1, 65])
def test_no_bucket_holds_nobody_or_too_many(lanes):
    with pytest.raises(ValueError, match="1 to 64 lanes"):
        bucket_for(lanes)


def test_what_fits_is_not_copied_and_what_does_not_is_filled_with_zero():
    array = np.ones((3, 2), np.float32)
    assert padded(array, 3) is array
    wide = padded(array, 4)
    assert wide.shape == (4, 2) and wide[:3].all() and not wide[3].any()
    with pytest.raises(ValueError, match="3 lanes do not fit a bucket of 2"):
        padded(array, 2)


@pytest.mark.parametrize("lanes", [1, 3, 64, 65, 130])
def test_any_number_of_lanes_comes_out_as_it_went_in(lanes):
    executor = Twice()
    found = run_lanes(executor, inputs_of(lanes))
    np.testing.assert_array_equal(found["y"], 2 * inputs_of(lanes)["x"])
    np.testing.assert_array_equal(found["total"][:, 0], found["y"].sum(1))
    assert executor.ran == [bucket_for(part.stop - part.start) for part in pieces(lanes)]


def test_lanes_outside_the_mask_stay_as_they_were_and_cost_nothing():
    executor, mask = Twice(), np.array([True, False, True, False, False])
    rest = {"y": np.full((5, 3), -1, np.float32), "total": np.full((5, 1), -1, np.float32)}
    found = run_masked(executor, inputs_of(5), mask, rest)
    np.testing.assert_array_equal(found["y"][mask], 2 * inputs_of(5)["x"][mask])
    assert (found["y"][~mask] == -1).all() and (rest["y"] == -1).all()
    assert executor.ran == [2]
    assert (run_masked(executor, inputs_of(5), np.zeros(5, bool), rest)["y"] == -1).all()
    assert executor.ran == [2]


def test_inputs_that_do_not_fit_are_named():
    with pytest.raises(EngineError, match=r"takes by \[1\], x \[2, 3\]; it was given x \[2, 4\]"):
        Twice().run(2, {"x": np.zeros((2, 4), np.float32)})
    with pytest.raises(EngineError, match="as many lanes"):
        run_lanes(Twice(), inputs_of(0))


def test_every_part_of_a_key_makes_another_engine():
    others = [
        dataclasses.replace(KEY, **{name: (1, 2) if name == "buckets" else value + "!"})
        for name, value in dataclasses.asdict(KEY).items()
    ]
    names = {key.filename for key in (KEY, *others)}
    assert len(names) == len(others) + 1
    assert KEY.filename == dataclasses.replace(KEY).filename


def test_weights_are_told_apart_by_value_name_shape_and_format():
    one = {"a": np.arange(4, dtype=np.float32), "b": np.zeros(2, np.float32)}
    nudged = one["a"].copy()
    nudged[3] = np.nextafter(nudged[3], np.float32(9))
    others = [
        {"a": nudged, "b": one["b"]},
        {"c": one["a"], "b": one["b"]},
        {"a": one["a"].reshape(2, 2), "b": one["b"]},
        {"a": one["a"].astype(np.float64), "b": one["b"]},
        {"a": one["a"]},
    ]
    assert len({weights_digest(w) for w in (one, *others)}) == 6
    assert weights_digest(dict(reversed(one.items()))) == weights_digest(one)


def test_an_engine_is_found_again_by_its_own_key_alone(tmp_path):
    cache = EngineCache(tmp_path / "engines")
    assert cache.load(KEY) is None
    cache.store(KEY, b"a plan\nof two lines")
    assert EngineCache(tmp_path / "engines").load(KEY) == b"a plan\nof two lines"
    assert cache.load(dataclasses.replace(KEY, driver="590.1 CUDA 13.0")) is None
    assert [path.name for path in cache.folder.iterdir()] == [KEY.filename]
    assert cache.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["cut", "changed", "foreign", "another's", "no header"])
def test_a_damaged_engine_is_thrown_away_and_said(tmp_path, caplog, damage):
    cache, engine = EngineCache(tmp_path), bytes(range(256)) * 9
    cache.store(KEY, engine)
    path = tmp_path / KEY.filename
    kept = path.read_bytes()
    if damage == "another's":
        other = dataclasses.replace(KEY, weights="others")
        cache.store(other, engine)
        (tmp_path / other.filename).replace(path)
    else:
        path.write_bytes(
            {"cut": kept[:-1], "changed": kept[:-1] + b"\0", "foreign": engine,
             "no header": kept[:14] + b"[1, 2]\n" + engine}[damage]
        )  # fmt: skip
    assert cache.load(KEY) is None
    assert not path.exists()
    assert "is damaged; building it anew" in caplog.text


def test_a_folder_that_cannot_be_written_costs_the_cache_and_no_more(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    EngineCache(blocked / "engines").store(KEY, b"a plan")
    assert "cannot be kept" in caplog.text


def test_a_right_executor_passes_its_check_and_a_wrong_one_is_named():
    probe = random_probe(PORTS)
    check(Twice(), Twice(), Tolerance(), probe)
    with pytest.raises(EngineError, match=r"at 16 lanes 'y' is off by .*, more than"):
        check(Wrong(), Twice(), Tolerance(), probe)
    check(Wrong(off=0.001), Twice(), Tolerance(), probe)  # half formats are that far off


def test_what_is_wrong_with_outputs_is_said():
    right = {"y": np.ones((2, 3), np.float32)}
    by = Tolerance()
    assert disagreement(right, right, by) == ""
    assert "is not finite" in disagreement({"y": right["y"] * np.nan}, right, by)
    assert "[3, 2], not [2, 3]" in disagreement({"y": right["y"].T}, right, by)
    assert "gives ['z']" in disagreement({"z": right["y"]}, right, by)


def test_a_fast_executor_that_is_right_does_the_work():
    fast, reference = Mortal(), Twice()
    guarded = Guarded(lambda: fast, reference, "Mortal")
    asked = len(reference.ran)
    run_lanes(guarded, inputs_of(2))
    assert guarded.name == "mortal" and guarded.reason == ""
    assert asked == len(BUCKETS) == len(reference.ran)


def test_one_that_gives_wrong_numbers_never_works(caplog):
    fast, reference = Wrong(), Twice()
    with caplog.at_level(logging.ERROR):
        guarded = Guarded(lambda: fast, reference, "TensorRT")
    checked = len(fast.ran)
    found = run_lanes(guarded, inputs_of(20))
    np.testing.assert_array_equal(found["y"], 2 * inputs_of(20)["x"])
    assert guarded.name == "numpy" and len(fast.ran) == checked
    assert "at 16 lanes 'y' is off by" in guarded.reason
    assert "TensorRT does not run the network 'twice'" in caplog.text
    assert "numpy runs it instead" in caplog.text


def test_one_that_cannot_be_built_is_said_with_its_reason(caplog):
    def broken():
        raise MemoryError("out of device memory")

    guarded = Guarded(broken, Twice(), "TensorRT")
    assert guarded.reason == "MemoryError: out of device memory"
    assert "out of device memory" in caplog.text and guarded.name == "numpy"


def test_one_that_dies_at_work_is_replaced_within_the_run_and_for_good(caplog):
    fast, reference = Mortal(), Twice()
    guarded = Guarded(lambda: fast, reference, "TensorRT")
    fast.alive = False
    found = run_lanes(guarded, inputs_of(3))
    np.testing.assert_array_equal(found["y"], 2 * inputs_of(3)["x"])
    fast.alive = True
    run_lanes(guarded, inputs_of(3))
    assert guarded.name == "numpy" and "device is lost" in guarded.reason
    assert caplog.text.count("TensorRT does not run") == 1


def test_profiles_that_cannot_be_had_say_what_to_do(monkeypatch, tmp_path):
    network = Network(PORTS, "w", module=Twice)
    with pytest.raises(EngineError, match="no engine profile 'tpu'; there are openvino, torch, te"):
        make_executor(network, "tpu")
    with pytest.raises(EngineError, match="'twice' has no OpenVINO form"):
        make_executor(network, "openvino")
    monkeypatch.setattr("mien.models.engine.network.find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"needs torch, .* pip install 'mien\[gpu\]'"):
        make_executor(network, "tensorrt", cache=tmp_path)
