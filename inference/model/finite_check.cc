#include "inference/model/finite_check.h"

#include <atomic>
#include <cstring>

namespace selvedge::inference {
namespace {

// Where the numbers of a tensor lie. A float is NaN or infinite when all bits of its exponent are
// set.
struct Lane {
  size_t stride;  // bytes from one number to the next
  size_t width;   // bytes of a number: 2 or 4
  uint32_t exponent;
  size_t first = 0;
};

Lane LaneOf(const core::DTypeInfo& info) {
  switch (info.type) {
    case core::DType::kF32:
      return {4, 4, 0x7F800000};
    case core::DType::kBF16:
      return {2, 2, 0x7F80};
    default:
      return {info.block_bytes, 2, 0x7C00, info.halves_at};
  }
}

template <typename T>
bool RangeFinite(const uint8_t* data, size_t count, const Lane& lane) {
  const T mask = static_cast<T>(lane.exponent);
  bool finite = true;
  for (size_t i = 0; i < count; ++i) {
    T bits;
    std::memcpy(&bits, data + i * lane.stride, sizeof bits);
    finite &= (bits & mask) != mask;
  }
  return finite;
}

bool LaneFinite(core::ThreadPool& pool, std::span<const uint8_t> data, const Lane& lane) {
  std::atomic<bool> finite{true};
  pool.ParallelFor(data.size() / lane.stride, size_t{1} << 16, [&](size_t begin, size_t end, int) {
    const uint8_t* at = data.data() + begin * lane.stride + lane.first;
    const bool fine = lane.width == 4 ? RangeFinite<uint32_t>(at, end - begin, lane)
                                      : RangeFinite<uint16_t>(at, end - begin, lane);
    if (!fine) finite.store(false, std::memory_order_relaxed);
  });
  return finite.load();
}

}  // namespace

bool AllFinite(core::ThreadPool& pool, const gguf::TensorInfo& tensor) {
  const core::DTypeInfo& info = *core::FindDType(tensor.type);
  if (!info.has_kernels) return true;
  Lane lane = LaneOf(info);
  if (!LaneFinite(pool, tensor.data, lane)) return false;
  for (uint32_t h = 1; h < info.halves; ++h) {
    lane.first += 2;
    if (!LaneFinite(pool, tensor.data, lane)) return false;
  }
  return true;
}

}  // namespace selvedge::inference
