#include "inference/conversion/quantize_model.h"

#include <algorithm>
#include <cmath>

#include "core/digest.h"
#include "core/file_io.h"
#include "core/kernels/kernels.h"

namespace selvedge::inference {
namespace {

constexpr uint64_t kPieceValues = uint64_t{1} << 22;  // 16 MiB of floats at once
constexpr uint32_t kQuantizationVersion = 2;          // GGML_QNT_VERSION

// Quantizes the pieces of one tensor after the other into a file.
class PieceWriter {
 public:
  PieceWriter(core::ThreadPool& pool, core::AtomicFile* file) : pool_(pool), file_(file) {}

  Status Write(std::span<const uint8_t> bytes) {
    digest_.Update(bytes);
    size_ += bytes.size();
    return file_->Write(bytes);
  }

  // Rows [first, first + rows) of a tensor.
  Status WriteRows(const SourceTensor& tensor, core::DType type, uint64_t first, uint64_t rows) {
    const uint64_t cols = tensor.dims[0];
    const size_t row_bytes = core::RowBytes(*core::FindDType(type), cols);
    bytes_.resize(rows * row_bytes);
    std::atomic<bool> finite{true};
    pool_.ParallelFor(rows, 1, [&](size_t begin, size_t end, int) {
      std::vector<float> row(cols);
      for (size_t r = begin; r < end; ++r) {
        tensor.read(first + r, 1, row.data());
        for (const float value : row) {
          if (!std::isfinite(value)) finite.store(false, std::memory_order_relaxed);
        }
        kernels::QuantizeRow(type, row.data(), bytes_.data() + r * row_bytes, cols);
      }
    });
    if (!finite) {
      return NumericError("model file: tensor '" + tensor.name +
                          "': holds NaN or infinity, finite values needed");
    }
    return Write(bytes_);
  }

  Status PadTo(uint64_t alignment) {
    const std::vector<uint8_t> zeros((alignment - size_ % alignment) % alignment, 0);
    return Write(zeros);
  }

  uint64_t size() const { return size_; }
  std::string Sha256() { return core::Hex(digest_.Finish()); }

 private:
  core::ThreadPool& pool_;
  core::AtomicFile* file_;
  core::Sha256 digest_;
  uint64_t size_ = 0;
  std::vector<uint8_t> bytes_;
};

}  // namespace

Result<QuantizedModel> QuantizeModel(core::ThreadPool& pool, ModelSource source,
                                     const QuantizationMix& mix, const std::string& path,
                                     const std::atomic<bool>* stop,
                                     const QuantizeProgress& on_progress) {
  QuantizedModel out;
  std::vector<core::DType> types;
  source.keys.SetU32("general.file_type", mix.file_type);
  source.keys.SetU32("general.quantization_version", kQuantizationVersion);
  for (const SourceTensor& tensor : source.tensors) {
    types.push_back(MixedType(mix, source, tensor));
    source.keys.DeclareTensor(tensor.name, types.back(), tensor.dims);
    ++out.types[core::FindDType(types.back())->name];
  }

  SELVEDGE_ASSIGN_OR_RETURN(core::AtomicFile file, core::AtomicFile::Create(path));
  PieceWriter writer(pool, &file);
  SELVEDGE_RETURN_IF_ERROR(writer.Write(source.keys.SerializeHeader()));
  uint64_t done = 0;
  for (size_t i = 0; i < source.tensors.size(); ++i) {
    const SourceTensor& tensor = source.tensors[i];
    const uint64_t piece = std::max<uint64_t>(1, kPieceValues / tensor.dims[0]);
    for (uint64_t first = 0; first < tensor.rows(); first += piece) {
      if (stop != nullptr && stop->load()) return CancelledError("quantize: stopped");
      const uint64_t rows = std::min(piece, tensor.rows() - first);
      SELVEDGE_RETURN_IF_ERROR(writer.WriteRows(tensor, types[i], first, rows));
      done += core::RowBytes(*core::FindDType(tensor.type), rows * tensor.dims[0]);
      if (on_progress) on_progress(done, source.size_bytes);
    }
    SELVEDGE_RETURN_IF_ERROR(writer.PadTo(gguf::kDefaultAlignment));
  }
  SELVEDGE_RETURN_IF_ERROR(file.Commit());
  out.size_bytes = writer.size();
  out.sha256 = writer.Sha256();
  return out;
}

}  // namespace selvedge::inference
