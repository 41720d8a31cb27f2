#include <selvedge/model_tools.h>

#include <filesystem>

#include "core/open_regular.h"
#include "inference/conversion/quantize_model.h"

namespace selvedge {
namespace {

bool SameFile(const std::string& a, const std::string& b) {
  std::error_code error;
  return std::filesystem::equivalent(a, b, error) && !error;
}

}  // namespace

Result<QuantizeReport> QuantizeModel(
    const QuantizeOptions& options, const std::atomic<bool>* stop,
    const std::function<void(uint64_t done, uint64_t total)>& on_progress) {
  const inference::QuantizationMix* mix = inference::FindMix(options.type);
  if (mix == nullptr) {
    return UsageError("quantize: type: '" + options.type.substr(0, 32) + "', " +
                      inference::MixNames() + " allowed");
  }
  if (SameFile(options.input, options.output)) {
    return UsageError("quantize: output: '" + core::BaseName(options.output) +
                      "' is the input, another file needed");
  }
  SELVEDGE_ASSIGN_OR_RETURN(inference::ModelSource source,
                            inference::OpenModelSource(options.input));
  QuantizeReport report;
  report.arch = source.architecture;
  report.tensors = source.tensors.size();
  report.input_bytes = source.size_bytes;
  core::ThreadPool pool(options.threads);
  SELVEDGE_ASSIGN_OR_RETURN(
      inference::QuantizedModel model,
      inference::QuantizeModel(pool, std::move(source), *mix, options.output, stop, on_progress));
  report.types = std::move(model.types);
  report.output_bytes = model.size_bytes;
  report.sha256 = std::move(model.sha256);
  return report;
}

}  // namespace selvedge
