#include "adapters/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>

#include "adapters/manifest.h"
#include "adapters/signature.h"
#include "tests/adapters/sample_adapter.h"

namespace selvedge::adapters {
namespace {

using ::testing::HasSubstr;

const std::string kBase(64, 'd');

Manifest SampleManifest() {
  Manifest manifest;
  manifest.id = "ad-1";
  manifest.base_digest = kBase;
  manifest.created = "2026-01-02T03:04:05Z";
  return manifest;
}

// Bytes that stand for a receipt; what is in it is sdk's matter.
Result<std::string> SampleReceipt(const Manifest& manifest) {
  return "receipt of " + manifest.weights_sha256 + "\n";
}

class Store : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto written =
        WriteAdapter(path_, SampleAdapter(), SampleManifest(), SampleBase(), key_, SampleReceipt);
    ASSERT_TRUE(written.ok()) << written.status().message();
    manifest_ = *written;
  }
  Result<StoredAdapter> Read() { return ReadAdapter(path_, key_.public_key, kBase, SampleBase()); }

  ScopedFolder folder_;
  const std::string path_ = folder_ / "ad-1";
  SigningKey key_ = SigningKey::Generate();
  Manifest manifest_;
};

TEST_F(Store, ReadsWhatItWrote) {
  const auto read = Read();
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_TRUE(SameTensors(read->adapter, SampleAdapter()));
  EXPECT_EQ(WriteManifest(read->manifest), WriteManifest(manifest_));
  EXPECT_EQ(read->manifest.rank, 2u);
  EXPECT_EQ(read->manifest.target_modules.size(), 8u);
}

TEST_F(Store, LeavesOnlyItsFilesAndNoStaging) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    names.insert(entry.path().filename());
    struct stat info {};
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << entry.path();
  }
  EXPECT_EQ(names, (std::set<std::string>{"adapter_config.json", "adapter_model.safetensors",
                                          "manifest.json", "manifest.sig", "receipt.json"}));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(Store, NeverReplacesAnAdapter) {
  const auto again =
      WriteAdapter(path_, SampleAdapter(), SampleManifest(), SampleBase(), key_, SampleReceipt);
  EXPECT_EQ(again.status().code(), StatusCode::kIo);
  EXPECT_TRUE(Read().ok());
}

TEST_F(Store, AnUnwritableParentLeavesNothing) {
  const auto written = WriteAdapter(folder_ / "ad-1/manifest.json/x", SampleAdapter(),
                                    SampleManifest(), SampleBase(), key_);
  EXPECT_FALSE(written.ok());
  EXPECT_TRUE(Read().ok());
}

TEST_F(Store, EveryFlippedBitOfManifestAndSignatureIsAuth) {
  for (const char* name : {"/manifest.json", "/manifest.sig"}) {
    const size_t bits = std::filesystem::file_size(path_ + name) * 8;
    for (size_t bit = 0; bit < bits; ++bit) {
      FlipBit(path_ + name, bit);
      ASSERT_EQ(Read().status().code(), StatusCode::kAuth) << name << " bit " << bit;
      FlipBit(path_ + name, bit);
    }
  }
  EXPECT_TRUE(Read().ok());
}

TEST_F(Store, AFlippedBitInAnyByteOfConfigWeightsAndReceiptIsAuth) {
  for (const char* name : {"/adapter_config.json", "/adapter_model.safetensors", "/receipt.json"}) {
    const size_t bytes = std::filesystem::file_size(path_ + name);
    for (size_t i = 0; i < bytes; ++i) {
      FlipBit(path_ + name, i * 8 + i % 8);
      ASSERT_EQ(Read().status().code(), StatusCode::kAuth) << name << " byte " << i;
      FlipBit(path_ + name, i * 8 + i % 8);
    }
  }
  EXPECT_TRUE(Read().ok());
}

TEST_F(Store, TruncationAndTailsAreAuth) {
  for (const char* name :
       {"/manifest.json", "/manifest.sig", "/adapter_config.json", "/adapter_model.safetensors"}) {
    const std::string good = Slurp(path_ + name);
    for (size_t part = 0; part < 100; ++part) {
      Spill(path_ + name, good.substr(0, good.size() * part / 100));
      ASSERT_EQ(Read().status().code(), StatusCode::kAuth) << name << " " << part << " %";
    }
    Spill(path_ + name, good + "x");
    EXPECT_EQ(Read().status().code(), StatusCode::kAuth) << name;
    Spill(path_ + name, good);
  }
}

TEST_F(Store, MissingFilesAreNamed) {
  const std::pair<const char*, StatusCode> files[] = {
      {"manifest.json", StatusCode::kAuth},
      {"manifest.sig", StatusCode::kAuth},
      {"receipt.json", StatusCode::kAuth},
      {"adapter_config.json", StatusCode::kFormat},
      {"adapter_model.safetensors", StatusCode::kFormat}};
  for (const auto& [name, code] : files) {
    std::filesystem::rename(path_ + "/" + name, path_ + "/away");
    EXPECT_EQ(Read().status().code(), code) << name;
    EXPECT_THAT(Read().status().message(), HasSubstr(name));
    std::filesystem::rename(path_ + "/away", path_ + "/" + name);
  }
  EXPECT_EQ(ReadAdapter(folder_ / "none", key_.public_key, kBase, SampleBase()).status().code(),
            StatusCode::kNotFound);
}

TEST_F(Store, AnotherKeyOrBaseIsRefused) {
  const SigningKey other = SigningKey::Generate();
  EXPECT_EQ(ReadAdapter(path_, other.public_key, kBase, SampleBase()).status().code(),
            StatusCode::kAuth);
  const std::string base(64, 'e');
  const Status status = ReadAdapter(path_, key_.public_key, base, SampleBase()).status();
  EXPECT_EQ(status.code(), StatusCode::kIncompatible);
  EXPECT_THAT(status.message(), HasSubstr(kBase));
  EXPECT_THAT(status.message(), HasSubstr(base));
}

TEST_F(Store, PartsOfTwoSignedAdaptersDoNotMix) {
  const std::string second = folder_ / "ad-2";
  LoraAdapter adapter = SampleAdapter();
  adapter.tensors[0].b[0] += 1;
  Manifest manifest = SampleManifest();
  manifest.id = "ad-2";
  ASSERT_TRUE(WriteAdapter(second, adapter, manifest, SampleBase(), key_, SampleReceipt).ok());
  Spill(path_ + "/adapter_model.safetensors", Slurp(second + "/adapter_model.safetensors"));
  EXPECT_EQ(Read().status().code(), StatusCode::kAuth);
  Spill(path_ + "/manifest.sig", Slurp(second + "/manifest.sig"));
  EXPECT_EQ(Read().status().code(), StatusCode::kAuth);
}

// Signs whatever manifest the tests want, beside the files that are there.
void Resign(const std::string& path, const Manifest& manifest, const SigningKey& key) {
  const std::string text = WriteManifest(manifest);
  const Signature signature =
      SignManifest({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, key);
  Spill(path + "/manifest.json", text);
  Spill(path + "/manifest.sig", std::string(signature.begin(), signature.end()));
}

TEST_F(Store, TensorsOtherThanTheDeclaredOnesAreRefused) {
  Manifest manifest = manifest_;
  manifest.tensors = manifest_.tensors - 1;
  Resign(path_, manifest, key_);
  EXPECT_EQ(Read().status().code(), StatusCode::kFormat);
  EXPECT_THAT(Read().status().message(), HasSubstr("15 weights, the manifest declares 14"));
  manifest = manifest_;
  manifest.target_modules.pop_back();
  Resign(path_, manifest, key_);
  EXPECT_EQ(Read().status().code(), StatusCode::kFormat);
  Resign(path_, manifest_, key_);
  EXPECT_TRUE(Read().ok());
}

TEST_F(Store, HandsOutTheReceiptItWasWrittenWith) {
  EXPECT_EQ(Read()->receipt, *SampleReceipt(manifest_));
  const std::string other = folder_ / "other";
  ASSERT_TRUE(WriteAdapter(other, SampleAdapter(), manifest_, SampleBase(), key_).ok());
  const auto without = ReadAdapter(other, key_.public_key, kBase, SampleBase());
  ASSERT_TRUE(without.ok()) << without.status().message();
  EXPECT_EQ(without->receipt, "");
}

TEST_F(Store, AnOversizedManifestIsALimit) {
  Spill(path_ + "/manifest.json", std::string(kMaxManifestBytes + 1, ' '));
  EXPECT_EQ(Read().status().code(), StatusCode::kLimit);
}

TEST_F(Store, BadManifestsAreNotWritten) {
  Manifest manifest = SampleManifest();
  manifest.id = "../escape";
  const auto written =
      WriteAdapter(folder_ / "other", SampleAdapter(), manifest, SampleBase(), key_, SampleReceipt);
  EXPECT_EQ(written.status().code(), StatusCode::kFormat);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "other"));
}

}  // namespace
}  // namespace selvedge::adapters
