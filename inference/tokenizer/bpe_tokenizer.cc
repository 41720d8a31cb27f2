#include "inference/tokenizer/bpe_tokenizer.h"

#include <algorithm>

#include "core/utf8.h"
#include "inference/tokenizer/byte_alphabet.h"

namespace selvedge::inference {
namespace {

constexpr size_t kMaxTextBytes = size_t{64} << 20;

std::unordered_map<std::string_view, int32_t> UserDefined(const Vocabulary& v) {
  std::unordered_map<std::string_view, int32_t> out;
  for (const auto& [text, id] : v.specials) {
    if (v.types[id] == TokenType::kUserDefined) out.emplace(text, id);
  }
  return out;
}

std::string ReplaceIllFormedBytes(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  while (!text.empty()) {
    const size_t length = core::CharacterLength(text);
    out.append(length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length));
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

}  // namespace

BpeTokenizer::BpeTokenizer(Vocabulary vocabulary, PreTokenizer pre_tokenizer)
    : vocabulary_(std::move(vocabulary)),
      pre_tokenizer_(std::move(pre_tokenizer)),
      user_defined_(UserDefined(vocabulary_)),
      specials_(vocabulary_.specials),
      user_texts_(user_defined_) {
  byte_ids_.fill(vocabulary_.unknown);
  ReadTokens();
}

void BpeTokenizer::ReadTokens() {
  pieces_.resize(vocabulary_.tokens.size());
  by_bytes_.reserve(pieces_.size());
  for (size_t id = 0; id < pieces_.size(); ++id) {
    const std::string_view text = vocabulary_.tokens[id];
    switch (vocabulary_.types[id]) {
      case TokenType::kControl:
        continue;
      case TokenType::kUnknown:
        pieces_[id] = "\xEF\xBF\xBD";
        continue;
      case TokenType::kUserDefined:
        pieces_[id] = text;
        continue;
      default:
        break;
    }
    const std::optional<std::string> bytes = BytesOfToken(text);
    pieces_[id] = bytes ? *bytes : std::string(text);
    if (!bytes || vocabulary_.types[id] != TokenType::kNormal) continue;
    by_bytes_.emplace(pieces_[id], static_cast<int32_t>(id));
    if (bytes->size() == 1)
      byte_ids_[static_cast<uint8_t>(bytes->front())] = static_cast<int32_t>(id);
  }
}

Result<std::unique_ptr<Tokenizer>> BpeTokenizer::Create(const gguf::File& file,
                                                        Vocabulary vocabulary) {
  std::string pre = "default";
  if (file.Has("tokenizer.ggml.pre")) {
    SELVEDGE_ASSIGN_OR_RETURN(pre, file.GetString("tokenizer.ggml.pre"));
  }
  SELVEDGE_ASSIGN_OR_RETURN(PreTokenizer pre_tokenizer, PreTokenizer::Create(pre));
  if (!file.Has("tokenizer.ggml.add_bos_token")) vocabulary.add_bos = pre_tokenizer.adds_bos();
  std::unique_ptr<BpeTokenizer> out(
      new BpeTokenizer(std::move(vocabulary), std::move(pre_tokenizer)));
  SELVEDGE_ASSIGN_OR_RETURN(const auto lines, file.GetStrings("tokenizer.ggml.merges"));
  Merges::Ids ids;
  ids.reserve(out->vocabulary_.tokens.size());
  for (size_t id = 0; id < out->vocabulary_.tokens.size(); ++id) {
    if (out->vocabulary_.types[id] == TokenType::kControl) continue;
    ids.emplace(out->vocabulary_.tokens[id], static_cast<int32_t>(id));
  }
  SELVEDGE_ASSIGN_OR_RETURN(out->merges_, Merges::Create(lines, ids));
  return std::unique_ptr<Tokenizer>(std::move(out));
}

void BpeTokenizer::EncodeWord(std::string_view word, std::vector<int32_t>* symbols,
                              std::vector<int32_t>* ids) const {
  if (pre_tokenizer_.whole_words_first()) {
    if (const auto it = by_bytes_.find(word); it != by_bytes_.end()) {
      ids->push_back(it->second);
      return;
    }
  }
  symbols->clear();
  for (const char byte : word) symbols->push_back(byte_ids_[static_cast<uint8_t>(byte)]);
  merges_.Apply(symbols);
  for (const int32_t id : *symbols) {
    if (id >= 0) ids->push_back(id);
  }
}

Status BpeTokenizer::EncodeFragment(std::string_view text, std::vector<int32_t>* ids) const {
  SELVEDGE_ASSIGN_OR_RETURN(const auto words, pre_tokenizer_.Split(text));
  std::vector<int32_t> symbols;
  for (const std::string_view word : words) EncodeWord(word, &symbols, ids);
  return OkStatus();
}

Result<std::vector<int32_t>> BpeTokenizer::Encode(std::string_view text, bool add_bos,
                                                  bool parse_special) const {
  if (text.size() > kMaxTextBytes) {
    return LimitError("tokenizer: text of " + std::to_string(text.size()) + " bytes, at most " +
                      std::to_string(kMaxTextBytes) + " allowed");
  }
  std::string repaired;
  if (!core::IsValidUtf8(text)) {
    repaired = ReplaceIllFormedBytes(text);
    text = repaired;
  }
  std::vector<int32_t> ids;
  if (add_bos && vocabulary_.bos >= 0) ids.push_back(vocabulary_.bos);
  for (const TextFragment& fragment : (parse_special ? specials_ : user_texts_).Split(text)) {
    if (fragment.id >= 0) {
      ids.push_back(fragment.id);
    } else {
      SELVEDGE_RETURN_IF_ERROR(EncodeFragment(fragment.text, &ids));
    }
  }
  return ids;
}

std::string BpeTokenizer::PieceBytes(int32_t id) const {
  return id < 0 || id >= vocab_size() ? "" : pieces_[static_cast<size_t>(id)];
}

std::string BpeTokenizer::Decode(const std::vector<int32_t>& ids) const {
  std::string out;
  for (const int32_t id : ids) out += PieceBytes(id);
  return out;
}

}  // namespace selvedge::inference
