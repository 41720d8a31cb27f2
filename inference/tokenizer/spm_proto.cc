#include "inference/tokenizer/spm_proto.h"

#include <cstring>

namespace selvedge::inference {
namespace {

// Protocol Buffers wire format: a tag (field << 3 | type), then the value.
class WireWriter {
 public:
  void Varint(uint32_t field, uint64_t value) {
    Raw(field << 3 | 0);
    Raw(value);
  }
  void Float(uint32_t field, float value) {
    Raw(field << 3 | 5);
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    for (int shift = 0; shift < 32; shift += 8) out_.push_back(static_cast<char>(bits >> shift));
  }
  void Bytes(uint32_t field, std::string_view value) {
    Raw(field << 3 | 2);
    Raw(value.size());
    out_.append(value);
  }
  std::string Take() { return std::move(out_); }

 private:
  void Raw(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  std::string out_;
};

// Starts with a private-use character: no vocabulary has merges that spell it.
std::string ControlName(size_t id) {
  return "\xF3\xB0\x80\x80"
         "control:" +
         std::to_string(id);
}

std::string Piece(const Vocabulary& v, size_t id) {
  WireWriter w;
  w.Bytes(1, v.types[id] == TokenType::kControl ? ControlName(id) : std::string(v.tokens[id]));
  w.Float(2, v.scores[id]);
  w.Varint(3, static_cast<uint64_t>(v.types[id]));
  return w.Take();
}

std::string TrainerSpec(const Vocabulary& v) {
  WireWriter w;
  w.Varint(3, 2);  // model_type BPE
  w.Varint(35, v.has_byte_tokens ? 1 : 0);
  w.Varint(40, static_cast<uint64_t>(v.unknown));
  w.Varint(41, ~uint64_t{0});  // bos_id, eos_id, pad_id = -1: added by us
  w.Varint(42, ~uint64_t{0});
  w.Varint(43, ~uint64_t{0});
  w.Bytes(45, v.tokens[v.unknown]);
  return w.Take();
}

std::string NormalizerSpec() {
  WireWriter w;
  w.Bytes(1, "identity");
  w.Varint(3, 0);  // add_dummy_prefix
  w.Varint(4, 0);  // remove_extra_whitespaces
  w.Varint(5, 1);  // escape_whitespaces
  return w.Take();
}

}  // namespace

std::string BuildSentencePieceProto(const Vocabulary& vocabulary) {
  WireWriter w;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) w.Bytes(1, Piece(vocabulary, id));
  w.Bytes(2, TrainerSpec(vocabulary));
  w.Bytes(3, NormalizerSpec());
  return w.Take();
}

}  // namespace selvedge::inference
