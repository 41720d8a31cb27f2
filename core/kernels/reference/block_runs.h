#pragma once
// Every quantized type as runs of 32 values, in integers as they are stored:
//
//   w[i] = d * scale[i / 16] * q[i] - dmin * min[i / 16]
//
// d * scale * q is exact in f32 for every type (11 + 7 + 5 bits at most), so what is made of a run
// has the same bits whatever the order of the products. Sources of the layouts: ggml's block_q4_0,
// ..., block_q6_K, block_iq4_nl (docs/formats/gguf.md). Not for the ISA files.

#include <cstddef>
#include <cstdint>

#include "core/kernels/reference/half.h"

namespace selvedge::kernels::reference {

struct Run {
  float d = 0;
  float dmin = 0;
  int32_t scale[2] = {1, 1};
  int32_t min[2] = {0, 0};
  int8_t q[32];
};

inline uint16_t LoadU16(const uint8_t* p) { return static_cast<uint16_t>(p[0] | p[1] << 8); }
inline float LoadHalf(const uint8_t* p) { return HalfToFloat(LoadU16(p)); }

// Each type: the geometry of its block and Read(block, which run of the block, out).

struct Q8_0Block {
  static constexpr size_t kValues = 32, kBytes = 34;  // half d; int8 q[32]
  static void Read(const uint8_t* block, size_t, Run* out) {
    out->d = LoadHalf(block);
    for (size_t j = 0; j < 32; ++j) out->q[j] = static_cast<int8_t>(block[2 + j]);
  }
};

// Low nibbles are values 0 to 15, high ones 16 to 31.
inline void ReadNibbles(const uint8_t* qs, int offset, Run* out) {
  for (size_t j = 0; j < 16; ++j) {
    out->q[j] = static_cast<int8_t>((qs[j] & 15) - offset);
    out->q[16 + j] = static_cast<int8_t>((qs[j] >> 4) - offset);
  }
}

// Bit j of qh is bit 4 of value j.
inline void AddFifthBits(const uint8_t* qh, Run* out) {
  for (size_t j = 0; j < 32; ++j) {
    out->q[j] = static_cast<int8_t>(out->q[j] + ((qh[j / 8] >> (j % 8) & 1) << 4));
  }
}

struct Q4_0Block {
  static constexpr size_t kValues = 32, kBytes = 18;  // half d; nibbles[16]
  static void Read(const uint8_t* block, size_t, Run* out) {
    out->d = LoadHalf(block);
    ReadNibbles(block + 2, 8, out);
  }
};

struct Q4_1Block {
  static constexpr size_t kValues = 32, kBytes = 20;  // half d, m; nibbles[16]
  static void Read(const uint8_t* block, size_t, Run* out) {
    out->d = LoadHalf(block);
    out->dmin = -LoadHalf(block + 2);
    out->min[0] = out->min[1] = 1;
    ReadNibbles(block + 4, 0, out);
  }
};

struct Q5_0Block {
  static constexpr size_t kValues = 32, kBytes = 22;  // half d; u32 qh; nibbles[16]
  static void Read(const uint8_t* block, size_t, Run* out) {
    out->d = LoadHalf(block);
    ReadNibbles(block + 6, 16, out);
    AddFifthBits(block + 2, out);
  }
};

struct Q5_1Block {
  static constexpr size_t kValues = 32, kBytes = 24;  // half d, m; u32 qh; nibbles[16]
  static void Read(const uint8_t* block, size_t, Run* out) {
    out->d = LoadHalf(block);
    out->dmin = -LoadHalf(block + 2);
    out->min[0] = out->min[1] = 1;
    ReadNibbles(block + 8, 0, out);
    AddFifthBits(block + 4, out);
  }
};

// The 16 levels of IQ4_NL.
inline constexpr int8_t kNonLinearLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                1,    13,   25,  38,  53,  69,  89,  113};

struct Iq4NlBlock {
  static constexpr size_t kValues = 32, kBytes = 18;  // half d; nibbles[16], indices of levels
  static void Read(const uint8_t* block, size_t, Run* out) {
    out->d = LoadHalf(block);
    for (size_t j = 0; j < 16; ++j) {
      out->q[j] = kNonLinearLevels[block[2 + j] & 15];
      out->q[16 + j] = kNonLinearLevels[block[2 + j] >> 4];
    }
  }
};

// Two bits per value: a byte holds those of four runs.
struct Q2_KBlock {
  static constexpr size_t kValues = 256, kBytes = 84;  // u8 scale_min[16]; qs[64]; half d, dmin
  static void Read(const uint8_t* block, size_t run, Run* out) {
    out->d = LoadHalf(block + 80);
    out->dmin = LoadHalf(block + 82);
    for (size_t h = 0; h < 2; ++h) {
      out->scale[h] = block[2 * run + h] & 15;
      out->min[h] = block[2 * run + h] >> 4;
    }
    const uint8_t* qs = block + 16 + run / 4 * 32;
    for (size_t j = 0; j < 32; ++j) {
      out->q[j] = static_cast<int8_t>(qs[j] >> (2 * (run % 4)) & 3);
    }
  }
};

// Scale j (of 16, 6 bits, 32 added): 4 bits in a nibble of bytes 0 to 7, 2 bits in bytes 8 to 11.
inline int32_t ScaleOfQ3_K(const uint8_t* scales, size_t j) {
  const int low = scales[j % 8] >> (4 * (j / 8)) & 15;
  const int high = scales[8 + j % 4] >> (2 * (j / 4)) & 3;
  return (low | high << 4) - 32;
}

struct Q3_KBlock {
  static constexpr size_t kValues = 256, kBytes = 110;  // hmask[32]; qs[64]; scales[12]; half d
  static void Read(const uint8_t* block, size_t run, Run* out) {
    out->d = LoadHalf(block + 108);
    for (size_t h = 0; h < 2; ++h) out->scale[h] = ScaleOfQ3_K(block + 96, 2 * run + h);
    const uint8_t* qs = block + 32 + run / 4 * 32;
    for (size_t j = 0; j < 32; ++j) {
      const int low = qs[j] >> (2 * (run % 4)) & 3;
      out->q[j] = static_cast<int8_t>((block[j] >> run & 1) != 0 ? low : low - 4);
    }
  }
};

// Scales and minima of Q4_K and Q5_K (8 of each, 6 bits): the first four in the low bits of bytes
// 0 to 3 and 4 to 7; the others in the nibbles of bytes 8 to 11, their high bits above the first.
inline void ReadScaleAndMin(const uint8_t* s, size_t j, Run* out) {
  const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
  const int min = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | s[j] >> 6 << 4;
  out->scale[0] = out->scale[1] = scale;
  out->min[0] = out->min[1] = min;
}

inline void ReadNibblesOfRun(const uint8_t* qs, size_t run, Run* out) {
  const uint8_t* bytes = qs + run / 2 * 32;
  for (size_t j = 0; j < 32; ++j) {
    out->q[j] = static_cast<int8_t>(bytes[j] >> (4 * (run % 2)) & 15);
  }
}

struct Q4_KBlock {
  static constexpr size_t kValues = 256, kBytes = 144;  // half d, dmin; scales[12]; nibbles[128]
  static void Read(const uint8_t* block, size_t run, Run* out) {
    out->d = LoadHalf(block);
    out->dmin = LoadHalf(block + 2);
    ReadScaleAndMin(block + 4, run, out);
    ReadNibblesOfRun(block + 16, run, out);
  }
};

struct Q5_KBlock {
  // half d, dmin; scales[12]; qh[32]; nibbles[128]. Bit `run` of qh[j] is bit 4 of value j.
  static constexpr size_t kValues = 256, kBytes = 176;
  static void Read(const uint8_t* block, size_t run, Run* out) {
    out->d = LoadHalf(block);
    out->dmin = LoadHalf(block + 2);
    ReadScaleAndMin(block + 4, run, out);
    ReadNibblesOfRun(block + 48, run, out);
    for (size_t j = 0; j < 32; ++j) {
      out->q[j] = static_cast<int8_t>(out->q[j] + ((block[16 + j] >> run & 1) << 4));
    }
  }
};

struct Q6_KBlock {
  // ql[128]; qh[64]; int8 scales[16]; half d. The halves of a block are alike: runs 0 and 2 of a
  // half share bytes 0 to 31 of its ql (low and high nibbles), 1 and 3 the other 32.
  static constexpr size_t kValues = 256, kBytes = 210;
  static void Read(const uint8_t* block, size_t run, Run* out) {
    const size_t half = run / 4, part = run % 4;
    out->d = LoadHalf(block + 208);
    for (size_t h = 0; h < 2; ++h) {
      out->scale[h] = static_cast<int8_t>(block[192 + 2 * run + h]);
    }
    const uint8_t* ql = block + 64 * half + 32 * (part % 2);
    const uint8_t* qh = block + 128 + 32 * half;
    for (size_t j = 0; j < 32; ++j) {
      const int low = ql[j] >> (4 * (part / 2)) & 15;
      const int high = qh[j] >> (2 * part) & 3;
      out->q[j] = static_cast<int8_t>((low | high << 4) - 32);
    }
  }
};

}  // namespace selvedge::kernels::reference
