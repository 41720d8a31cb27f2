#include <gtest/gtest.h>

#include "tests/storage/gguf/gguf_bytes.h"

namespace selvedge::gguf {
namespace {

struct Parts {
  std::string name = "one";
  float eps = 1e-5f;
  std::string token = "tok";
  std::string unrelated_key = "general.name";
  std::vector<uint64_t> dims = {2, 2};
  uint8_t data = 1;
  bool swap_order = false;
};

std::string DigestOf(const Parts& parts) {
  Writer writer;
  const auto keys = [&] {
    writer.SetF32("llama.attention.layer_norm_rms_epsilon", parts.eps);
    writer.SetStrings("tokenizer.ggml.tokens", {parts.token});
  };
  const auto tensors = [&](bool second) {
    writer.AddTensor(second ? "b" : "a", core::DType::kF32, parts.dims,
                     std::vector<uint8_t>(16, second ? 9 : parts.data));
  };
  if (parts.swap_order) keys();
  writer.SetString("general.architecture", "llama");
  writer.SetString(parts.unrelated_key, parts.name);
  keys();
  tensors(parts.swap_order);
  tensors(!parts.swap_order);
  const std::vector<uint8_t> bytes = writer.Serialize();
  const auto parsed = ParseBytes(bytes);
  EXPECT_TRUE(parsed.ok()) << parsed.status().message();
  return parsed.ok() ? core::Hex(BaseDigest(**parsed)) : "";
}

TEST(BaseDigest, ChangesWithWhatTheModelComputes) {
  const std::string plain = DigestOf({});
  EXPECT_NE(plain, DigestOf({.eps = 1e-6f}));
  EXPECT_NE(plain, DigestOf({.token = "tox"}));
  EXPECT_NE(plain, DigestOf({.dims = {4, 1}}));
  EXPECT_NE(plain, DigestOf({.dims = {4}}));
  EXPECT_NE(plain, DigestOf({.data = 2}));
}

TEST(BaseDigest, IgnoresNamesAndOrder) {
  const std::string plain = DigestOf({});
  EXPECT_EQ(plain, DigestOf({.name = "two"}));
  EXPECT_EQ(plain, DigestOf({.unrelated_key = "general.author"}));
  EXPECT_EQ(plain, DigestOf({.swap_order = true}));
}

TEST(BaseDigest, IsTheDocumentedHash) {
  // SOURCE: Python 3.11 hashlib on the bytes that docs/formats/gguf.md lists:
  //   u = lambda n: n.to_bytes(8, 'little'); t = lambda s: u(len(s)) + s
  //   f = lambda x: struct.pack('<f', x)
  //   sha256(b'selvedge-base-digest-v1\n' + u(2)
  //     + t(b'general.architecture') + u(8) + u(13) + t(b'llama')
  //     + t(b'llama.eps') + u(6) + u(4) + f(0.5)
  //     + u(1) + t(b'w') + u(0) + u(2) + u(2) + u(1) + u(8) + f(1) + f(2)).hexdigest()
  Bytes b;
  b.Preamble(1, 3).Key("llama.eps", ValueType::kF32).Put(0.5f);
  b.Key("general.architecture", ValueType::kString).Text("llama");
  b.Key("general.name", ValueType::kString).Text("any");
  b.Tensor("w", {2, 1}, 0, 0).PadTo(32).Put(1.0f).Put(2.0f).PadTo(32);
  const auto parsed = ParseBytes(b.data);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(core::Hex(BaseDigest(**parsed)),
            "13ca06486ee590f1020d91a4934d4ff44f0f937cdeb6b49316e2987bf85eb284");
}

}  // namespace
}  // namespace selvedge::gguf
