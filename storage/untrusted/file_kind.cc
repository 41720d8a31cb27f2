#include "storage/untrusted/file_kind.h"

#include <algorithm>
#include <string>

namespace selvedge::untrusted {
namespace {

struct Kind {
  std::string_view prefix;
  std::string_view description;
};

constexpr Kind kKinds[] = {
    {"version https://git-lfs",
     "a Git LFS pointer, not the file itself (fetch it with `git lfs pull`)"},
    {"GGUF", "a GGUF file"},
    {"PK\x03\x04", "a ZIP archive (PyTorch checkpoints are ZIP archives of pickles)"},
    {"\x89PNG", "a PNG image"},
    {"\x1F\x8B", "a gzip archive"},
    {"\x80\x02", "a Python pickle"},
    {"\x80\x04", "a Python pickle"},
    {"%PDF", "a PDF document"},
    {"\x7F\x45LF", "an ELF program"},
    {"#!", "a script"},
    {"tjgg", "a GGML file older than GGUF"},
    {"lmgg", "a GGML file older than GGUF"},
    {"fmgg", "a GGML file older than GGUF"},
};

bool LooksLikeHtml(std::string_view head) {
  const size_t start = head.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (start == std::string_view::npos) return false;
  std::string tag(head.substr(start, 14));
  std::transform(tag.begin(), tag.end(), tag.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return tag.starts_with("<!doctype html") || tag.starts_with("<html") ||
         tag.starts_with("<head") || tag.starts_with("<?xml");
}

}  // namespace

std::string_view DescribeFileKind(std::span<const uint8_t> bytes) {
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min<size_t>(bytes.size(), 64));
  for (const Kind& kind : kKinds) {
    if (head.starts_with(kind.prefix)) return kind.description;
  }
  if (LooksLikeHtml(head)) return "an HTML page (a failed download?)";
  if (head.size() > 9 && head.substr(5, 3) == std::string_view("\0\0\0", 3) && head[8] == '{') {
    return "a safetensors file";
  }
  return {};
}

}  // namespace selvedge::untrusted
