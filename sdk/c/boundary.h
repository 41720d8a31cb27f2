#pragma once
// Where C++ ends: a Status becomes a code and a thread's last error, exceptions become codes, and
// structs of an older or newer header are read by their size.

#include <selvedge/c_api.h>

#include <atomic>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include <selvedge/engine.h>
#include <selvedge/home.h>
#include <selvedge/status.h>

struct selvedge_home {
  selvedge::Home home;
  std::atomic<bool> stop_training{false};
  explicit selvedge_home(selvedge::Home opened) : home(std::move(opened)) {}
};

struct selvedge_engine {
  selvedge::Engine engine;
};

namespace selvedge::c {

// Keeps the message for selvedge_last_error.
selvedge_status Report(const Status& status);

// Runs `body`, which returns a Status, and lets no exception out.
template <typename Body>
selvedge_status Guarded(const Body& body) {
  try {
    return Report(body());
  } catch (const std::bad_alloc&) {
    return Report(LimitError("memory: exhausted"));
  } catch (const std::exception& error) {
    return Report(InternalError(error.what()));
  } catch (...) {
    return Report(InternalError("unknown exception"));
  }
}

inline Status NeedPointer(const void* pointer, const char* name) {
  return pointer != nullptr ? OkStatus() : UsageError(std::string(name) + ": must not be NULL");
}

inline std::string TextOr(const char* text, const char* otherwise) {
  return text != nullptr ? text : otherwise;
}

// Copies the caller's struct over `known`, which holds the defaults. A shorter one is of an older
// header; a longer one is of a newer header, and kUsage unless what is unknown here is zero.
template <typename Params>
Status ReadParams(const Params* given, Params* known) {
  SELVEDGE_RETURN_IF_ERROR(NeedPointer(given, "params"));
  size_t size;
  std::memcpy(&size, given, sizeof size);
  if (size < sizeof(size_t) || size > 65536) {
    return UsageError("params: struct_size: got " + std::to_string(size) +
                      ", use the struct's default function");
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (size_t i = sizeof(Params); i < size; ++i) {
    if (bytes[i] != 0) return UsageError("params: a field of a newer header is set");
  }
  std::memcpy(known, given, size < sizeof(Params) ? size : sizeof(Params));
  known->struct_size = sizeof(Params);
  return OkStatus();
}

// Writes the part of `known` that the caller's struct has room for. A caller that left struct_size
// at 0 gets all of this header's fields.
template <typename Out>
Status WriteReport(Out known, Out* out) {
  if (out == nullptr) return OkStatus();
  size_t size;
  std::memcpy(&size, out, sizeof size);
  if (size == 0) size = sizeof(Out);
  known.struct_size = size;
  std::memcpy(out, &known, size < sizeof(Out) ? size : sizeof(Out));
  return OkStatus();
}

// Cut to fit; ids and reasons of this library always do.
template <size_t N>
void CopyText(const std::string& text, char (&out)[N]) {
  std::strncpy(out, text.c_str(), N - 1);
  out[N - 1] = '\0';
}

}  // namespace selvedge::c
