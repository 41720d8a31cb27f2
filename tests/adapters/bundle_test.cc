// Bundles under attack; C numbers as in the list of faults.

#include "adapters/bundle.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "adapters/manifest.h"
#include "adapters/peft.h"
#include "core/digest.h"
#include "tests/adapters/sample_adapter.h"

namespace selvedge::adapters {
namespace {

const std::string kBase(64, 'b');

std::span<const uint8_t> AsBytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class Bundles : public testing::Test {
 protected:
  Bundles() {
    stored_.adapter = SampleAdapter();
    const auto files = SerializePeft(stored_.adapter, SampleBase());
    EXPECT_TRUE(files.ok());
    Manifest& m = stored_.manifest;
    m.id = "a-1";
    m.base_digest = kBase;
    m.created = "2026-03-01T09:30:00Z";
    m.rank = stored_.adapter.rank;
    m.alpha = stored_.adapter.alpha;
    m.target_modules = {"q_proj"};
    m.dp = false;
    m.weights_sha256 = core::Hex(core::Sha256Of(files->weights));
    m.config_sha256 = core::Hex(core::Sha256Of(AsBytes(files->config)));
  }
  std::vector<uint8_t> Write(const std::optional<PublicKey>& receiver = std::nullopt) {
    auto bytes = WriteBundle(stored_, SampleBase(), sender_, receiver);
    EXPECT_TRUE(bytes.ok()) << bytes.status().message();
    return bytes.ok() ? *bytes : std::vector<uint8_t>();
  }
  Result<StoredAdapter> Read(std::span<const uint8_t> bytes) {
    return ReadBundle(bytes, sender_.public_key, own_, kBase, SampleBase());
  }

  const SigningKey sender_ = SigningKey::Generate();
  const SigningKey own_ = SigningKey::Generate();
  StoredAdapter stored_;
};

TEST_F(Bundles, GiveBackTheAdapterOpenOrSealed) {
  for (const bool sealed : {false, true}) {
    const auto bytes = Write(sealed ? std::optional(own_.public_key) : std::nullopt);
    EXPECT_TRUE(IsBundle(bytes));
    const auto read = Read(bytes);
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_EQ(read->manifest.id, "a-1");
    ASSERT_EQ(read->adapter.tensors.size(), stored_.adapter.tensors.size());
    EXPECT_EQ(read->adapter.tensors[3].b, stored_.adapter.tensors[3].b);
  }
}

TEST_F(Bundles, ASealedOneShowsNothingOfItsContent) {
  const auto bytes = Write(own_.public_key);
  for (const std::string& word : {kBase, std::string("lora_A"), std::string("q_proj")}) {
    EXPECT_EQ(std::search(bytes.begin(), bytes.end(), word.begin(), word.end()), bytes.end());
  }
}

TEST_F(Bundles, EveryFlippedBitOfTheHeadAndTheEndIsRefused) {  // C01
  for (const bool sealed : {false, true}) {
    const auto good = Write(sealed ? std::optional(own_.public_key) : std::nullopt);
    for (size_t i = 0; i < good.size(); i += i < 600 || i + 64 > good.size() ? 1 : 97) {
      for (int bit = 0; bit < 8; ++bit) {
        auto bytes = good;
        bytes[i] = static_cast<uint8_t>(bytes[i] ^ (1 << bit));
        const StatusCode code = Read(bytes).status().code();
        const StatusCode expected = i < 8    ? StatusCode::kFormat
                                    : i < 12 ? StatusCode::kIncompatible
                                             : StatusCode::kAuth;
        ASSERT_EQ(code, expected) << "byte " << i << " bit " << bit << " sealed " << sealed;
      }
    }
  }
}

TEST_F(Bundles, EveryCutAndEveryTailIsRefused) {  // C02
  const auto good = Write();
  for (size_t n = 0; n < good.size(); n += n < 400 ? 1 : 53) {
    EXPECT_FALSE(Read(std::span(good).first(n)).ok()) << n;
  }
  auto longer = good;
  longer.push_back(0);
  EXPECT_EQ(Read(longer).status().code(), StatusCode::kAuth);
}

TEST_F(Bundles, OnlyTheTrustedSenderAndTheNamedReceiverCount) {  // C03, C08
  const SigningKey other = SigningKey::Generate();
  EXPECT_EQ(ReadBundle(Write(), other.public_key, own_, kBase, SampleBase()).status().code(),
            StatusCode::kAuth);
  const auto sealed = Write(own_.public_key);
  const auto read = ReadBundle(sealed, sender_.public_key, other, kBase, SampleBase());
  EXPECT_EQ(read.status().code(), StatusCode::kAuth);
  EXPECT_NE(read.status().message().find("not for this home"), std::string::npos);
}

TEST_F(Bundles, AContentOfAnotherBundleDoesNotPassUnderThisSignature) {  // C05
  const auto first = Write();
  stored_.manifest.id = "a-2";
  auto second = Write();
  ASSERT_EQ(first.size(), second.size());
  std::copy(first.begin(), first.begin() + 152, second.begin());
  EXPECT_EQ(Read(second).status().code(), StatusCode::kAuth);
}

TEST_F(Bundles, AReceiverCannotPassItOnInTheSendersName) {
  const SigningKey third = SigningKey::Generate();
  auto bytes = Write(own_.public_key);
  std::copy(third.public_key.begin(), third.public_key.end(), bytes.begin() + 48);
  EXPECT_EQ(ReadBundle(bytes, sender_.public_key, third, kBase, SampleBase()).status().code(),
            StatusCode::kAuth);
}

TEST_F(Bundles, AnotherBaseIsNamed) {  // C20
  const auto read =
      ReadBundle(Write(), sender_.public_key, own_, std::string(64, 'c'), SampleBase());
  EXPECT_EQ(read.status().code(), StatusCode::kIncompatible);
  EXPECT_NE(read.status().message().find(kBase), std::string::npos);
}

TEST_F(Bundles, AKeyThatIsNoPointIsRefused) {  // C07
  PublicKey low{};
  low[0] = 1;  // the neutral element
  EXPECT_FALSE(WriteBundle(stored_, SampleBase(), sender_, low).ok());
}

TEST_F(Bundles, ADifferentWeightDigestIsRefusedThoughSigned) {  // C10
  stored_.manifest.weights_sha256 = std::string(64, '0');
  EXPECT_EQ(Read(Write()).status().code(), StatusCode::kAuth);
}

}  // namespace
}  // namespace selvedge::adapters
