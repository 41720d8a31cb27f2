#pragma once
// Turns the bytes of generated tokens into whole UTF-8 text and watches for stop strings.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace selvedge {

class TextStream {
 public:
  // `stop` strings end the text before their first occurrence; empty ones are ignored. `on_text`
  // may be null; its return value false means stop.
  TextStream(std::vector<std::string> stop, std::function<bool(std::string_view)> on_text);

  // Takes the bytes of the next token. Emits what can no longer become part of a stop string, in
  // whole characters. Returns false when the text has ended: stopped() or cancelled() says why.
  bool Push(std::string_view bytes);

  // Emits what was held back; an unfinished character becomes U+FFFD.
  void Finish();

  const std::string& text() const { return text_; }  // all that was emitted
  bool stopped() const { return stopped_; }          // a stop string came
  bool cancelled() const { return cancelled_; }      // on_text returned false

 private:
  // Emits the first `size` bytes of held_, invalid ones as U+FFFD.
  void Emit(size_t size);
  // Bytes at the end of held_ that may be the beginning of a stop string.
  size_t PossibleStopSuffix() const;

  std::vector<std::string> stop_;
  std::function<bool(std::string_view)> on_text_;
  std::string held_;
  std::string text_;
  bool stopped_ = false;
  bool cancelled_ = false;
};

}  // namespace selvedge
