#pragma once
// libselvedge_spm.so, loaded on first use, and one sentencepiece model in it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

struct selvedge_spm;

namespace selvedge::inference {

// A loaded model. Safe to use from several threads.
class SpmModel {
 public:
  // kNotFound if the library is not beside the program, kIncompatible if it is of another version,
  // kFormat if sentencepiece refuses the model.
  static Result<SpmModel> Create(const std::string& proto);

  SpmModel(SpmModel&&) noexcept = default;
  SpmModel& operator=(SpmModel&&) noexcept = default;
  ~SpmModel();

  // Appends the ids of well-formed UTF-8 text.
  Status Encode(std::string_view text, std::vector<int32_t>* ids) const;

 private:
  struct Library;
  struct Destroyer {
    std::shared_ptr<const Library> library;
    void operator()(selvedge_spm* spm) const;
  };
  SpmModel() = default;
  std::unique_ptr<selvedge_spm, Destroyer> spm_;
};

}  // namespace selvedge::inference
