// The trainer keeps to the part of LibTorch that its mobile-lite library ships.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>

namespace {

namespace fs = std::filesystem;

bool IsAllowed(const std::string& header) {
  return header.rfind("ATen/", 0) == 0 || header.rfind("c10/", 0) == 0 ||
         header.rfind("torch/csrc/autograd/", 0) == 0 ||
         header.rfind("torch/csrc/jit/mobile/", 0) == 0;
}

TEST(TorchIncludes, StayWithinTheMobileSubset) {
  const std::regex include("#include *[<\"]((ATen|c10|torch|caffe2)/[^>\"]*)[>\"]");
  int seen = 0;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(SELVEDGE_SOURCE_DIR) / "trainer")) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".cc" && extension != ".h" && extension != ".inc") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      if (!std::regex_search(line, match, include)) continue;
      ++seen;
      EXPECT_TRUE(IsAllowed(match[1])) << entry.path().filename() << " includes " << match[1];
    }
  }
  EXPECT_GT(seen, 10);
  EXPECT_FALSE(IsAllowed("torch/torch.h"));
  EXPECT_FALSE(IsAllowed("torch/nn.h"));
}

}  // namespace
