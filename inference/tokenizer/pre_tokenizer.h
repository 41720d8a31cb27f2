#pragma once
// Cuts text into the words inside which byte-level BPE merges.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

namespace selvedge::inference {

// Safe to use from several threads.
class PreTokenizer {
 public:
  // The rules that `tokenizer.ggml.pre` names; kIncompatible, by name, for unknown ones.
  static Result<PreTokenizer> Create(const std::string& name);

  PreTokenizer(PreTokenizer&&) noexcept;
  PreTokenizer& operator=(PreTokenizer&&) noexcept;
  ~PreTokenizer();

  // The words of well-formed UTF-8 text, in order and without gaps. kLimit for a text on which the
  // pattern matcher gives up.
  Result<std::vector<std::string_view>> Split(std::string_view text) const;

  // A word that is a token as a whole is not merged from its parts.
  bool whole_words_first() const { return whole_words_first_; }
  // Whether the start token is added where the file does not say.
  bool adds_bos() const { return adds_bos_; }

 private:
  struct Pattern;  // one compiled expression
  PreTokenizer();
  std::vector<std::unique_ptr<Pattern>> patterns_;
  bool whole_words_first_ = false;
  bool adds_bos_ = false;
};

}  // namespace selvedge::inference
