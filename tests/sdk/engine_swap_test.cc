// Activations while generations run (H07, C26 of the list of faults): a generation keeps the
// adapter it began with, whole; the next one has what is active then. SELVEDGE_SWAP_ROUNDS says how
// many; ./dev tsan asks for 10,000.

#include <selvedge/adapters.h>
#include <selvedge/engine.h>

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <set>
#include <thread>

#include "adapters/store.h"
#include "sdk/engine_impl.h"
#include "tests/sdk/home_fixture.h"

namespace selvedge {
namespace {

constexpr int kReaders = 3;

int Swaps() {
  const char* rounds = std::getenv("SELVEDGE_SWAP_ROUNDS");
  return rounds == nullptr ? 200 : std::max(1, std::atoi(rounds));
}

class EngineSwap : public HomeTest {
 protected:
  void SetUp() override {
    HomeTest::SetUp();
    Make();
    Result<Engine> engine = Engine::Open({"", 1});
    ASSERT_TRUE(engine.ok()) << engine.status().message();
    engine_ = std::make_unique<Engine>(std::move(engine).value());
    ASSERT_TRUE(engine_->AttachHome(&*home_).ok());
    for (const float phase : {0.0f, 1.5f}) ids_.push_back(Import(phase));
    ids_.push_back("none");
  }

  // An adapter of one attention weight, large enough to change the text; `phase` makes it differ.
  std::string Import(float phase) {
    adapters::LoraTensor tensor;
    tensor.base_name = "blk.0.attn_q.weight";
    const kernels::WeightView& weight = *engine_->impl()->model->FindWeight(tensor.base_name);
    tensor.rank = 2;
    tensor.in = static_cast<uint32_t>(weight.cols);
    tensor.out = static_cast<uint32_t>(weight.rows);
    for (size_t i = 0; i < 2 * weight.cols; ++i) {
      tensor.a.push_back(std::sin(static_cast<float>(i) + phase));
    }
    for (size_t i = 0; i < 2 * weight.rows; ++i) {
      tensor.b.push_back(std::cos(static_cast<float>(i) + phase));
    }
    adapters::LoraAdapter adapter;
    adapter.architecture = "llama";
    adapter.rank = 2;
    adapter.alpha = 2;
    adapter.tensors = {tensor};
    const std::string file = (root_ / "adapter.gguf").string();
    EXPECT_TRUE(adapters::WriteGgufLora(file, adapter).ok());
    const Result<InterchangeReport> report = ImportAdapter(*home_, file);
    std::filesystem::remove(file);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? report->adapter_id : "";
  }

  Result<GenerateResult> Generate() const {
    GenerateOptions options;
    options.prompt = "The harbour";
    options.n_predict = 6;
    options.ignore_eos = true;
    options.adapter = "active";
    options.sampling.temperature = 0;
    return engine_->Generate(options);
  }

  std::unique_ptr<Engine> engine_;
  std::vector<std::string> ids_;
};

TEST_F(EngineSwap, EveryTextIsOfOneAdapterThroughout) {
  std::set<std::string> whole;
  for (const std::string& id : ids_) {
    ASSERT_TRUE(home_->UseAdapter(id).ok());
    whole.insert(Generate()->text);
  }
  ASSERT_EQ(whole.size(), ids_.size()) << "the adapters give the same text";

  std::atomic<bool> done{false};
  std::atomic<int> texts{0}, torn{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const auto result = Generate();
        if (!result.ok() || !whole.contains(result->text)) ++torn;
        ++texts;
      }
    });
  }
  // As another process would: through a handle of its own.
  Result<Home> other = Home::Open(options_.path, options_.key);
  EXPECT_TRUE(other.ok()) << other.status().message();
  std::vector<std::weak_ptr<const inference::AdapterSet>> sets;
  const int swaps = Swaps();
  for (int swap = 0; other.ok() && swap < swaps; ++swap) {
    const Status used = other->UseAdapter(ids_[static_cast<size_t>(swap) % ids_.size()]);
    EXPECT_TRUE(used.ok()) << used.message();
    // Most adapters are found in memory, some are read again.
    if (swap % 16 == 0) engine_->impl()->ForgetLoaded();
    const auto set = engine_->impl()->Adapters("active", {});
    ASSERT_TRUE(set.ok()) << set.status().message();
    sets.push_back(*set);
    if (swap % 8 != 0) continue;
    const int before = texts;
    while (texts < before + 2) std::this_thread::yield();
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0);
  engine_->impl()->ForgetLoaded();
  std::set<const inference::AdapterSet*> alive;
  for (const auto& set : sets) alive.insert(set.lock().get());
  alive.erase(nullptr);
  EXPECT_LE(alive.size(), 1u) << "sets that are no longer served are still in memory";
  ASSERT_TRUE(home_->UseAdapter("none").ok());
  EXPECT_TRUE(Generate()->adapter_ids.empty());
}

TEST_F(EngineSwap, AnAdapterInMemoryIsStillAskedForInTheRegistry) {
  ASSERT_TRUE(home_->UseAdapter(ids_[0]).ok());
  ASSERT_TRUE(Generate().ok());
  GenerateOptions options;
  options.prompt = "The harbour";
  options.n_predict = 1;
  options.adapter = ids_[0];
  ASSERT_TRUE(engine_->Generate(options).ok());
  ASSERT_TRUE(home_->UseAdapter("none").ok());
  ASSERT_TRUE(home_->RemoveAdapter(ids_[0]).ok());
  EXPECT_EQ(engine_->Generate(options).status().code(), StatusCode::kNotFound);
}

TEST_F(EngineSwap, KeepsNoMoreAdaptersThanItMay) {
  EngineOptions options;
  options.threads = 1;
  options.kept_adapters = 0;
  Result<Engine> engine = Engine::Open(options);
  ASSERT_TRUE(engine.ok() && engine->AttachHome(&*home_).ok());
  std::weak_ptr<const inference::AdapterSet> first = *engine->impl()->Adapters(ids_[0], {});
  EXPECT_FALSE(first.expired());
  EXPECT_TRUE(engine->impl()->Adapters(ids_[1], {}).ok());
  EXPECT_TRUE(first.expired());
}

}  // namespace
}  // namespace selvedge
