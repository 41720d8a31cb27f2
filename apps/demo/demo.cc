#include "apps/demo/demo.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include <selvedge/engine.h>

#include "apps/demo/samples.h"

namespace selvedge::demo {
namespace {

constexpr char kSource[] = "messages";
constexpr char kPurpose[] = "personalization";
constexpr char kPrompt[] = "well now joan, the";

// The "text" of each JSON line.
Result<std::vector<std::string>> Texts(std::string_view jsonl) {
  std::vector<std::string> texts;
  for (size_t begin = 0; begin < jsonl.size();) {
    const size_t end = std::min(jsonl.find('\n', begin), jsonl.size());
    const auto object = nlohmann::json::parse(jsonl.substr(begin, end - begin), nullptr, false);
    begin = end + 1;
    if (!object.is_object() || !object.contains("text")) {
      return InternalError("demo: a sample record has no text");
    }
    texts.push_back(object["text"].get<std::string>());
  }
  return texts;
}

class Demo {
 public:
  Demo(const DemoOptions& options, const std::atomic<bool>* stop, const DemoEvents& events)
      : options_(options), stop_(stop), events_(events) {}

  Result<DemoReport> Run() {
    const auto start = std::chrono::steady_clock::now();
    SELVEDGE_ASSIGN_OR_RETURN(const auto heldout, Texts(HeldoutSamples()));
    report_.heldout_records = static_cast<int64_t>(heldout.size());
    SELVEDGE_ASSIGN_OR_RETURN(Home home, MakeHome());
    SELVEDGE_RETURN_IF_ERROR(TakeIn(home));
    SELVEDGE_ASSIGN_OR_RETURN(Engine engine, Engine::Open({home.model_path(), options_.threads}));
    SELVEDGE_RETURN_IF_ERROR(engine.AttachHome(&home));
    Stage("measuring the base model on " + std::to_string(heldout.size()) + " held-out records");
    SELVEDGE_RETURN_IF_ERROR(
        Measure(engine, heldout, &report_.loss_before, &report_.ppl_before, &report_.text_before));
    SELVEDGE_RETURN_IF_ERROR(Train(home));
    SELVEDGE_RETURN_IF_ERROR(Swap(engine));
    Stage("measuring the model with the adapter");
    SELVEDGE_RETURN_IF_ERROR(
        Measure(engine, heldout, &report_.loss_after, &report_.ppl_after, &report_.text_after));
    report_.prompt = kPrompt;
    report_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return std::move(report_);
  }

 private:
  void Stage(const std::string& line) const {
    if (events_.on_stage) events_.on_stage(line);
  }

  Status CheckStop() const {
    if (stop_ != nullptr && stop_->load()) return CancelledError("demo: stopped on request");
    return OkStatus();
  }

  Result<Home> MakeHome() const {
    Stage("creating an encrypted home");
    HomeOptions home;
    home.path = options_.home;
    home.key = options_.key;
    home.epsilon_budget = options_.epsilon;
    home.delta = options_.delta;
    return Home::Create(home);
  }

  Status TakeIn(Home& home) {
    SELVEDGE_RETURN_IF_ERROR(home.Grant(kSource, kPurpose, 0));
    SELVEDGE_ASSIGN_OR_RETURN(const IngestReport ingest,
                              home.Ingest(kSource, RecordFormat::kJsonl, TrainSamples(), ""));
    report_.records = ingest.added;
    report_.duplicates = ingest.duplicate;
    report_.redactions = ingest.redacted_spans;
    Stage("took in " + std::to_string(ingest.added) + " records, left out " +
          std::to_string(ingest.duplicate) + " duplicates, redacted " +
          std::to_string(ingest.redacted_spans) + " pieces of personal data");
    return CheckStop();
  }

  // Loss and perplexity with what the engine serves now, and a continuation of the prompt.
  Status Measure(const Engine& engine, const std::vector<std::string>& heldout, double* loss,
                 double* ppl, std::string* text) const {
    SELVEDGE_RETURN_IF_ERROR(CheckStop());
    EvalOptions eval;
    eval.documents = heldout;
    eval.adapter = "active";
    SELVEDGE_ASSIGN_OR_RETURN(const EvalResult result, engine.Eval(eval));
    *loss = result.loss;
    *ppl = result.ppl;
    GenerateOptions generate;
    generate.prompt = kPrompt;
    generate.n_predict = 48;
    generate.sampling.temperature = 0;
    generate.sampling.repeat_penalty = 1.1;
    generate.cancel = stop_;
    SELVEDGE_ASSIGN_OR_RETURN(const GenerateResult generated, engine.Generate(generate));
    *text = generated.text;
    return OkStatus();
  }

  Status Train(Home& home) {
    Stage("training under differential privacy");
    TrainOptions train;
    train.now = true;
    train.epsilon = options_.epsilon;
    train.steps = options_.steps;
    train.threads = options_.threads;
    train.seed = options_.seed;
    SELVEDGE_ASSIGN_OR_RETURN(report_.training, home.Train(train, stop_, events_.on_progress));
    if (report_.training.adapter_id.empty()) {
      return PolicyError("demo: the gate: " + report_.training.gate + ", nothing was activated");
    }
    Stage("gate " + report_.training.gate + ", signed as " + report_.training.adapter_id);
    return OkStatus();
  }

  // The engine has been running all the time; it takes the new adapter over as any request would.
  Status Swap(Engine& engine) {
    SELVEDGE_ASSIGN_OR_RETURN(const AdapterRefresh refresh, engine.RefreshAdapter());
    if (refresh.adapter_id != report_.training.adapter_id) {
      return InternalError("demo: the engine serves another adapter than the one just trained");
    }
    report_.swap_ms = refresh.swap_ms;
    return OkStatus();
  }

  const DemoOptions& options_;
  const std::atomic<bool>* stop_;
  const DemoEvents& events_;
  DemoReport report_;
};

}  // namespace

Result<DemoReport> RunDemo(const DemoOptions& options, const std::atomic<bool>* stop,
                           const DemoEvents& events) {
  return Demo(options, stop, events).Run();
}

}  // namespace selvedge::demo
