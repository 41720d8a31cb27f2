#include "inference/model/finite_check.h"

#include <atomic>
#include <cstring>

namespace selvedge::inference {
namespace {

// A float is NaN or infinite when all bits of its exponent are set.
struct Lane {
  size_t stride;  // bytes from one number to the next
  size_t width;   // bytes of a number: 2 or 4
  uint32_t exponent;
};

Lane LaneOf(core::DType type) {
  switch (type) {
    case core::DType::kF32:
      return {4, 4, 0x7F800000};
    case core::DType::kF16:
      return {2, 2, 0x7C00};
    case core::DType::kBF16:
      return {2, 2, 0x7F80};
    case core::DType::kQ8_0:
      return {34, 2, 0x7C00};
    case core::DType::kQ4_0:
      return {18, 2, 0x7C00};
    default:
      return {0, 0, 0};
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

}  // namespace

bool AllFinite(core::ThreadPool& pool, const gguf::TensorInfo& tensor) {
  const Lane lane = LaneOf(tensor.type);
  if (lane.stride == 0) return true;
  std::atomic<bool> finite{true};
  pool.ParallelFor(
      tensor.data.size() / lane.stride, size_t{1} << 16, [&](size_t begin, size_t end, int) {
        const uint8_t* at = tensor.data.data() + begin * lane.stride;
        const bool fine = lane.width == 4 ? RangeFinite<uint32_t>(at, end - begin, lane)
                                          : RangeFinite<uint16_t>(at, end - begin, lane);
        if (!fine) finite.store(false, std::memory_order_relaxed);
      });
  return finite.load();
}

}  // namespace selvedge::inference
