#include "sdk/engine_text_stream.h"

#include <algorithm>
#include <utility>

#include "core/utf8.h"

namespace selvedge {

TextStream::TextStream(std::vector<std::string> stop, std::function<bool(std::string_view)> on_text)
    : stop_(std::move(stop)), on_text_(std::move(on_text)) {
  std::erase_if(stop_, [](const std::string& s) { return s.empty(); });
}

bool TextStream::Push(std::string_view bytes) {
  held_ += bytes;
  size_t found = std::string::npos;
  for (const std::string& stop : stop_) found = std::min(found, held_.find(stop));
  if (found != std::string::npos) {
    Emit(found);
    held_.clear();
    stopped_ = true;
    return false;
  }
  const std::string_view safe(held_.data(), held_.size() - PossibleStopSuffix());
  Emit(safe.size() - core::IncompleteTailLength(safe));
  return !cancelled_;
}

void TextStream::Finish() { Emit(held_.size()); }

void TextStream::Emit(size_t size) {
  const std::string piece = core::ReplaceInvalidUtf8(std::string_view(held_).substr(0, size));
  held_.erase(0, size);
  if (piece.empty() || cancelled_) return;
  text_ += piece;
  if (on_text_ && !on_text_(piece)) cancelled_ = true;
}

size_t TextStream::PossibleStopSuffix() const {
  size_t longest = 0;
  for (const std::string& stop : stop_) {
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > longest; --n) {
      if (held_.ends_with(std::string_view(stop).substr(0, n))) longest = n;
    }
  }
  return longest;
}

}  // namespace selvedge
