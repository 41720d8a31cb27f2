#include "inference/tokenizer/spm_tokenizer.h"

#include <algorithm>

#include "core/utf8.h"
#include "inference/tokenizer/spm_proto.h"

namespace selvedge::inference {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, how vocabularies spell a space
constexpr size_t kMaxTextBytes = size_t{64} << 20;
// sentencepiece keeps some 100 bytes per character of what it encodes at once.
constexpr size_t kSliceBytes = size_t{32} << 10;
constexpr size_t kMaxSliceBytes = size_t{8} << 20;

// True if a space or its mark ends before `at`.
bool SpaceBefore(std::string_view text, size_t at) {
  return text[at - 1] == ' ' ||
         (at >= kSpaceMark.size() &&
          text.substr(at - kSpaceMark.size(), kSpaceMark.size()) == kSpaceMark);
}

// True if no token holds a space after something else. Then merges never cross the start of a word,
// and text may be encoded in slices cut there with the same result.
bool WordsAreIndependent(const Vocabulary& v) {
  return std::none_of(v.tokens.begin(), v.tokens.end(), [](std::string_view token) {
    if (token.find(' ') != token.npos) return true;
    for (size_t at = token.find(kSpaceMark); at != token.npos;
         at = token.find(kSpaceMark, at + kSpaceMark.size())) {
      if (at > 0 && !SpaceBefore(token, at)) return true;
    }
    return false;
  });
}

// Bytes of the next slice: up to the last start of a word within kSliceBytes, else the first after.
size_t SliceSize(std::string_view text) {
  if (text.size() <= kSliceBytes) return text.size();
  const auto starts_word = [&](size_t at) { return text[at] == ' ' && !SpaceBefore(text, at); };
  for (size_t at = kSliceBytes; at > kSliceBytes / 2; --at) {
    if (starts_word(at)) return at;
  }
  for (size_t at = kSliceBytes + 1; at < text.size(); ++at) {
    if (starts_word(at)) return at;
  }
  return text.size();
}

void AppendWithSpaces(std::string_view token, std::string* out) {
  for (size_t at = 0; at < token.size();) {
    const size_t mark = token.find(kSpaceMark, at);
    out->append(token.substr(at, mark - at));
    if (mark == token.npos) return;
    out->push_back(' ');
    at = mark + kSpaceMark.size();
  }
}

std::string_view WithoutLeadingSpace(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(" \t\n\v\f\r"), text.size()));
}

int HexDigit(char c) { return c <= '9' ? c - '0' : c - 'A' + 10; }

// The byte that a token <0xNN> stands for.
uint8_t ByteOf(std::string_view token) {
  return static_cast<uint8_t>(HexDigit(token[3]) << 4 | HexDigit(token[4]));
}

// Bytes that a character beginning so would have.
size_t ClaimedLength(char lead) {
  const auto byte = static_cast<uint8_t>(lead);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

SpmTokenizer::SpmTokenizer(Vocabulary vocabulary, SpmModel spm)
    : vocabulary_(std::move(vocabulary)),
      spm_(std::move(spm)),
      splitter_(vocabulary_.specials),
      words_are_independent_(WordsAreIndependent(vocabulary_)) {
  for (size_t id = 0; id < vocabulary_.tokens.size(); ++id) {
    if (vocabulary_.types[id] != TokenType::kByte) continue;
    byte_ids_[ByteOf(vocabulary_.tokens[id])] = static_cast<int32_t>(id);
  }
}

Result<std::unique_ptr<Tokenizer>> SpmTokenizer::Create(Vocabulary vocabulary) {
  SELVEDGE_ASSIGN_OR_RETURN(SpmModel spm, SpmModel::Create(BuildSentencePieceProto(vocabulary)));
  return std::unique_ptr<Tokenizer>(new SpmTokenizer(std::move(vocabulary), std::move(spm)));
}

Status SpmTokenizer::EncodeFragment(std::string_view text, std::vector<int32_t>* ids) const {
  std::string prefixed;
  if (vocabulary_.add_space_prefix && !text.empty()) {
    prefixed.reserve(text.size() + 1);
    prefixed.push_back(' ');
    prefixed.append(text);
    text = prefixed;
  }
  while (!text.empty()) {
    size_t sound = 0;  // bytes of well-formed characters
    while (sound < text.size()) {
      const size_t length = core::CharacterLength(text.substr(sound));
      if (length == 0) break;
      sound += length;
    }
    SELVEDGE_RETURN_IF_ERROR(EncodeWellFormed(text.substr(0, sound), ids));
    text.remove_prefix(sound);
    text.remove_prefix(EncodeIllFormed(text, ids));
  }
  return OkStatus();
}

// Takes one ill-formed symbol from the start of text, byte by byte; returns its length. llama.cpp
// takes as many bytes as the first one announces, whatever they are, and a space for its mark.
size_t SpmTokenizer::EncodeIllFormed(std::string_view text, std::vector<int32_t>* ids) const {
  if (text.empty()) return 0;
  const size_t claimed = ClaimedLength(text.front());
  size_t size = 0;
  for (size_t taken = 0; taken < claimed && size < text.size(); ++size) {
    const std::string_view bytes = text[size] == ' ' ? kSpaceMark : text.substr(size, 1);
    for (const char byte : bytes) ids->push_back(byte_ids_[static_cast<uint8_t>(byte)]);
    taken += bytes.size();
  }
  return size;
}

Status SpmTokenizer::EncodeWellFormed(std::string_view text, std::vector<int32_t>* ids) const {
  while (!text.empty()) {
    const size_t size = words_are_independent_ ? SliceSize(text) : text.size();
    if (size > kMaxSliceBytes) {
      return LimitError("tokenizer: a stretch of " + std::to_string(size) +
                        " bytes without a word boundary, at most " +
                        std::to_string(kMaxSliceBytes) + " allowed");
    }
    SELVEDGE_RETURN_IF_ERROR(spm_.Encode(text.substr(0, size), ids));
    text.remove_prefix(size);
  }
  return OkStatus();
}

Result<std::vector<int32_t>> SpmTokenizer::Encode(std::string_view text, bool add_bos,
                                                  bool parse_special) const {
  if (text.size() > kMaxTextBytes) {
    return LimitError("tokenizer: text of " + std::to_string(text.size()) + " bytes, at most " +
                      std::to_string(kMaxTextBytes) + " allowed");
  }
  std::string repaired;
  if (!vocabulary_.has_byte_tokens && !core::IsValidUtf8(text)) {
    repaired = core::ReplaceInvalidUtf8(text);
    text = repaired;
  }
  std::vector<int32_t> ids;
  if (add_bos && vocabulary_.bos >= 0) ids.push_back(vocabulary_.bos);
  if (!parse_special) {
    SELVEDGE_RETURN_IF_ERROR(EncodeFragment(text, &ids));
    return ids;
  }
  bool drop_space = false;
  for (TextFragment fragment : splitter_.Split(text)) {
    if (fragment.id >= 0) {
      ids.push_back(fragment.id);
    } else {
      if (drop_space) fragment.text = WithoutLeadingSpace(fragment.text);
      SELVEDGE_RETURN_IF_ERROR(EncodeFragment(fragment.text, &ids));
    }
    drop_space = vocabulary_.drops_space_after.contains(fragment.id);
  }
  return ids;
}

std::string SpmTokenizer::PieceBytes(int32_t id) const {
  if (id < 0 || id >= vocab_size()) return "";
  const std::string_view token = vocabulary_.tokens[id];
  std::string out;
  switch (vocabulary_.types[id]) {
    case TokenType::kControl:
      break;
    case TokenType::kByte:
      out.push_back(static_cast<char>(ByteOf(token)));
      break;
    case TokenType::kUnknown:
      out = "\xEF\xBF\xBD";  // U+FFFD: the text it stood for is lost
      break;
    default:
      AppendWithSpaces(token, &out);
  }
  return out;
}

std::string SpmTokenizer::Decode(const std::vector<int32_t>& ids) const {
  std::string out;
  for (const int32_t id : ids) out += PieceBytes(id);
  if (vocabulary_.add_space_prefix && !out.empty() && out.front() == ' ') out.erase(0, 1);
  return out;
}

}  // namespace selvedge::inference
