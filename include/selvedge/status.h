#pragma once
// The one error type of Selvedge. Outside input never aborts, throws or prints: it comes back as a
// Status.
//
// A message says what, where, got and allowed, e.g.
//   m.gguf: tensor 'blk.3.ffn_up.weight' ends at 981504, file has 983040 bytes
// and never holds anything a user wrote (prompt, record, token), a key, or an absolute path of the
// home.

#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace selvedge {

enum class StatusCode {
  kOk = 0,
  kUsage,         // wrong arguments or options
  kNotFound,      // named thing does not exist
  kFormat,        // malformed input
  kLimit,         // input larger than a stated cap
  kAuth,          // signature, MAC or key is wrong
  kPolicy,        // refused: no consent, budget spent, rollback
  kIncompatible,  // well formed, but for something else (other base, unsupported feature)
  kDeferred,      // try later: device conditions, not enough data
  kIo,            // read, write, open failed
  kNoSpace,       // disk full
  kBusy,          // another process holds it
  kNumeric,       // NaN or infinity where numbers are needed
  kKeyLost,       // the key is gone; the data cannot be read again
  kCancelled,     // stopped on request, state saved
  kInternal,      // a bug of ours
};

// Stable upper-case name, e.g. "FORMAT"; used in JSON errors.
const char* StatusCodeName(StatusCode code);

// Process exit code of the `selvedge` command for this code (0, 1, 2, 3, 4, 5, 6, 7, 8 or 130).
int ExitCode(StatusCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

inline Status OkStatus() { return Status(); }
inline Status UsageError(std::string m) { return {StatusCode::kUsage, std::move(m)}; }
inline Status NotFoundError(std::string m) { return {StatusCode::kNotFound, std::move(m)}; }
inline Status FormatError(std::string m) { return {StatusCode::kFormat, std::move(m)}; }
inline Status LimitError(std::string m) { return {StatusCode::kLimit, std::move(m)}; }
inline Status AuthError(std::string m) { return {StatusCode::kAuth, std::move(m)}; }
inline Status PolicyError(std::string m) { return {StatusCode::kPolicy, std::move(m)}; }
inline Status IncompatibleError(std::string m) { return {StatusCode::kIncompatible, std::move(m)}; }
inline Status DeferredError(std::string m) { return {StatusCode::kDeferred, std::move(m)}; }
inline Status IoError(std::string m) { return {StatusCode::kIo, std::move(m)}; }
inline Status NoSpaceError(std::string m) { return {StatusCode::kNoSpace, std::move(m)}; }
inline Status BusyError(std::string m) { return {StatusCode::kBusy, std::move(m)}; }
inline Status NumericError(std::string m) { return {StatusCode::kNumeric, std::move(m)}; }
inline Status KeyLostError(std::string m) { return {StatusCode::kKeyLost, std::move(m)}; }
inline Status CancelledError(std::string m) { return {StatusCode::kCancelled, std::move(m)}; }
inline Status InternalError(std::string m) { return {StatusCode::kInternal, std::move(m)}; }

// A value or the Status that says why there is none. Reading the value of a failed Result is a bug
// and aborts.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : data_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Status status)
      : data_(std::in_place_index<1>, std::move(status)) {  // NOLINT(google-explicit-constructor)
    if (std::get<1>(data_).ok()) std::abort();
  }

  bool ok() const { return data_.index() == 0; }
  Status status() const { return ok() ? Status() : std::get<1>(data_); }

  T& value() & { return Checked(); }
  const T& value() const& { return const_cast<Result*>(this)->Checked(); }
  T&& value() && { return std::move(Checked()); }
  T& operator*() & { return Checked(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(Checked()); }
  T* operator->() { return &Checked(); }
  const T* operator->() const { return &value(); }

 private:
  T& Checked() {
    if (!ok()) std::abort();
    return std::get<0>(data_);
  }
  std::variant<T, Status> data_;
};

}  // namespace selvedge

// Returns the Status of expr from the enclosing function if it failed.
#define SELVEDGE_RETURN_IF_ERROR(expr)                       \
  do {                                                       \
    if (::selvedge::Status s_ = (expr); !s_.ok()) return s_; \
  } while (0)

#define SELVEDGE_CONCAT_INNER(a, b) a##b
#define SELVEDGE_CONCAT(a, b) SELVEDGE_CONCAT_INNER(a, b)

// SELVEDGE_ASSIGN_OR_RETURN(auto x, F()): assigns the value of F() or returns its Status.
#define SELVEDGE_ASSIGN_OR_RETURN(lhs, expr) \
  SELVEDGE_ASSIGN_OR_RETURN_INNER(SELVEDGE_CONCAT(result_, __LINE__), lhs, expr)
#define SELVEDGE_ASSIGN_OR_RETURN_INNER(tmp, lhs, expr) \
  auto tmp = (expr);                                    \
  if (!tmp.ok()) return tmp.status();                   \
  lhs = std::move(tmp).value()
