#include "core/kernels/kernels.h"
#include "inference/conversion/model_source.h"

namespace selvedge::inference {

uint64_t SourceTensor::rows() const {
  uint64_t product = 1;
  for (size_t i = 1; i < dims.size(); ++i) product *= dims[i];
  return product;
}

bool ModelSource::Has(const std::string& tensor) const {
  for (const SourceTensor& t : tensors) {
    if (t.name == tensor) return true;
  }
  return false;
}

Result<ModelSource> OpenGgufSource(const std::string& path) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::shared_ptr<const gguf::File> file, gguf::File::Open(path));
  ModelSource source;
  SELVEDGE_ASSIGN_OR_RETURN(source.architecture, file->GetString("general.architecture"));
  SELVEDGE_ASSIGN_OR_RETURN(source.layers, file->GetU32(source.architecture + ".block_count"));
  source.keys.CopyMetadata(*file);
  source.bytes = file;
  for (const gguf::TensorInfo& tensor : file->tensors()) {
    const core::DTypeInfo& info = *core::FindDType(tensor.type);
    if (info.block_values != 1 || !info.has_kernels) {
      return IncompatibleError("model file: tensor '" + tensor.name + "': type " + info.name +
                               ", F32, F16 or BF16 needed: quantize the original model, a second "
                               "rounding would lose more");
    }
    const size_t row_bytes = core::RowBytes(info, tensor.dims[0]);
    source.size_bytes += tensor.data.size();
    source.tensors.push_back({tensor.name, tensor.type, tensor.dims,
                              [data = tensor.data.data(), type = tensor.type, row_bytes,
                               cols = tensor.dims[0]](uint64_t first, uint64_t rows, float* out) {
                                kernels::DequantizeRow(type, data + first * row_bytes, out,
                                                       rows * cols);
                              }});
  }
  return source;
}

}  // namespace selvedge::inference
