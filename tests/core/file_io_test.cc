#include "core/file_io.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "core/open_regular.h"
#include "tests/core/temp_folder.h"

namespace selvedge::core {
namespace {

size_t EntriesIn(const std::string& folder) {
  size_t n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++n;
  return n;
}

TEST(FileIo, WhatIsWrittenIsRead) {
  const TempFolder folder;
  const std::string text("a\0b\xFF", 4);
  ASSERT_TRUE(WriteFileAtomic(folder.Path("f"), text).ok());
  EXPECT_EQ(ReadTextFile(folder.Path("f"), 4).value(), text);
  EXPECT_EQ(ReadFile(folder.Path("f"), 4)->size(), 4u);
  EXPECT_EQ(EntriesIn(folder.path()), 1u);
}

TEST(FileIo, AFileInPiecesTakesItsNameWithItsLastByte) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder.Path("f"), std::string("old")).ok());
  const std::vector<uint8_t> piece = {'n', 'e', 'w'};
  {
    AtomicFile dropped = *AtomicFile::Create(folder.Path("f"));
    ASSERT_TRUE(dropped.Write(piece).ok());
    EXPECT_EQ(EntriesIn(folder.path()), 2u);
  }
  EXPECT_EQ(EntriesIn(folder.path()), 1u);
  EXPECT_EQ(ReadTextFile(folder.Path("f"), 9).value(), "old");
  AtomicFile file = *AtomicFile::Create(folder.Path("f"));
  ASSERT_TRUE(file.Write(piece).ok());
  ASSERT_TRUE(file.Write(piece).ok());
  EXPECT_EQ(ReadTextFile(folder.Path("f"), 9).value(), "old");
  ASSERT_TRUE(file.Commit().ok());
  EXPECT_EQ(ReadTextFile(folder.Path("f"), 9).value(), "newnew");
  EXPECT_EQ(EntriesIn(folder.path()), 1u);
}

TEST(FileIo, NewFilesArePrivate) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder.Path("f"), std::string("x")).ok());
  ASSERT_TRUE(MakePrivateFolder(folder.Path("a/b/c")).ok());
  ASSERT_TRUE(MakePrivateFolder(folder.Path("a/b/c")).ok());
  struct stat info {};
  ASSERT_EQ(::stat(folder.Path("f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat(folder.Path("a/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST(FileIo, FileAboveTheCapIsALimitError) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder.Path("f"), std::string("12345")).ok());
  EXPECT_EQ(ReadFile(folder.Path("f"), 4).status().code(), StatusCode::kLimit);
  EXPECT_TRUE(ReadFile(folder.Path("f"), 5).ok());
}

TEST(FileIo, FilesWithoutALengthAreReadToTheirEnd) {
  // The kernel reports 0 bytes for files in /proc.
  EXPECT_GT(ReadTextFile("/proc/self/status", 1 << 20)->size(), 0u);
  EXPECT_EQ(ReadTextFile("/proc/self/status", 10).status().code(), StatusCode::kLimit);
}

TEST(FileIo, ErrorsHaveTheirCodes) {
  const TempFolder folder;
  EXPECT_EQ(ReadFile(folder.Path("absent"), 1).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(ReadFile(folder.path(), 1).status().code(), StatusCode::kFormat);
  EXPECT_EQ(WriteFileAtomic(folder.Path("no/such/folder"), std::string("x")).code(),
            StatusCode::kNotFound);
  ASSERT_TRUE(WriteFileAtomic(folder.Path("f"), std::string("x")).ok());
  EXPECT_EQ(MakePrivateFolder(folder.Path("f")).code(), StatusCode::kIo);
  EXPECT_FALSE(MakePrivateFolder(folder.Path("f/g")).ok());
}

TEST(FileIo, FailedReplacementLeavesTheTargetAndNoTemporaryFile) {
  const TempFolder folder;
  ASSERT_TRUE(MakePrivateFolder(folder.Path("target/inside")).ok());  // rename cannot replace it
  EXPECT_FALSE(WriteFileAtomic(folder.Path("target"), std::string("x")).ok());
  EXPECT_EQ(EntriesIn(folder.path()), 1u);
  EXPECT_EQ(EntriesIn(folder.Path("target")), 1u);
}

TEST(FileIo, FullDiskAndSpentQuotaAreNoSpace) {
  EXPECT_EQ(FileError("f", "write", ENOSPC).code(), StatusCode::kNoSpace);
  EXPECT_EQ(FileError("f", "write", EDQUOT).code(), StatusCode::kNoSpace);
  EXPECT_EQ(FileError("f", "write", EROFS).code(), StatusCode::kIo);
}

TEST(FileIo, FailedWriteKeepsTheOldContent) {
  // A file size limit makes write() fail in the middle (EFBIG).
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder.Path("f"), std::string("old")).ok());
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const rlimit small{1024, old_limit.rlim_max};
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = WriteFileAtomic(folder.Path("f"), std::string(4096, 'n'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  ::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(status.code(), StatusCode::kIo);
  EXPECT_EQ(ReadTextFile(folder.Path("f"), 100).value(), "old");
  EXPECT_EQ(EntriesIn(folder.path()), 1u);
}

TEST(FileIo, ReadersSeeOneOfTheWrittenVersions) {
  const TempFolder folder;
  const std::string path = folder.Path("f");
  ASSERT_TRUE(WriteFileAtomic(path, std::string(10000, 'a')).ok());
  std::atomic<bool> stop{false};
  std::thread writers[2];
  for (int w = 0; w < 2; ++w) {
    writers[w] = std::thread([&, w] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(WriteFileAtomic(path, std::string(10000, static_cast<char>('b' + w))).ok());
      }
    });
  }
  std::thread reader([&] {
    while (!stop) {
      const auto text = ReadTextFile(path, 1 << 20);
      ASSERT_TRUE(text.ok());
      ASSERT_EQ(text->size(), 10000u);
      ASSERT_EQ(text->find_first_not_of((*text)[0]), std::string::npos);
    }
  });
  for (std::thread& writer : writers) writer.join();
  stop = true;
  reader.join();
  EXPECT_EQ(EntriesIn(folder.path()), 1u);
}

}  // namespace
}  // namespace selvedge::core
