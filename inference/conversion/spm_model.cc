#include "inference/conversion/spm_model.h"

#include <cstring>

namespace selvedge::inference {
namespace {

struct Field {
  uint64_t number = 0;
  uint64_t value = 0;      // of a varint, or the bits of a fixed one
  std::string_view bytes;  // of a length-delimited one
};

// Protocol Buffers wire format, one field after the other.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }

  // False for bytes that are no field.
  bool Next(Field* field) {
    uint64_t tag = 0;
    if (!Varint(&tag) || tag >> 3 == 0) return false;
    field->number = tag >> 3;
    switch (tag & 7) {
      case 0:
        return Varint(&field->value);
      case 1:
        return Fixed(8, &field->value);
      case 2:
        return Varint(&field->value) && Take(field->value, &field->bytes);
      case 5:
        return Fixed(4, &field->value);
      default:
        return false;
    }
  }

 private:
  bool Varint(uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return false;
      const auto byte = static_cast<uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      *value |= uint64_t{byte & 127u} << shift;
      if (byte < 128) return true;
    }
    return false;
  }

  bool Take(uint64_t size, std::string_view* bytes) {
    if (size > rest_.size()) return false;
    *bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  bool Fixed(size_t size, uint64_t* value) {
    std::string_view bytes;
    if (!Take(size, &bytes)) return false;
    *value = 0;
    std::memcpy(value, bytes.data(), size);
    return true;
  }

  std::string_view rest_;
};

bool ReadPiece(std::string_view bytes, SentencePieceModel::Piece* piece) {
  WireReader reader(bytes);
  for (Field field; !reader.done();) {
    if (!reader.Next(&field)) return false;
    if (field.number == 1) piece->text = field.bytes;
    if (field.number == 2) std::memcpy(&piece->score, &field.value, sizeof piece->score);
    if (field.number == 3) piece->type = static_cast<int32_t>(field.value);
  }
  return piece->type >= 1 && piece->type <= 6;
}

bool ReadTrainer(std::string_view bytes, uint64_t* model_type, uint64_t* unknown) {
  WireReader reader(bytes);
  for (Field field; !reader.done();) {
    if (!reader.Next(&field)) return false;
    if (field.number == 3) *model_type = field.value;
    if (field.number == 40) *unknown = field.value;
  }
  return true;
}

bool ReadNormalizer(std::string_view bytes, bool* add_dummy_prefix) {
  WireReader reader(bytes);
  for (Field field; !reader.done();) {
    if (!reader.Next(&field)) return false;
    if (field.number == 3) *add_dummy_prefix = field.value != 0;
  }
  return true;
}

}  // namespace

Result<SentencePieceModel> ReadSentencePieceModel(std::string_view bytes) {
  constexpr uint64_t kBpe = 2;
  SentencePieceModel model;
  uint64_t model_type = 1, unknown = 0;
  bool sound = true;
  WireReader reader(bytes);
  for (Field field; sound && !reader.done();) {
    sound = reader.Next(&field);
    if (!sound) break;
    if (field.number == 1) sound = ReadPiece(field.bytes, &model.pieces.emplace_back());
    if (field.number == 2) sound = ReadTrainer(field.bytes, &model_type, &unknown);
    if (field.number == 3) sound = ReadNormalizer(field.bytes, &model.add_dummy_prefix);
  }
  if (!sound || model.pieces.empty() || unknown >= model.pieces.size()) {
    return FormatError("tokenizer.model: is no sentencepiece model");
  }
  if (model_type != kBpe) {
    return IncompatibleError("tokenizer.model: model type " + std::to_string(model_type) +
                             ", BPE (2) supported");
  }
  model.unknown = static_cast<uint32_t>(unknown);
  return model;
}

}  // namespace selvedge::inference
