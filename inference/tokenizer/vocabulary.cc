#include "inference/tokenizer/vocabulary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>

namespace selvedge::inference {
namespace {

constexpr size_t kMaxTokens = size_t{1} << 20;
constexpr size_t kMaxTokenBytes = 4096;
constexpr const char* kTypesKey = "tokenizer.ggml.token_type";

std::string At(size_t id) { return "vocabulary: token " + std::to_string(id); }

// Copies the token texts, so that the vocabulary outlives the file.
void OwnTokens(Vocabulary* v) {
  auto text = std::make_shared<std::string>();
  for (const std::string_view token : v->tokens) text->append(token);
  size_t at = 0;
  for (std::string_view& token : v->tokens) {
    token = std::string_view(*text).substr(at, token.size());
    at += token.size();
  }
  v->text = std::move(text);
}

Status ReadLists(const gguf::File& file, Vocabulary::Kind kind, Vocabulary* v) {
  SELVEDGE_ASSIGN_OR_RETURN(v->tokens, file.GetStrings("tokenizer.ggml.tokens"));
  const size_t n = v->tokens.size();
  if (n == 0) return FormatError("vocabulary: tokenizer.ggml.tokens: 0 tokens, at least 1 needed");
  if (n > kMaxTokens) {
    return LimitError("vocabulary: " + std::to_string(n) + " tokens, at most " +
                      std::to_string(kMaxTokens) + " allowed");
  }
  OwnTokens(v);
  std::vector<int32_t> types(n, static_cast<int32_t>(TokenType::kNormal));
  if (kind == Vocabulary::Kind::kSentencePiece || file.Has(kTypesKey)) {
    SELVEDGE_ASSIGN_OR_RETURN(types, file.GetI32s(kTypesKey));
  }
  if (kind == Vocabulary::Kind::kSentencePiece) {
    SELVEDGE_ASSIGN_OR_RETURN(v->scores, file.GetF32s("tokenizer.ggml.scores"));
  }
  if ((kind == Vocabulary::Kind::kSentencePiece && v->scores.size() != n) || types.size() != n) {
    return FormatError("vocabulary: " + std::to_string(n) + " tokens, " +
                       std::to_string(v->scores.size()) + " scores, " +
                       std::to_string(types.size()) + " types, equal counts needed");
  }
  v->types.reserve(n);
  for (size_t i = 0; i < n; ++i) {
    if (types[i] < 1 || types[i] > 6) {
      return FormatError(At(i) + ": type " + std::to_string(types[i]) + ", 1 to 6 allowed");
    }
    v->types.push_back(static_cast<TokenType>(types[i]));
  }
  return OkStatus();
}

// Byte tokens are spelled exactly <0xNN>, upper case, as sentencepiece looks them up.
bool IsByteToken(std::string_view token) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  return token.size() == 6 && token.substr(0, 3) == "<0x" && token[5] == '>' && hex(token[3]) &&
         hex(token[4]);
}

Status CheckTokens(Vocabulary::Kind kind, Vocabulary* v) {
  std::unordered_set<std::string_view> seen;
  seen.reserve(v->tokens.size());
  size_t bytes = 0;
  for (size_t i = 0; i < v->tokens.size(); ++i) {
    const std::string_view token = v->tokens[i];
    if (token.empty()) return FormatError(At(i) + ": empty, at least 1 byte needed");
    if (token.size() > kMaxTokenBytes) {
      return FormatError(At(i) + ": " + std::to_string(token.size()) + " bytes, at most " +
                         std::to_string(kMaxTokenBytes) + " allowed");
    }
    if (!v->scores.empty() && !std::isfinite(v->scores[i]))
      return FormatError(At(i) + ": score is not finite");
    if (!seen.insert(token).second) return FormatError(At(i) + ": same text as an earlier token");
    if (v->types[i] == TokenType::kByte) {
      if (!IsByteToken(token)) return FormatError(At(i) + ": byte token is not of the form <0xNN>");
      ++bytes;
    } else if (v->types[i] == TokenType::kUnknown) {
      if (v->unknown >= 0) v->types[i] = TokenType::kUnused;  // Phi-3's files have two
      if (v->unknown < 0) v->unknown = static_cast<int32_t>(i);
    } else if (v->types[i] == TokenType::kControl || v->types[i] == TokenType::kUserDefined) {
      v->specials.emplace(token, static_cast<int32_t>(i));
    }
  }
  if (kind == Vocabulary::Kind::kByteLevel) return OkStatus();
  if (v->unknown < 0) return FormatError("vocabulary: no token of type unknown, 1 needed");
  if (bytes != 0 && bytes != 256) {
    return FormatError("vocabulary: " + std::to_string(bytes) + " byte tokens, 0 or 256 allowed");
  }
  v->has_byte_tokens = bytes == 256;
  return OkStatus();
}

// The id under `key`, -1 if the key is absent.
Result<int32_t> ReadId(const gguf::File& file, const char* key, size_t n) {
  if (!file.Has(key)) return int32_t{-1};
  SELVEDGE_ASSIGN_OR_RETURN(const uint32_t id, file.GetU32(key));
  if (id >= n) {
    return FormatError("vocabulary: " + std::string(key) + ": " + std::to_string(id) + ", below " +
                       std::to_string(n) + " allowed");
  }
  return static_cast<int32_t>(id);
}

Status ReadSpecialIds(const gguf::File& file, Vocabulary* v) {
  const size_t n = v->tokens.size();
  SELVEDGE_ASSIGN_OR_RETURN(v->bos, ReadId(file, "tokenizer.ggml.bos_token_id", n));
  SELVEDGE_ASSIGN_OR_RETURN(v->eos, ReadId(file, "tokenizer.ggml.eos_token_id", n));
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                          "tokenizer.ggml.eom_token_id"}) {
    SELVEDGE_ASSIGN_OR_RETURN(const int32_t id, ReadId(file, key, n));
    if (id >= 0) v->end_of_generation.push_back(id);
  }
  for (const char* key : {"tokenizer.ggml.unknown_token_id", "tokenizer.ggml.padding_token_id"}) {
    SELVEDGE_RETURN_IF_ERROR(ReadId(file, key, n).status());
  }
  // Many chat models end a turn with one of these and name only eos in their metadata.
  for (const char* text : {"<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<end_of_turn>",
                           "<|endoftext|>", "<|end_of_text|>", "</s>"}) {
    const auto it = v->specials.find(text);
    if (it != v->specials.end()) v->end_of_generation.push_back(it->second);
  }
  // Some files call them user-defined, which would let any text end a generation.
  for (const int32_t id : v->end_of_generation) {
    if (v->types[id] == TokenType::kUserDefined) v->types[id] = TokenType::kControl;
  }
  auto& ends = v->end_of_generation;
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return OkStatus();
}

// Phi-3's tokenizer drops white space after its special tokens. Files do not say so; the model's
// name is what llama.cpp goes by, too.
Status ReadSpaceDroppers(const gguf::File& file, Vocabulary* v) {
  if (!file.Has("general.name")) return OkStatus();
  SELVEDGE_ASSIGN_OR_RETURN(std::string name, file.GetString("general.name"));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (name.find("phi-3") == name.npos && name.find("phi3") == name.npos) return OkStatus();
  for (const auto& [text, id] : v->specials) {
    if (text != "<unk>" && text != "<s>" && text != "<|endoftext|>")
      v->drops_space_after.insert(id);
  }
  return OkStatus();
}

}  // namespace

Result<Vocabulary> Vocabulary::FromGguf(const gguf::File& file, Kind kind) {
  Vocabulary v;
  SELVEDGE_RETURN_IF_ERROR(ReadLists(file, kind, &v));
  SELVEDGE_RETURN_IF_ERROR(CheckTokens(kind, &v));
  SELVEDGE_RETURN_IF_ERROR(ReadSpecialIds(file, &v));
  SELVEDGE_RETURN_IF_ERROR(ReadSpaceDroppers(file, &v));
  if (file.Has("tokenizer.ggml.add_bos_token")) {
    SELVEDGE_ASSIGN_OR_RETURN(v.add_bos, file.GetBool("tokenizer.ggml.add_bos_token"));
  }
  if (file.Has("tokenizer.ggml.add_space_prefix")) {
    SELVEDGE_ASSIGN_OR_RETURN(v.add_space_prefix, file.GetBool("tokenizer.ggml.add_space_prefix"));
  }
  const gguf::TensorInfo* embedding = file.FindTensor("token_embd.weight");
  if (embedding != nullptr && embedding->dims.size() == 2 &&
      embedding->dims[1] != v.tokens.size()) {
    return FormatError("vocabulary: " + std::to_string(v.tokens.size()) +
                       " tokens, token_embd.weight has " + std::to_string(embedding->dims[1]) +
                       " rows");
  }
  return v;
}

}  // namespace selvedge::inference
