#pragma once
// The values of the quantized types in NEON registers. In an anonymous namespace on purpose: every
// file of an instruction set gets its own copy (see arm_kernels.h). Layouts:
// reference/block_runs.h.

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace selvedge::kernels::arm {
namespace {

inline float HalfAt(const uint8_t* p) {
  __fp16 half;
  __builtin_memcpy(&half, p, sizeof half);
  return half;
}

inline int8x16_t Signed(uint8x16_t bytes) { return vreinterpretq_s8_u8(bytes); }

// Blocks of 32. Each type: the values without their scale, signed, and where its minimum lies (0 if
// it has none); the scale is the half at the block's beginning.
struct Q8_0 {
  static constexpr size_t kBytes = 34, kMinAt = 0;
  static int8x16x2_t Load(const uint8_t* block) {
    return {Signed(vld1q_u8(block + 2)), Signed(vld1q_u8(block + 18))};
  }
};

// 16 bytes of nibbles: the low ones first.
inline uint8x16x2_t Nibbles(const uint8_t* p) {
  const uint8x16_t q = vld1q_u8(p);
  return {vandq_u8(q, vdupq_n_u8(15)), vshrq_n_u8(q, 4)};
}

// Bit i of the two bytes at p as bit 4 of byte i.
inline uint8x16_t FifthBits(const uint8_t* p) {
  const uint8x16_t bytes = vcombine_u8(vdup_n_u8(p[0]), vdup_n_u8(p[1]));
  const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201u));
  return vandq_u8(vtstq_u8(bytes, bit), vdupq_n_u8(16));
}

inline int8x16x2_t Less(uint8x16x2_t q, uint8_t offset) {
  const uint8x16_t o = vdupq_n_u8(offset);
  return {Signed(vsubq_u8(q.val[0], o)), Signed(vsubq_u8(q.val[1], o))};
}

inline uint8x16x2_t FiveBits(const uint8_t* high, const uint8_t* nibbles) {
  const uint8x16x2_t q = Nibbles(nibbles);
  return {vorrq_u8(q.val[0], FifthBits(high)), vorrq_u8(q.val[1], FifthBits(high + 2))};
}

struct Q4_0 {
  static constexpr size_t kBytes = 18, kMinAt = 0;
  static int8x16x2_t Load(const uint8_t* block) { return Less(Nibbles(block + 2), 8); }
};

struct Q4_1 {
  static constexpr size_t kBytes = 20, kMinAt = 2;
  static int8x16x2_t Load(const uint8_t* block) { return Less(Nibbles(block + 4), 0); }
};

struct Q5_0 {
  static constexpr size_t kBytes = 22, kMinAt = 0;
  static int8x16x2_t Load(const uint8_t* block) { return Less(FiveBits(block + 2, block + 6), 16); }
};

struct Q5_1 {
  static constexpr size_t kBytes = 24, kMinAt = 2;
  static int8x16x2_t Load(const uint8_t* block) { return Less(FiveBits(block + 4, block + 8), 0); }
};

struct IQ4_NL {
  static constexpr size_t kBytes = 18, kMinAt = 0;
  static int8x16x2_t Load(const uint8_t* block) {
    static constexpr int8_t kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                           1,    13,   25,  38,  53,  69,  89,  113};
    const int8x16_t levels = vld1q_s8(kLevels);
    const uint8x16x2_t q = Nibbles(block + 2);
    return {vqtbl1q_s8(levels, q.val[0]), vqtbl1q_s8(levels, q.val[1])};
  }
};

// Blocks of 256. Each type: the 32 levels of a run, unsigned (at most 63); 16 scales, one for each
// 16 values; kMin: has minima, else values are levels - kOffset; where its halves lie.
template <int shift>
inline uint8x16_t ShiftedRight(uint8x16_t v) {
  if constexpr (shift == 0) {
    return v;
  } else {
    return vshrq_n_u8(v, shift);
  }
}

// (bytes >> shift) & mask of 32 bytes.
template <int shift>
inline uint8x16x2_t Bits(const uint8_t* p, uint8_t mask) {
  const uint8x16_t m = vdupq_n_u8(mask);
  return {vandq_u8(ShiftedRight<shift>(vld1q_u8(p)), m),
          vandq_u8(ShiftedRight<shift>(vld1q_u8(p + 16)), m)};
}

// low | high << shift
template <int shift>
inline uint8x16x2_t Joined(uint8x16x2_t low, uint8x16x2_t high) {
  return {vorrq_u8(low.val[0], vshlq_n_u8(high.val[0], shift)),
          vorrq_u8(low.val[1], vshlq_n_u8(high.val[1], shift))};
}

inline uint32_t LoadU32(const uint8_t* p) {
  uint32_t value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

// Each of 8 bytes twice: Q4_K and Q5_K have one scale for 32 values.
inline uint8x16_t Twice(uint32_t low, uint32_t high) {
  const uint8x16_t eight = vreinterpretq_u8_u64(vdupq_n_u64(uint64_t{high} << 32 | low));
  return vzip1q_u8(eight, eight);
}

struct Q2_K {
  static constexpr size_t kBytes = 84, kDAt = 80, kDMinAt = 82;
  static constexpr bool kMin = true;
  static constexpr uint8_t kOffset = 0;
  static int8x16_t Scales(const uint8_t* b) {
    return Signed(vandq_u8(vld1q_u8(b), vdupq_n_u8(15)));
  }
  static uint8x16_t Mins(const uint8_t* b) { return vshrq_n_u8(vld1q_u8(b), 4); }
  template <int run>
  static uint8x16x2_t Levels(const uint8_t* b) {
    return Bits<2 * (run % 4)>(b + 16 + run / 4 * 32, 3);
  }
};

struct Q3_K {
  static constexpr size_t kBytes = 110, kDAt = 108;
  static constexpr bool kMin = false;
  static constexpr uint8_t kOffset = 4;
  static int8x16_t Scales(const uint8_t* b) {
    const uint32_t low = LoadU32(b + 96), mid = LoadU32(b + 100), high = LoadU32(b + 104);
    const auto six = [](uint32_t four, uint32_t two) {
      return (four & 0x0F0F0F0F) | (two & 0x03030303) << 4;
    };
    const uint32_t words[4] = {six(low, high), six(mid, high >> 2), six(low >> 4, high >> 4),
                               six(mid >> 4, high >> 6)};
    return Signed(vsubq_u8(vreinterpretq_u8_u32(vld1q_u32(words)), vdupq_n_u8(32)));
  }
  template <int run>
  static uint8x16x2_t Levels(const uint8_t* b) {
    return Joined<2>(Bits<2 * (run % 4)>(b + 32 + run / 4 * 32, 3), Bits<run>(b, 1));
  }
};

struct Q4_K {
  static constexpr size_t kBytes = 144, kDAt = 0, kDMinAt = 2;
  static constexpr bool kMin = true;
  static constexpr uint8_t kOffset = 0;
  static int8x16_t Scales(const uint8_t* b) {
    const uint32_t first = LoadU32(b + 4), last = LoadU32(b + 12);
    return Signed(Twice(first & 0x3F3F3F3F, (last & 0x0F0F0F0F) | (first >> 6 & 0x03030303) << 4));
  }
  static uint8x16_t Mins(const uint8_t* b) {
    const uint32_t first = LoadU32(b + 8), last = LoadU32(b + 12);
    return Twice(first & 0x3F3F3F3F, (last >> 4 & 0x0F0F0F0F) | (first >> 6 & 0x03030303) << 4);
  }
  template <int run>
  static uint8x16x2_t Levels(const uint8_t* b) {
    return Bits<4 * (run % 2)>(b + 16 + run / 2 * 32, 15);
  }
};

struct Q5_K : Q4_K {
  static constexpr size_t kBytes = 176;
  template <int run>
  static uint8x16x2_t Levels(const uint8_t* b) {
    return Joined<4>(Bits<4 * (run % 2)>(b + 48 + run / 2 * 32, 15), Bits<run>(b + 16, 1));
  }
};

struct Q6_K {
  static constexpr size_t kBytes = 210, kDAt = 208;
  static constexpr bool kMin = false;
  static constexpr uint8_t kOffset = 32;
  static int8x16_t Scales(const uint8_t* b) { return Signed(vld1q_u8(b + 192)); }
  template <int run>
  static uint8x16x2_t Levels(const uint8_t* b) {
    constexpr int kHalf = run / 4, kPart = run % 4;
    return Joined<4>(Bits<4 * (kPart / 2)>(b + 64 * kHalf + 32 * (kPart % 2), 15),
                     Bits<2 * kPart>(b + 128 + 32 * kHalf, 3));
  }
};

// What meets the sums of 16 activations: the minima, or the scales times the offset of the levels.
template <typename Type>
inline int16x8x2_t Biases(const uint8_t* block) {
  if constexpr (Type::kMin) {
    const uint8x16_t mins = Type::Mins(block);
    return {vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(mins))),
            vreinterpretq_s16_u16(vmovl_high_u8(mins))};
  } else {
    const int8x16_t scales = Type::Scales(block);
    return {vmulq_n_s16(vmovl_s8(vget_low_s8(scales)), Type::kOffset),
            vmulq_n_s16(vmovl_high_s8(scales), Type::kOffset)};
  }
}

// The scale of the products and that of the biases, without the activations' scale.
template <typename Type>
inline void BlockScales(const uint8_t* block, float* d, float* bias) {
  *d = HalfAt(block + Type::kDAt);
  if constexpr (Type::kMin) {
    *bias = -HalfAt(block + Type::kDMinAt);
  } else {
    *bias = -*d;
  }
}

}  // namespace
}  // namespace selvedge::kernels::arm
