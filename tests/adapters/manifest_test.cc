#include "adapters/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "adapters/signature.h"

namespace selvedge::adapters {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

Manifest Sample() {
  Manifest manifest;
  manifest.id = "ad-1";
  manifest.base_digest = std::string(64, 'a');
  manifest.created = "2026-01-02T03:04:05Z";
  manifest.rank = 8;
  manifest.alpha = 0.1f;
  manifest.target_modules = {"q_proj"};
  manifest.privacy.epsilon = 1.25;
  manifest.privacy.delta = 1e-5;
  manifest.privacy.steps = 10;
  manifest.weights_sha256 = std::string(64, 'b');
  manifest.config_sha256 = std::string(64, 'c');
  return manifest;
}

TEST(Manifest, WritesOneCanonicalLine) {
  // SOURCE: docs/formats/adapter.md by hand; the alpha is Python's repr of float32(0.1).
  EXPECT_EQ(WriteManifest(Sample()),
            R"({"alpha":0.10000000149011612,"base_digest":")" + std::string(64, 'a') +
                R"(","config_sha256":")" + std::string(64, 'c') +
                R"(","created":"2026-01-02T03:04:05Z","dp":true,"format_version":2,"id":"ad-1",)"
                R"("ledger_head":"","parent":"","privacy":{"accountant":"","delta":1e-05,)"
                R"("epsilon":1.25,"neighbouring":"zero-out","noise_multiplier":0.0,)"
                R"("sampling":"full-batch","sampling_rate":1.0,"steps":10,"unit":"record"},)"
                R"("rank":8,"receipt_sha256":"","target_modules":["q_proj"],"tensors":0,)"
                R"("weights_sha256":")" +
                std::string(64, 'b') + R"("})");
}

TEST(Manifest, ReadsBackTheSame) {
  const std::string text = WriteManifest(Sample());
  const auto read = ReadManifest(text);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(WriteManifest(*read), text);
  EXPECT_EQ(read->alpha, 0.1f);
  EXPECT_EQ(read->privacy.delta, 1e-5);
}

TEST(Manifest, Version1HadNoReceipt) {
  Json json = Json::parse(WriteManifest(Sample()));
  json["format_version"] = 1;
  EXPECT_EQ(ReadManifest(json.dump()).status().code(), StatusCode::kIncompatible);
  json.erase("tensors");
  json.erase("receipt_sha256");
  const auto read = ReadManifest(json.dump());
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(WriteManifest(*read), json.dump());
}

void ExpectField(const std::string& field, const Json& value, StatusCode code) {
  Json json = Json::parse(WriteManifest(Sample()));
  json[field] = value;
  const Status status = ReadManifest(json.dump()).status();
  EXPECT_EQ(status.code(), code) << field << "=" << value.dump() << ": " << status.message();
  if (code != StatusCode::kOk) {
    EXPECT_THAT(status.message(), HasSubstr(field == "format_version" ? "version" : field));
  }
}

TEST(Manifest, UnknownFieldsAreCriticalUnlessTheySayOtherwise) {
  ExpectField("needs_new_thing", true, StatusCode::kIncompatible);
  ExpectField("x_comment", "hello", StatusCode::kOk);
  ExpectField("format_version", 3, StatusCode::kIncompatible);
  ExpectField("format_version", 0, StatusCode::kFormat);
}

TEST(Manifest, EveryFieldHasItsType) {
  const auto bad = StatusCode::kFormat;
  for (const char* id : {"", "../up", "a/b", ".hidden", "-rf", "a b", "a\nb"})
    ExpectField("id", id, bad);
  ExpectField("id", std::string(300, 'a'), bad);
  ExpectField("id", 5, bad);
  ExpectField("parent", "../up", bad);
  ExpectField("base_digest", "abc", bad);
  ExpectField("base_digest", std::string(64, 'A'), bad);
  ExpectField("weights_sha256", "", bad);
  ExpectField("ledger_head", "xyz", bad);
  ExpectField("rank", -1, bad);
  ExpectField("rank", 2.5, bad);
  ExpectField("rank", ~uint64_t{0}, bad);
  ExpectField("alpha", "16", bad);
  ExpectField("alpha", -1, bad);
  ExpectField("dp", 1, bad);
  ExpectField("target_modules", {1}, bad);
  ExpectField("privacy", 1, bad);
  const Json whole = Json::parse(WriteManifest(Sample()));
  for (const auto& [field, value] : whole.items()) {
    Json json = whole;
    json.erase(field);
    EXPECT_EQ(ReadManifest(json.dump()).status().code(), bad) << field;
  }
}

std::span<const uint8_t> AsBytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(Signature, CoversTheExactBytes) {
  const SigningKey key = SigningKey::Generate();
  const std::string text = WriteManifest(Sample());
  const Signature signature = SignManifest(AsBytes(text), key);
  EXPECT_TRUE(VerifyManifest(AsBytes(text), signature, key.public_key).ok());
  // The same JSON, spelt otherwise.
  const std::string spaced = Json::parse(text).dump(1);
  EXPECT_EQ(VerifyManifest(AsBytes(spaced), signature, key.public_key).code(), StatusCode::kAuth);
  const SigningKey other = SigningKey::Generate();
  EXPECT_EQ(VerifyManifest(AsBytes(text), signature, other.public_key).code(), StatusCode::kAuth);
}

TEST(Signature, RefusesEveryFlippedBitAndEveryOtherLength) {
  const SigningKey key = SigningKey::Generate();
  const std::string text = WriteManifest(Sample());
  const Signature signature = SignManifest(AsBytes(text), key);
  for (size_t bit = 0; bit < signature.size() * 8; ++bit) {
    Signature flipped = signature;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    EXPECT_FALSE(VerifyManifest(AsBytes(text), flipped, key.public_key).ok()) << bit;
  }
  std::vector<uint8_t> other(signature.begin(), signature.end());
  other.pop_back();
  EXPECT_FALSE(VerifyManifest(AsBytes(text), other, key.public_key).ok());
  other.resize(65);
  EXPECT_FALSE(VerifyManifest(AsBytes(text), other, key.public_key).ok());
  EXPECT_FALSE(VerifyManifest(AsBytes(text), {}, key.public_key).ok());
}

TEST(Signature, RefusesDegenerateKeys) {
  const std::string text = "{}";
  // With the neutral element as key, R = neutral and S = 0 satisfy the equation for every message.
  PublicKey neutral{};
  neutral[0] = 1;
  Signature forged{};
  forged[0] = 1;
  EXPECT_EQ(VerifyManifest(AsBytes(text), forged, neutral).code(), StatusCode::kAuth);
  EXPECT_EQ(VerifyManifest(AsBytes(text), Signature{}, PublicKey{}).code(), StatusCode::kAuth);
}

TEST(Signature, RefusesANonCanonicalS) {
  const SigningKey key = SigningKey::Generate();
  const std::string text = "{}";
  Signature signature = SignManifest(AsBytes(text), key);
  // S + L is the same scalar. L: RFC 8032, section 5.1.
  constexpr uint8_t kOrder[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                  0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += signature[32 + i] + kOrder[i];
    signature[32 + i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_EQ(VerifyManifest(AsBytes(text), signature, key.public_key).code(), StatusCode::kAuth);
}

}  // namespace
}  // namespace selvedge::adapters
