#include "storage/untrusted/file_kind.h"

#include <gtest/gtest.h>

#include <string>

namespace selvedge::untrusted {
namespace {

std::string_view KindOf(std::string_view bytes) {
  return DescribeFileKind({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

TEST(FileKind, NamesWhatPeopleHandOverByMistake) {
  EXPECT_NE(KindOf("version https://git-lfs.github.com/spec/v1\n").find("Git LFS"),
            std::string_view::npos);
  EXPECT_NE(KindOf("\r\n <!DOCTYPE HTML><html>").find("HTML"), std::string_view::npos);
  EXPECT_NE(KindOf("<html lang=\"en\">").find("HTML"), std::string_view::npos);
  EXPECT_NE(KindOf("PK\x03\x04rest").find("ZIP"), std::string_view::npos);
  EXPECT_NE(KindOf("\x89PNG\r\n\x1A\n").find("PNG"), std::string_view::npos);
  EXPECT_NE(KindOf("\x80\x02}q").find("pickle"), std::string_view::npos);
  EXPECT_NE(KindOf("GGUF\x03").find("GGUF"), std::string_view::npos);
  EXPECT_NE(KindOf(std::string("\x40\x00\x00\x00\x00\x00\x00\x00{\"a\":", 14)).find("safetensors"),
            std::string_view::npos);
}

TEST(FileKind, SaysNothingOfUnknownBytes) {
  EXPECT_EQ(KindOf(""), "");
  EXPECT_EQ(KindOf("P"), "");
  EXPECT_EQ(KindOf("hello, world: no known kind"), "");
}

}  // namespace
}  // namespace selvedge::untrusted
