// Prints what ggml makes of pseudo-random blocks and values, for golden_test.cc. Not part of the
// build. With llama.cpp built in $L (static libraries):
//
//   gcc -O1 -I$L/ggml/include -I$L/ggml/src ggml_golden.c -o ggml_golden \
//     $L/build/ggml/src/libggml.a $L/build/ggml/src/libggml-cpu.a $L/build/ggml/src/libggml-base.a \
//     -lstdc++ -lm -lpthread -fopenmp && ./ggml_golden

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ggml-cpu.h"
#include "ggml.h"

enum { kValues = 4096 };

static uint64_t state;

// SplitMix64 (Steele, Lea, Flood 2014).
static uint64_t Next(void) {
  uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// Sums of four uniform numbers: bell-shaped, exact on every machine.
static float NextValue(void) {
  float sum = 0;
  for (int i = 0; i < 4; ++i) sum += (float)(Next() >> 40) * 0x1p-24f - 0.5f;
  return sum;
}

static uint64_t Fnv(const void* data, size_t n) {  // FNV-1a, 64 bits
  uint64_t hash = 0xCBF29CE484222325u;
  for (size_t i = 0; i < n; ++i) hash = (hash ^ ((const uint8_t*)data)[i]) * 0x100000001B3u;
  return hash;
}

// type, offset of the f16 numbers in a block, how many
static const int kTypes[][3] = {{2, 0, 1},   {3, 0, 2},  {6, 0, 1},  {7, 0, 2},    {8, 0, 1}, {10, 80, 2},
                                {11, 108, 1}, {12, 0, 2}, {13, 0, 2}, {14, 208, 1}, {20, 0, 1}};

int main(void) {
  ggml_cpu_init();
  static float x[kValues], y[kValues];
  static uint8_t blocks[kValues * 4], rounded[kValues * 4];
  for (size_t t = 0; t < sizeof kTypes / sizeof kTypes[0]; ++t) {
    const enum ggml_type type = (enum ggml_type)kTypes[t][0];
    const size_t bytes = ggml_row_size(type, kValues), block = ggml_type_size(type);
    state = 1;
    for (size_t i = 0; i < bytes; ++i) blocks[i] = (uint8_t)Next();
    for (size_t b = 0; b < bytes; b += block) {
      for (int h = 0; h < kTypes[t][2]; ++h) {
        uint8_t* high = &blocks[b + kTypes[t][1] + 2 * h + 1];
        *high = (uint8_t)((*high & 0x9F) | 0x10);  // a normal number below 2^-3, either sign
      }
    }
    ggml_get_type_traits(type)->to_float(blocks, y, kValues);
    const uint64_t values = Fnv(y, sizeof y);

    state = 2;
    for (int i = 0; i < kValues; ++i) x[i] = NextValue();
    const struct ggml_type_traits_cpu* cpu = ggml_get_type_traits_cpu(type);
    ggml_get_type_traits_cpu(cpu->vec_dot_type)->from_float(x, rounded, kValues);
    float dot = 0;
    cpu->vec_dot(kValues, &dot, 0, blocks, 0, rounded, 0, 1);

    ggml_quantize_chunk(type, x, blocks, 0, 1, kValues, NULL);
    printf("    {DType::k%s, 0x%016llxu, %.9gf, 0x%016llxu},\n", ggml_type_name(type),
           (unsigned long long)values, dot, (unsigned long long)Fnv(blocks, bytes));
  }
  return 0;
}
