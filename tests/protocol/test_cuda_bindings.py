"""What is said where rings on a GPU cannot be had, and that a thread's own context is left alone.

`cuda.bindings` itself is a stand-in here, of the form that its documentation gives; the calls are
made for real by the tests marked `gpu`.
"""

from __future__ import annotations

import enum
import sys
import types

import pytest

from mien.protocol import cuda_bindings
from mien.protocol.cuda_driver import CudaError, gpu_name
from mien.protocol.errors import GpuLostError, GpuMismatchError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="rings on a GPU are for Linux")
UUID = bytes(range(16))
NAME = "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f"


class Result(enum.Enum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_VALUE = 1
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_NO_DEVICE = 100


class Bindings(types.ModuleType):
    """The module `cuda.bindings.driver` of a machine with one GPU."""

    def __init__(self):
        super().__init__("cuda.bindings.driver")
        attribute = types.SimpleNamespace(CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED=125)
        self.CUdevice_attribute = attribute
        self.results = {}
        self.shares = 1
        self.contexts = []

    def _answer(self, call, *values):
        return (self.results.get(call, Result.CUDA_SUCCESS), *values)

    def cuInit(self, flags):
        if isinstance(self.results.get("cuInit"), Exception):
            raise self.results["cuInit"]
        return self._answer("cuInit")

    def cuDeviceGetCount(self):
        return self._answer("cuDeviceGetCount", 1)

    def cuDeviceGet(self, ordinal):
        return self._answer("cuDeviceGet", ordinal)

    def cuDeviceGetAttribute(self, attribute, device):
        return self._answer("cuDeviceGetAttribute", self.shares)

    def cuDeviceGetUuid(self, device):
        return self._answer("cuDeviceGetUuid", types.SimpleNamespace(bytes=UUID))

    def cuDevicePrimaryCtxRetain(self, device):
        return self._answer("cuDevicePrimaryCtxRetain", "primary")

    def cuCtxPushCurrent(self, context):
        self.contexts.append(context)
        return self._answer("cuCtxPushCurrent")

    def cuCtxPopCurrent(self):
        return self._answer("cuCtxPopCurrent", self.contexts.pop())

    def cuMemAlloc(self, size):
        assert self.contexts == ["the caller's", "primary"]
        return self._answer("cuMemAlloc", 4096)


@pytest.fixture
def bindings(monkeypatch):
    made = Bindings()
    package = types.ModuleType("cuda.bindings")
    package.driver = made
    monkeypatch.setitem(sys.modules, "cuda", types.ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.bindings", package)
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", made)
    monkeypatch.setattr(cuda_bindings, "_devices", {})
    return made


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda", None)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    assert "mien[gpu]" in cuda_bindings.why_not()
    with pytest.raises(GpuLostError, match="cuda-bindings"):
        cuda_bindings.open_device()


def test_without_a_driver_it_says_what_the_loader_said(bindings):
    bindings.results["cuInit"] = RuntimeError("libcuda.so.1 was not found\nand more")
    assert cuda_bindings.why_not() == "there is no NVIDIA driver: libcuda.so.1 was not found"


def test_a_driver_without_a_device_is_quoted(bindings):
    bindings.results["cuInit"] = Result.CUDA_ERROR_NO_DEVICE
    assert cuda_bindings.why_not() == "the NVIDIA driver says CUDA_ERROR_NO_DEVICE"


def test_a_driver_too_old_to_be_asked_is_quoted(bindings):
    bindings.results["cuDeviceGetAttribute"] = Result.CUDA_ERROR_INVALID_VALUE
    assert "cuDeviceGetAttribute: CUDA_ERROR_INVALID_VALUE" in cuda_bindings.why_not()


def test_a_gpu_that_shares_nothing_does_not_count(bindings):
    bindings.shares = 0
    assert "no GPU here lets processes share" in cuda_bindings.why_not()
    with pytest.raises(GpuLostError, match="no GPU"):
        cuda_bindings.open_device()


def test_devices_are_known_by_their_names(bindings):
    assert cuda_bindings.why_not() is None
    device = cuda_bindings.open_device(NAME)
    assert (device.uuid, device.ordinal) == (NAME, 0) == (gpu_name(UUID), 0)
    assert cuda_bindings.open_device() is device
    other = NAME.replace("0f", "10")
    with pytest.raises(GpuMismatchError) as caught:
        cuda_bindings.open_device(other)
    assert NAME in caught.value.message and other in caught.value.message


def test_a_call_leaves_the_threads_own_context_as_it_was(bindings):
    device = cuda_bindings.open_device()
    bindings.contexts.append("the caller's")
    assert device.allocate(64) == 4096
    bindings.results["cuMemAlloc"] = Result.CUDA_ERROR_OUT_OF_MEMORY
    with pytest.raises(CudaError, match="cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY"):
        device.allocate(64)
    assert bindings.contexts == ["the caller's"]


def test_a_fork_does_not_use_its_parents_device(bindings, monkeypatch):
    device = cuda_bindings.open_device()
    monkeypatch.setattr(cuda_bindings.os, "getpid", lambda: -1)
    with pytest.raises(CudaError, match="fork"):
        device.allocate(64)
    assert bindings.contexts == []


def test_importing_the_reader_of_such_rings_imports_no_cuda():
    import subprocess

    code = "import sys, mien.protocol.cuda_ring; print('cuda' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
