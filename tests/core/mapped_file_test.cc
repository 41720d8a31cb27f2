#include "core/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/file_io.h"
#include "tests/core/temp_folder.h"

namespace selvedge::core {
namespace {

TEST(MappedFile, HoldsTheBytesOfTheFile) {
  const TempFolder folder;
  const std::string path = folder.Path("bytes");
  std::vector<uint8_t> bytes(100001);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 31);
  ASSERT_TRUE(WriteFileAtomic(path, bytes).ok());
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  ASSERT_EQ((*file)->bytes().size(), bytes.size());
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), (*file)->bytes().begin()));
  EXPECT_EQ((*file)->name(), path);
}

TEST(MappedFile, EmptyFileHasNoBytes) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder.Path("empty"), std::string()).ok());
  const auto file = MappedFile::Open(folder.Path("empty"));
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE((*file)->bytes().empty());
}

TEST(MappedFile, StaysReadableAfterTheFileIsReplaced) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder.Path("f"), std::string("old")).ok());
  const auto file = MappedFile::Open(folder.Path("f"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(WriteFileAtomic(folder.Path("f"), std::string("new!")).ok());
  EXPECT_EQ(std::string((*file)->bytes().begin(), (*file)->bytes().end()), "old");
}

// Each of these would block or succeed with a plain open; the ctest timeout catches a hang.
TEST(MappedFile, RefusesWhatIsNoRegularFile) {
  const TempFolder folder;
  ASSERT_EQ(::mkfifo(folder.Path("fifo").c_str(), 0600), 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, folder.Path("socket").c_str(), sizeof address.sun_path - 1);
  const int socket_fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::symlink(folder.Path("fifo").c_str(), folder.Path("link").c_str()), 0);
  for (const std::string& path : {folder.Path("fifo"), folder.path(), std::string("/dev/zero"),
                                  folder.Path("socket"), folder.Path("link")}) {
    EXPECT_EQ(MappedFile::Open(path).status().code(), StatusCode::kFormat) << path;
  }
  ::close(socket_fd);
}

TEST(MappedFile, MissingFileIsNotFoundAndNamedWithoutItsFolder) {
  const TempFolder folder;
  const Status status = MappedFile::Open(folder.Path("absent.gguf")).status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_NE(status.message().find("absent.gguf"), std::string::npos);
  EXPECT_EQ(status.message().find(folder.path()), std::string::npos);
  EXPECT_EQ(MappedFile::Open("").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(MappedFile::Open(std::string("a\0b", 3)).status().code(), StatusCode::kNotFound);
}

TEST(MappedFile, WrapIsAViewOfForeignBytes) {
  static const uint8_t kBytes[] = {1, 2, 3};
  const auto file = MappedFile::Wrap(kBytes, "embedded");
  EXPECT_EQ(file->bytes().data(), kBytes);
  EXPECT_EQ(file->bytes().size(), 3u);
  EXPECT_EQ(file->name(), "embedded");
}

}  // namespace
}  // namespace selvedge::core
