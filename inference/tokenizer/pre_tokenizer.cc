#include "inference/tokenizer/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <initializer_list>

#include "storage/untrusted/quote.h"

namespace selvedge::inference {
namespace {

// Parts of the expressions. White space is Unicode's White_Space property, spelled out because
// PCRE2's \s also has U+180E.
#define SPACES \
  R"(\t-\r\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})"
#define SPACE "[" SPACES "]"
#define NO_SPACE "[^" SPACES "]"
#define SYMBOLS "[^" SPACES R"(\p{L}\p{N}]+)"
#define CONTRACTIONS R"('(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL]))"
// Runs of spaces leave their last one to the word that follows.
#define SPACE_RUNS SPACE "+(?!" NO_SPACE ")|" SPACE "+"
#define LINE_ENDS SPACE R"(*[\r\n]+)"
// An upper-case beginning and a lower-case end, either of which may be empty; letters without an
// ASCII case are both.
#define CASED R"([^\r\n\p{L}\p{N}]?[^\P{L}a-z]*[^\P{L}A-Z]+)"
#define CASED_UPPER R"([^\r\n\p{L}\p{N}]?[^\P{L}a-z]+[^\P{L}A-Z]*)"

constexpr const char* kDigits = R"(\p{N})";
constexpr const char* kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?)" SYMBOLS "|" SPACE_RUNS;
constexpr const char* kLlama3 = CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?)" SYMBOLS
                                             R"([\r\n]*|)" LINE_ENDS "|" SPACE_RUNS;
constexpr const char* kQwen2 = CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?)" SYMBOLS
                                            R"([\r\n]*|)" LINE_ENDS "|" SPACE_RUNS;
constexpr const char* kTekken =
    CASED "|" CASED_UPPER R"(|\p{N}| ?)" SYMBOLS R"([\r\n/]*|)" LINE_ENDS "|" SPACE_RUNS;
constexpr const char* kGpt4o =
    CASED "(?:" CONTRACTIONS ")?|" CASED_UPPER "(?:" CONTRACTIONS R"()?|\p{N}{1,3}| ?)" SYMBOLS
          R"([\r\n/]*|)" LINE_ENDS "|" SPACE_RUNS;
constexpr const char* kPunctuation = R"([\p{P}$+<=>^~|]+)";

#undef SPACES
#undef SPACE
#undef NO_SPACE
#undef SYMBOLS
#undef CONTRACTIONS
#undef SPACE_RUNS
#undef LINE_ENDS
#undef CASED
#undef CASED_UPPER

// Each expression cuts what the ones before it left; text between matches is a word too.
struct Rules {
  const char* name;
  std::initializer_list<const char*> patterns;
  bool whole_words_first = false;
  bool adds_bos = false;
};

// Sources: the tokenizer.json of the models that the names stand for, in the form in which
// llama.cpp applies them, so that a file gives the same ids in both: tekken and gpt-4o know the
// case of ASCII letters only.
const Rules* FindRules(std::string_view name) {
  static const Rules kRules[] = {
      {"default", {kPunctuation, kGpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
      {"gpt-2", {kGpt2}},
      {"phi-2", {kGpt2}},
      {"smollm", {kDigits, kGpt2}},
      {"starcoder", {kDigits, kGpt2}},
      {"llama-bpe", {kLlama3}, true, true},
      {"llama3", {kLlama3}, true, true},
      {"llama-v3", {kLlama3}, true, true},
      {"dbrx", {kLlama3}},
      {"qwen2", {kQwen2}},
      {"deepseek-r1-qwen", {kQwen2}},
      {"stablelm2", {kQwen2}},
      {"tekken", {kTekken}, true, true},
      {"gpt-4o", {kGpt4o}},
  };
  for (const Rules& rules : kRules) {
    if (rules.name == name) return &rules;
  }
  return nullptr;
}

struct FreeMatch {
  void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
};
using Match = std::unique_ptr<pcre2_match_data, FreeMatch>;

}  // namespace

struct PreTokenizer::Pattern {
  explicit Pattern(pcre2_code* compiled) : code(compiled) {}
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  ~Pattern() { pcre2_code_free(code); }

  // Appends the matches in `text` and the stretches between them.
  Status Cut(std::string_view text, std::vector<std::string_view>* words) const;

  // Looks from `from` on. 1: found, 0: not found, below 0: an error of PCRE2.
  int Find(std::string_view text, size_t from, pcre2_match_data* match) const;

  pcre2_code* code;
};

int PreTokenizer::Pattern::Find(std::string_view text, size_t from, pcre2_match_data* match) const {
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int found = pcre2_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, match, nullptr);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
    found = pcre2_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match,
                        nullptr);
  }
  return found == PCRE2_ERROR_NOMATCH ? 0 : found;
}

Status PreTokenizer::Pattern::Cut(std::string_view text,
                                  std::vector<std::string_view>* words) const {
  const Match match(pcre2_match_data_create_from_pattern(code, nullptr));
  if (match == nullptr) return LimitError("tokenizer: no memory for the pre-tokenizer");
  size_t done = 0;
  while (done < text.size()) {
    const int found = Find(text, done, match.get());
    if (found < 0) {
      return LimitError("tokenizer: the pre-tokenizer gave up on a text of " +
                        std::to_string(text.size()) + " bytes (PCRE2 error " +
                        std::to_string(found) + ")");
    }
    if (found == 0) break;
    const size_t* span = pcre2_get_ovector_pointer(match.get());
    if (span[0] > done) words->push_back(text.substr(done, span[0] - done));
    words->push_back(text.substr(span[0], span[1] - span[0]));  // no pattern matches nothing
    done = span[1];
  }
  if (done < text.size()) words->push_back(text.substr(done));
  return OkStatus();
}

PreTokenizer::PreTokenizer() = default;
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

Result<PreTokenizer> PreTokenizer::Create(const std::string& name) {
  const Rules* rules = FindRules(name);
  if (rules == nullptr) {
    return IncompatibleError("tokenizer: tokenizer.ggml.pre: " + untrusted::Quote(name) +
                             ", 'default', 'gpt-2', 'smollm', 'llama-bpe', 'qwen2', 'tekken', "
                             "'dbrx' or 'gpt-4o' supported");
  }
  PreTokenizer out;
  out.whole_words_first_ = rules->whole_words_first;
  out.adds_bos_ = rules->adds_bos;
  for (const char* pattern : rules->patterns) {
    int error = 0;
    size_t offset = 0;
    pcre2_code* code =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NO_AUTO_CAPTURE, &error, &offset, nullptr);
    if (code == nullptr) {
      return InternalError("tokenizer: pre-tokenizer '" + name +
                           "' does not compile (PCRE2 error " + std::to_string(error) + ")");
    }
    out.patterns_.push_back(std::make_unique<Pattern>(code));
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where there is no JIT, patterns are interpreted
  }
  return out;
}

Result<std::vector<std::string_view>> PreTokenizer::Split(std::string_view text) const {
  std::vector<std::string_view> words = {text}, parts;
  for (const auto& pattern : patterns_) {
    parts.clear();
    for (const std::string_view word : words) {
      SELVEDGE_RETURN_IF_ERROR(pattern->Cut(word, &parts));
    }
    words.swap(parts);
  }
  return words;
}

}  // namespace selvedge::inference
