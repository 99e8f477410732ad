// Frames of an actor, copied out of a cuda_ipc ring on the GPU: the C++ consumer (driver API).
//
// Knows the ring's header and slot table (protocol/SPEC.md, section 5), how memory and events of
// another process are opened, and that a copy counts only if its slot's sequence did not move.
// Takes the handles from the file that `consumer.py --share` writes. Linux, 64 bit.
//
//     ./consumer ring.txt frame.ppm 50

#include <cuda.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kHandleBytes = 64;
constexpr std::size_t kTableOffset = 4096;
constexpr std::size_t kRowBytes = 64;
constexpr std::uint32_t kFormatOnDevice = 2;
constexpr int kPatienceMs = 100;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

void check(CUresult result, const char* call) {
    if (result == CUDA_SUCCESS) return;
    const char* name = nullptr;
    cuGetErrorName(result, &name);
    fail(std::string(call) + ": " + (name != nullptr ? name : "unknown error"));
}
#define CUDA(call) check((call), #call)

struct Header {  // SPEC.md, section 5; little endian, naturally aligned
    char magic[8];
    std::uint32_t version, header_bytes;
    std::uint64_t epoch, generation;
    std::uint32_t slot_count, slot_bytes, width, height, stride, format;
    std::uint64_t size_bytes, writer_pid, latest_frame, latest_slot;
    std::uint32_t closed;
};
static_assert(offsetof(Header, latest_frame) == 72 && offsetof(Header, closed) == 88);

struct Row {
    std::uint64_t sequence, frame_id, line_id;
    std::int64_t pts_us;
    std::uint32_t flags, reserved;
    std::int64_t written_us;
    std::uint32_t width, height;
    std::uint64_t reserved2;
};
static_assert(sizeof(Row) == kRowBytes);

struct Told {  // what consumer.py wrote down
    std::string segment, gpu_uuid;
    std::uint64_t size_bytes = 0, epoch = 0, generation = 0, slots = 0;
    CUipcMemHandle memory{};
    std::vector<CUipcEventHandle> events;
};

void unhex(const std::string& text, char* bytes) {
    if (text.size() != 2 * kHandleBytes) fail("a handle has 64 bytes");
    for (std::size_t i = 0; i < kHandleBytes; ++i) {
        bytes[i] = static_cast<char>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
    }
}

Told read_told(const char* path) {
    std::ifstream file(path);
    if (!file) fail(std::string("cannot read ") + path);
    Told told;
    std::string line, key, value;
    while (std::getline(file, line)) {
        std::istringstream(line) >> key >> value;
        if (key == "segment") told.segment = value;
        if (key == "gpu_uuid") told.gpu_uuid = value;
        if (key == "size_bytes") told.size_bytes = std::stoull(value);
        if (key == "epoch") told.epoch = std::stoull(value);
        if (key == "generation") told.generation = std::stoull(value);
        if (key == "slots") told.slots = std::stoull(value);
        if (key == "memory") unhex(value, told.memory.reserved);
        if (key == "event") unhex(value, told.events.emplace_back().reserved);
    }
    if (told.segment.empty() || told.events.size() != told.slots) fail("the file is incomplete");
    return told;
}

// Header and table, mapped read-only. The header is copied once and believed only after a look.
class Table {
  public:
    explicit Table(const Told& told) {
        const int fd = shm_open(told.segment.c_str(), O_RDONLY, 0);
        if (fd < 0) fail("cannot open " + told.segment);
        struct stat found {};
        const bool fits = fstat(fd, &found) == 0 && found.st_uid == geteuid() &&
                          static_cast<std::uint64_t>(found.st_size) >= told.size_bytes &&
                          told.size_bytes >= kTableOffset;
        void* mapped = fits ? mmap(nullptr, told.size_bytes, PROT_READ, MAP_SHARED, fd, 0)
                            : MAP_FAILED;
        close(fd);
        if (mapped == MAP_FAILED) fail(told.segment + " is not what was announced");
        base_ = static_cast<const char*>(mapped);
        bytes_ = told.size_bytes;
        std::memcpy(&header, base_, sizeof header);
        const bool good = std::memcmp(header.magic, "MIENRING", 8) == 0 && header.version == 1 &&
                          header.format == kFormatOnDevice && header.epoch == told.epoch &&
                          header.generation == told.generation &&
                          header.slot_count == told.slots && header.slot_count >= 2 &&
                          header.slot_count <= 64 && header.width >= 16 && header.width <= 4096 &&
                          header.height >= 16 && header.height <= 4096 &&
                          header.stride >= 4 * header.width && header.slot_bytes % 4096 == 0 &&
                          std::uint64_t{header.stride} * header.height <= header.slot_bytes &&
                          kTableOffset + kRowBytes * header.slot_count <= bytes_;
        if (!good) fail("the ring's header is not to be trusted");
    }
    ~Table() { munmap(const_cast<char*>(base_), bytes_); }
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    std::uint64_t word(std::size_t offset) const {
        return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(base_ + offset),
                               __ATOMIC_ACQUIRE);
    }
    std::uint64_t sequence(std::size_t slot) const { return word(kTableOffset + slot * kRowBytes); }
    Row row(std::size_t slot) const {
        Row copy;
        std::memcpy(&copy, base_ + kTableOffset + slot * kRowBytes, sizeof copy);
        return copy;
    }
    bool over() const {  // closed, used anew, or nobody writes it
        if ((word(offsetof(Header, closed)) & 0xffffffffu) != 0) return true;
        if (word(offsetof(Header, epoch)) != header.epoch) return true;
        if (word(offsetof(Header, generation)) != header.generation) return true;
        return kill(static_cast<pid_t>(header.writer_pid), 0) != 0 && errno == ESRCH;
    }

    Header header{};

  private:
    const char* base_ = nullptr;
    std::size_t bytes_ = 0;
};

// The GPU's side: context, memory and events of the daemon, a stream and pinned memory of our own.
class Pixels {
  public:
    Pixels(const Told& told, const Header& header) : header_(header) {
        CUDA(cuInit(0));
        CUDA(cuDevicePrimaryCtxRetain(&context_, device_ = find(told.gpu_uuid)));
        CUDA(cuCtxSetCurrent(context_));
        CUDA(cuIpcOpenMemHandle(&memory_, told.memory, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
        for (const CUipcEventHandle& handle : told.events) {
            CUDA(cuIpcOpenEventHandle(&events_.emplace_back(nullptr), handle));
        }
        CUDA(cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING));
        CUDA(cuEventCreate(&arrived_, CU_EVENT_DISABLE_TIMING));
        CUDA(cuMemHostAlloc(&host_, std::size_t{4} * header.width * header.height, 0));
    }
    // Closing comes before the daemon frees: it waits a grace time after it marked the ring closed,
    // and what CUDA does with memory that is freed while it is open elsewhere is undefined.
    ~Pixels() {
        cuStreamSynchronize(stream_);
        cuIpcCloseMemHandle(memory_);
        for (CUevent event : events_) {
            if (event != nullptr) cuEventDestroy(event);
        }
        cuEventDestroy(arrived_);
        cuMemFreeHost(host_);
        cuStreamDestroy(stream_);
        cuDevicePrimaryCtxRelease(device_);
    }
    Pixels(const Pixels&) = delete;
    Pixels& operator=(const Pixels&) = delete;

    // A copy of the slot's upper left on the host; nullptr when it is not there in time.
    const std::uint8_t* fetch(std::size_t slot, std::uint32_t width, std::uint32_t height) {
        CUDA(cuStreamWaitEvent(stream_, events_[slot], 0));
        CUDA_MEMCPY2D plan{};
        plan.srcMemoryType = CU_MEMORYTYPE_DEVICE;
        plan.srcDevice = memory_ + slot * header_.slot_bytes;
        plan.srcPitch = header_.stride;
        plan.dstMemoryType = CU_MEMORYTYPE_HOST;
        plan.dstHost = host_;
        plan.dstPitch = plan.WidthInBytes = std::size_t{4} * width;
        plan.Height = height;
        CUDA(cuMemcpy2DAsync(&plan, stream_));
        CUDA(cuEventRecord(arrived_, stream_));
        for (int ms = 0; ms < kPatienceMs * 10; ++ms) {
            const CUresult done = cuEventQuery(arrived_);
            if (done == CUDA_SUCCESS) return static_cast<const std::uint8_t*>(host_);
            if (done != CUDA_ERROR_NOT_READY) check(done, "cuEventQuery");
            std::this_thread::sleep_for(std::chrono::microseconds(100));
        }
        fail("the GPU does not finish a copy");
    }

  private:
    static CUdevice find(const std::string& wanted) {
        int count = 0;
        CUDA(cuDeviceGetCount(&count));
        std::string seen;
        for (int ordinal = 0; ordinal < count; ++ordinal) {
            CUdevice device;
            CUuuid uuid;
            CUDA(cuDeviceGet(&device, ordinal));
            CUDA(cuDeviceGetUuid(&uuid, device));
            std::string name = "GPU-";
            for (int i = 0; i < 16; ++i) {
                char digits[3];
                std::snprintf(digits, sizeof digits, "%02x",
                              static_cast<unsigned char>(uuid.bytes[i]));
                name += (i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "") + std::string(digits);
            }
            if (name == wanted) return device;
            seen += " " + name;
        }
        fail("the ring is on " + wanted + ", but this process sees only" + seen);
    }

    Header header_;
    CUdevice device_ = 0;
    CUcontext context_ = nullptr;
    CUdeviceptr memory_ = 0;
    std::vector<CUevent> events_;
    CUstream stream_ = nullptr;
    CUevent arrived_ = nullptr;
    void* host_ = nullptr;
};

struct Frame {
    std::uint64_t id = 0;
    std::int64_t pts_us = 0;
    std::uint32_t width = 0, height = 0;
    std::vector<std::uint8_t> rgba;
};

// One seqlock read of the newest slot: false when there is nothing newer, or it changed meanwhile.
bool read_newest(const Table& table, Pixels& pixels, Frame& frame) {
    const std::uint64_t latest = table.word(offsetof(Header, latest_frame));
    if (latest == 0 || latest == frame.id) return false;
    const std::uint64_t slot = table.word(offsetof(Header, latest_slot));
    if (slot >= table.header.slot_count) fail("a slot that is not there");
    const std::uint64_t before = table.sequence(slot);
    if (before % 2 != 0) return false;
    const Row row = table.row(slot);
    const bool own = row.width == 0 && row.height == 0;
    const std::uint32_t width = own ? table.header.width : row.width;
    const std::uint32_t height = own ? table.header.height : row.height;
    const bool fits = width >= 16 && width <= table.header.width && height >= 16 &&
                      height <= table.header.height;
    const std::uint8_t* data = fits && row.frame_id != 0 ? pixels.fetch(slot, width, height) : nullptr;
    std::atomic_thread_fence(std::memory_order_acquire);
    if (table.sequence(slot) != before || data == nullptr) return false;
    frame = {row.frame_id, row.pts_us, width, height, {data, data + std::size_t{4} * width * height}};
    return true;
}

void write_ppm(const char* path, const Frame& frame) {
    std::ofstream file(path, std::ios::binary);
    file << "P6\n" << frame.width << " " << frame.height << "\n255\n";
    for (std::size_t i = 0; i < frame.rgba.size(); i += 4) {
        file.write(reinterpret_cast<const char*>(&frame.rgba[i]), 3);
    }
    if (!file) fail(std::string("cannot write ") + path);
}

void run(const char* told_path, const char* out, int wanted) {
    const Told told = read_told(told_path);
    const Table table(told);
    Pixels pixels(told, table.header);
    Frame frame;
    int seen = 0;
    while (seen < wanted && !table.over()) {
        if (read_newest(table, pixels, frame)) {
            ++seen;
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }
    if (seen == 0) fail("the ring ended before its first frame");
    write_ppm(out, frame);
    std::printf("%d frames; the last is frame %llu, %ux%u, at %lld us; wrote %s\n", seen,
                static_cast<unsigned long long>(frame.id), frame.width, frame.height,
                static_cast<long long>(frame.pts_us), out);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s RING.TXT OUT.PPM [FRAMES]\n", argv[0]);
        return 2;
    }
    try {
        run(argv[1], argv[2], argc > 3 ? std::atoi(argv[3]) : 50);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "consumer: %s\n", problem.what());
        return 1;
    }
    return 0;
}
