"""The stand-in for a GPU keeps CUDA's rules, or tests that pass on it would mean nothing."""

import numpy as np
import pytest
from in_memory_cuda import FIRST_GPU, GARBAGE, Machine

from mien.protocol.cuda_driver import Copy, CudaError, Way


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def here(machine):
    return machine.process().open_device()


@pytest.fixture
def there(machine):
    return machine.process().open_device()


def upload(driver, target, value, stream, size=64):
    host = driver.allocate_host(size)
    driver.host[host][:] = value
    driver.copy(Copy(Way.UPLOAD, target, size, host, size, size, 1), stream)


def byte_at(driver, pointer):
    allocation, offset = driver._find(pointer)
    return allocation.data[offset]


def test_memory_is_not_cleared_and_there_is_only_so_much(machine, here):
    base = here.allocate(64)
    assert byte_at(here, base) == GARBAGE
    with pytest.raises(CudaError, match="OUT_OF_MEMORY"):
        here.allocate(machine.capacity_bytes)


def test_a_handle_is_of_a_base_and_opens_in_another_process_alone(here, there):
    base = here.allocate(4096)
    with pytest.raises(CudaError, match="INVALID_VALUE"):
        here.export_memory(base + 64)
    handle = here.export_memory(base)
    assert len(handle) == 64 and here.export_memory(base) == handle
    with pytest.raises(CudaError, match="INVALID_CONTEXT"):
        here.open_memory(handle)
    opened = there.open_memory(handle)
    assert there.open_memory(handle) == opened
    there.close_memory(opened)
    assert byte_at(there, opened) == GARBAGE
    there.close_memory(opened)
    with pytest.raises(CudaError, match="INVALID_VALUE"):
        byte_at(there, opened)


def test_memory_freed_while_it_is_open_elsewhere_is_noted(machine, here, there):
    base = here.allocate(64)
    there.open_memory(here.export_memory(base))
    here.free(base)
    assert machine.undefined == ["memory freed that another process has open"]


def test_memory_that_is_free_cannot_be_opened_or_used(here, there):
    base = here.allocate(64)
    handle = here.export_memory(base)
    here.free(base)
    with pytest.raises(CudaError, match="INVALID_HANDLE"):
        there.open_memory(handle)
    with pytest.raises(CudaError, match="INVALID_VALUE"):
        here.free(base)


def test_only_events_made_to_be_shared_are(machine, here, there):
    with pytest.raises(CudaError, match="INVALID_HANDLE"):
        here.export_event(here.create_event(shared=False))
    event = here.create_event(shared=True)
    handle = here.export_event(event)
    with pytest.raises(CudaError, match="INVALID_CONTEXT"):
        here.open_event(handle)
    opened = there.open_event(handle)
    assert there.is_done(opened)  # never recorded
    here.destroy_event(event)
    there.is_done(opened)
    assert machine.undefined == ["cuEventQuery on an event that its maker destroyed"]


def test_work_waits_for_the_event_as_it_was_when_the_wait_was_put_there(machine, here, there):
    base, slow = here.allocate(64), here.create_stream()
    event = here.create_event(shared=True)
    here.streams[slow].held = True
    upload(here, base, 1, slow)
    here.record(event, slow)
    opened, seen = there.open_memory(here.export_memory(base)), there.open_event(
        here.export_event(event)
    )  # fmt: skip
    mine, arrived = there.create_stream(), there.create_event(shared=False)
    copy = there.allocate(64)
    there.wait(mine, seen)
    there.copy(Copy(Way.WITHIN, copy, 64, opened, 64, 64, 1), mine)
    there.record(arrived, mine)
    assert not there.is_done(arrived) and byte_at(there, copy) == GARBAGE
    here.streams[slow].held = False
    assert there.is_done(arrived) and byte_at(there, copy) == 1


def test_a_copy_beyond_its_memory_is_refused(here):
    base, stream = here.allocate(64), here.create_stream()
    with pytest.raises(CudaError, match="INVALID_VALUE"):
        here.copy(Copy(Way.WITHIN, base, 64, base + 32, 64, 64, 1), stream)
    with pytest.raises(CudaError, match="INVALID_VALUE"):
        here.copy(Copy(Way.WITHIN, base, 16, base, 16, 32, 1), stream)


def test_a_lost_gpu_refuses_every_call(machine, here):
    machine.lost.add(FIRST_GPU)
    for call in (lambda: here.allocate(1), here.create_stream, lambda: here.create_event(shared=1)):
        with pytest.raises(CudaError, match="DEVICE_UNAVAILABLE"):
            call()


def test_rows_are_copied_from_pitch_to_pitch(here):
    stream, base, host = here.create_stream(), here.allocate(64), here.allocate_host(12)
    here.host[host][:] = np.arange(12)
    here.copy(Copy(Way.UPLOAD, base, 16, host, 4, 4, 3), stream)
    assert [byte_at(here, base + at) for at in (0, 3, 16, 35)] == [0, 3, 4, 11]
    assert byte_at(here, base + 4) == GARBAGE
