#include "core/mapped_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
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

TEST(MappedFile, ATruncatedFileIsAnErrorAndNoCrash) {  // A22
  const TempFolder folder;
  const std::string path = folder.Path("model");
  const std::vector<uint8_t> bytes(100001, 7);
  ASSERT_TRUE(WriteFileAtomic(path, bytes).ok());
  const auto file = MappedFile::Open(path);
  const auto other = MappedFile::Open(path);
  ASSERT_TRUE(file.ok() && other.ok());
  EXPECT_TRUE((*file)->Intact().ok());
  ASSERT_EQ(::truncate(path.c_str(), 5000), 0);
  uint64_t sum = 0;
  for (const uint8_t byte : (*file)->bytes()) sum += byte;
  EXPECT_LE(sum, 7u * 8192);  // what is left of the file, then zeros
  EXPECT_EQ((*file)->Intact().code(), StatusCode::kIo);
  EXPECT_EQ((*file)->Intact().message().find(folder.path()), std::string::npos);
  EXPECT_TRUE((*other)->Intact().ok()) << "nothing was read through this one";
}

TEST(MappedFile, ManyMayBeOpenAndAreWatchedAgainAfterOthersClosed) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder.Path("f"), std::string("abc")).ok());
  std::vector<std::shared_ptr<const MappedFile>> open;
  while (true) {
    auto file = MappedFile::Open(folder.Path("f"));
    if (!file.ok()) {
      EXPECT_EQ(file.status().code(), StatusCode::kLimit);
      break;
    }
    open.push_back(*file);
    ASSERT_LE(open.size(), FaultGuard::kMaxMappings);
  }
  open.pop_back();
  EXPECT_TRUE(MappedFile::Open(folder.Path("f")).ok());
}

TEST(MappedFileDeathTest, OtherBusErrorsStillEndTheProgram) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder.Path("f"), std::vector<uint8_t>(8192, 1)).ok());
  const auto watched = MappedFile::Open(folder.Path("f"));  // installs the handler
  ASSERT_TRUE(watched.ok());
  const int fd = ::open(folder.Path("f").c_str(), O_RDONLY);
  auto* foreign =
      static_cast<volatile uint8_t*>(::mmap(nullptr, 8192, PROT_READ, MAP_PRIVATE, fd, 0));
  ::close(fd);
  ASSERT_EQ(::truncate(folder.Path("f").c_str(), 0), 0);
  EXPECT_EXIT((void)foreign[4096], testing::KilledBySignal(SIGBUS), "");
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
