#include <selvedge/adapters.h>

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "core/digest.h"
#include "core/dtype.h"
#include "core/file_io.h"
#include "core/kernels/kernels.h"
#include "inference/session/adapter_set.h"
#include "sdk/home_impl.h"
#include "sdk/interchange.h"

namespace selvedge {
namespace {

// W + scale B A in the tensor's own type: each row is dequantized, added to and quantized again.
Result<std::vector<uint8_t>> MergeTensor(const gguf::TensorInfo& base,
                                         const adapters::LoraTensor& lora) {
  const size_t columns = lora.in;
  const size_t row_bytes = base.data.size() / lora.out;
  std::vector<uint8_t> merged(base.data.size());
  std::vector<float> row(columns);
  for (size_t o = 0; o < lora.out; ++o) {
    kernels::DequantizeRow(base.type, base.data.data() + o * row_bytes, row.data(), columns);
    for (size_t r = 0; r < lora.rank; ++r) {
      const float factor = lora.scale * lora.b[o * lora.rank + r];
      const float* a = lora.a.data() + r * columns;
      for (size_t i = 0; i < columns; ++i) row[i] += factor * a[i];
    }
    if (!kernels::QuantizeRow(base.type, row.data(), merged.data() + o * row_bytes, columns)) {
      return IncompatibleError("merge: tensor '" + base.name + "': type " +
                               core::FindDType(base.type)->name + " cannot be written");
    }
  }
  return merged;
}

}  // namespace

Result<InterchangeReport> MergeAdapter(const Home& home, const std::string& id,
                                       const std::string& out, const ExportOptions& options) {
  SELVEDGE_ASSIGN_OR_RETURN(const ExportSource source, OpenForExport(home, id, out, options));
  const gguf::File& file = source.base->model->file();
  std::map<std::string_view, const adapters::LoraTensor*> pairs;
  for (const adapters::LoraTensor& tensor : source.stored.adapter.tensors) {
    pairs.emplace(tensor.base_name, &tensor);
  }
  gguf::Writer writer;
  writer.CopyMetadata(file);
  writer.SetString("selvedge.merged_adapter", id);
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    const auto pair = pairs.find(tensor.name);
    std::vector<uint8_t> data(tensor.data.begin(), tensor.data.end());
    if (pair != pairs.end()) {
      SELVEDGE_ASSIGN_OR_RETURN(data, MergeTensor(tensor, *pair->second));
    }
    writer.AddTensor(tensor.name, tensor.type, tensor.dims, std::move(data));
  }
  // A changed head is untied from the embedding, which stays as it is.
  if (const auto head = pairs.find("output.weight");
      head != pairs.end() && source.base->model->tied()) {
    const gguf::TensorInfo& embedding = *file.FindTensor("token_embd.weight");
    SELVEDGE_ASSIGN_OR_RETURN(std::vector<uint8_t> data, MergeTensor(embedding, *head->second));
    writer.AddTensor("output.weight", embedding.type, embedding.dims, std::move(data));
  }
  SELVEDGE_RETURN_IF_ERROR(file.bytes().Intact());
  const std::vector<uint8_t> bytes = writer.Serialize();
  SELVEDGE_RETURN_IF_ERROR(core::WriteFileAtomic(out, bytes));
  InterchangeReport report;
  report.adapter_id = id;
  CountMatches(source.stored.adapter, *source.base->model, &report);
  report.sha256 = core::Hex(core::Sha256Of(bytes));
  return report;
}

}  // namespace selvedge
