#include "core/huge_pages.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <thread>

#include "core/digest.h"
#include "core/file_io.h"
#include "core/mapped_file.h"
#include "tests/core/temp_folder.h"

namespace selvedge::core {
namespace {

// Beyond two chunks of the copy and no whole number of pages.
constexpr size_t kSize = (size_t{37} << 20) + 12345;

std::shared_ptr<const MappedFile> MapTestFile(const TempFolder& folder) {
  std::vector<uint8_t> bytes(kSize);
  for (size_t i = 0; i < kSize; ++i) bytes[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
  EXPECT_TRUE(WriteFileAtomic(folder.Path("weights"), bytes).ok());
  return MappedFile::Open(folder.Path("weights")).value();
}

// KiB of the mapping at `address` that lie in anonymous huge pages.
int64_t HugeKiB(const uint8_t* address, size_t size) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  int64_t sum = 0;
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long long from = 0, to = 0;
    long long kib = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx ", &from, &to) == 2) {
      inside = from < begin + size && to > begin;
    } else if (inside && std::sscanf(line.c_str(), "AnonHugePages: %lld", &kib) == 1) {
      sum += kib;
    }
  }
  return sum;
}

TEST(HugePages, HoldTheSameBytesAtTheSameAddresses) {
  const TempFolder folder;
  const auto file = MapTestFile(folder);
  const Sha256Digest before = Sha256Of(file->bytes());
  ThreadPool pool(2);
  ASSERT_TRUE(MoveToHugePages(file->bytes(), pool).ok());
  EXPECT_EQ(Sha256Of(file->bytes()), before);
  if (HugePagesAvailable()) {
    EXPECT_GT(HugeKiB(file->bytes().data(), kSize), 16 << 10);
  }
}

TEST(HugePages, TheFileIsNoLongerNeeded) {
  const TempFolder folder;
  const auto file = MapTestFile(folder);
  const Sha256Digest before = Sha256Of(file->bytes());
  ThreadPool pool(1);
  ASSERT_TRUE(MoveToHugePages(file->bytes(), pool).ok());
  ASSERT_EQ(::truncate(folder.Path("weights").c_str(), 0), 0);
  EXPECT_EQ(Sha256Of(file->bytes()), before);
  EXPECT_TRUE(file->Intact().ok());
}

TEST(HugePages, OthersMayReadMeanwhile) {
  const TempFolder folder;
  const auto file = MapTestFile(folder);
  const std::span<const uint8_t> bytes = file->bytes();
  const uint64_t expected = std::accumulate(bytes.begin(), bytes.end(), uint64_t{0});
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, rounds{0};
  std::thread reader([&] {
    while (!stop) {
      wrong += std::accumulate(bytes.begin(), bytes.end(), uint64_t{0}) != expected;
      ++rounds;
    }
  });
  ThreadPool pool(2);
  EXPECT_TRUE(MoveToHugePages(bytes, pool).ok());
  const int before = rounds;
  while (rounds < before + 2) std::this_thread::yield();
  stop = true;
  reader.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace selvedge::core
