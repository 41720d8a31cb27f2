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

int HexDigit(char c) { return c <= '9' ? c - '0' : c - 'A' + 10; }

}  // namespace

SpmTokenizer::SpmTokenizer(Vocabulary vocabulary, SpmModel spm)
    : vocabulary_(std::move(vocabulary)),
      spm_(std::move(spm)),
      splitter_(vocabulary_.specials),
      words_are_independent_(WordsAreIndependent(vocabulary_)) {}

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
  if (!core::IsValidUtf8(text)) {
    repaired = core::ReplaceInvalidUtf8(text);
    text = repaired;
  }
  std::vector<int32_t> ids;
  if (add_bos && vocabulary_.bos >= 0) ids.push_back(vocabulary_.bos);
  if (!parse_special) {
    SELVEDGE_RETURN_IF_ERROR(EncodeFragment(text, &ids));
    return ids;
  }
  for (const TextFragment& fragment : splitter_.Split(text)) {
    if (fragment.id >= 0) {
      ids.push_back(fragment.id);
    } else {
      SELVEDGE_RETURN_IF_ERROR(EncodeFragment(fragment.text, &ids));
    }
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
      out.push_back(static_cast<char>(HexDigit(token[3]) << 4 | HexDigit(token[4])));
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

bool SpmTokenizer::IsEndOfGeneration(int32_t id) const {
  const auto& ends = vocabulary_.end_of_generation;
  return std::binary_search(ends.begin(), ends.end(), id);
}

int32_t SpmTokenizer::FindSpecial(std::string_view text) const {
  const auto it = vocabulary_.specials.find(text);
  return it == vocabulary_.specials.end() ? -1 : it->second;
}

}  // namespace selvedge::inference
