#pragma once
// What a fuzz target gives to the standalone driver; libFuzzer finds its own way.

#include <cstdint>
#include <vector>

// Well-formed inputs to mutate.
std::vector<std::vector<uint8_t>> FuzzSeeds();
