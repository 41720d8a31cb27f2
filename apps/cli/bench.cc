#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>

#include <selvedge/bench.h>
#include <selvedge/machine.h>

#include "apps/cli/commands.h"
#include "apps/cli/opening.h"
#include "apps/cli/scratch_home.h"

extern char** environ;

namespace selvedge::cli {
namespace {

struct BenchFlags {
  ModelOptions model;
  int64_t tokens = 0;
  int64_t repetitions = 5;
  int64_t sessions = 1;
  int64_t records = 1000;
};

Json Spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  const double median = n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
  return {{"median", median}, {"min", values.front()}, {"max", values.back()}};
}

// What every measurement says about where it was made.
Status AddCircumstances(const Engine& engine, const Context& context, const BenchFlags& flags,
                        Json* report) {
  const MachineInfo machine = Machine();
  (*report)["repetitions"] = flags.repetitions;
  (*report)["peak_rss_mb"] = PeakRssMb();
  (*report)["bytes_read_per_token"] = engine.info().bytes_read_per_token;
  (*report)["huge_page_mb"] = engine.info().huge_page_bytes >> 20;
  (*report)["threads"] = context.threads > 0 ? context.threads : machine.cores;
  (*report)["cpu"] = machine.cpu;
  (*report)["isa"] = machine.isa;
  SELVEDGE_ASSIGN_OR_RETURN((*report)["model_sha256"], engine.FileSha256());
  return OkStatus();
}

using EngineBench = Result<std::vector<double>> (*)(const Engine&, const BenchOptions&);

// Measures with the engine's own bench function and reports it under `field`.
Status RunOnEngine(Context& context, const BenchFlags& flags, EngineBench bench,
                   int64_t default_tokens, const std::string& field) {
  BenchOptions options;
  options.tokens = flags.tokens > 0 ? flags.tokens : default_tokens;
  options.repetitions = flags.repetitions;
  options.sessions = flags.sessions;
  options.kv_type = flags.model.kv_type;
  SELVEDGE_ASSIGN_OR_RETURN(options.lora, ParseLora(flags.model.lora));
  SELVEDGE_ASSIGN_OR_RETURN(const Engine engine, OpenEngine(context, flags.model));
  SELVEDGE_ASSIGN_OR_RETURN(const auto values, bench(engine, options));
  Json report = {{field, Spread(values)}};
  report["tokens"] = options.tokens;
  if (bench == BenchDecode) {
    report["sessions"] = options.sessions;
    report["kv_type"] = options.kv_type;
  }
  SELVEDGE_RETURN_IF_ERROR(AddCircumstances(engine, context, flags, &report));
  context.out.Report(report);
  return OkStatus();
}

struct Started {
  double ms = 0;           // from the start to the end
  double peak_rss_mb = 0;  // of the started process
};

// Which of 100 values is larger than 99 of them.
double Percentile99(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[(values.size() * 99 + 99) / 100 - 1];
}

Status Swap(Context& context, const BenchFlags& flags) {
  BenchOptions options;
  options.repetitions = flags.repetitions;
  SELVEDGE_ASSIGN_OR_RETURN(options.lora, ParseLora(flags.model.lora));
  SELVEDGE_ASSIGN_OR_RETURN(Engine engine, OpenEngine(context, flags.model));
  SELVEDGE_ASSIGN_OR_RETURN(const auto scratch, ScratchHome::Create());
  SELVEDGE_ASSIGN_OR_RETURN(const SwapBench bench, BenchSwap(engine, scratch->path(), options));
  Json report = {{"swap_ms", Spread(bench.from_disk)},
                 {"memory_swap_ms", Spread(bench.from_memory)}};
  report["swap_ms"]["p99"] = Percentile99(bench.from_disk);
  report["memory_swap_ms"]["p99"] = Percentile99(bench.from_memory);
  SELVEDGE_RETURN_IF_ERROR(AddCircumstances(engine, context, flags, &report));
  context.out.Report(report);
  return OkStatus();
}

// Runs this program with `arguments`, its stdout thrown away.
Result<Started> RunSelf(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  const auto start = std::chrono::steady_clock::now();
  pid_t child = 0;
  const int error = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return IoError(std::string("bench cold-start: cannot start: ") + strerror(error));
  int state = 0;
  rusage usage{};
  while (wait4(child, &state, 0, &usage) < 0 && errno == EINTR) {
  }
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) {
    return InternalError("bench cold-start: the started program failed, see its message above");
  }
  return Started{took.count(), static_cast<double>(usage.ru_maxrss) / 1024};
}

// From starting the program to its end after one generated token.
Status ColdStart(Context& context, const BenchFlags& flags) {
  std::vector<std::string> arguments = {"selvedge", "generate", "-p", "The",    "-n",
                                        "1",        "--temp",   "0",  "--quiet"};
  if (flags.model.lora.empty()) arguments.insert(arguments.end(), {"--adapter", "none"});
  if (!flags.model.model.empty()) arguments.insert(arguments.end(), {"-m", flags.model.model});
  for (const std::string& lora : flags.model.lora) {
    arguments.insert(arguments.end(), {"--lora", lora});
  }
  if (context.threads > 0) {
    arguments.insert(arguments.end(), {"-t", std::to_string(context.threads)});
  }
  SELVEDGE_ASSIGN_OR_RETURN(const Engine engine, OpenEngine(context, flags.model));
  std::vector<double> values;
  double peak_rss_mb = 0;
  for (int64_t i = 0; i <= flags.repetitions; ++i) {
    SELVEDGE_ASSIGN_OR_RETURN(const Started started, RunSelf(arguments));
    peak_rss_mb = std::max(peak_rss_mb, started.peak_rss_mb);
    if (i > 0) values.push_back(started.ms);
  }
  Json report = {{"first_token_ms", Spread(values)}};
  SELVEDGE_RETURN_IF_ERROR(AddCircumstances(engine, context, flags, &report));
  report["peak_rss_mb"] = peak_rss_mb;
  context.out.Report(report);
  return OkStatus();
}

// `count` different lines of the length of a chat message; every tenth holds an address to redact.
std::string IngestLines(int64_t count, int64_t repetition) {
  std::string lines;
  for (int64_t i = 0; i < count; ++i) {
    lines += "note " + std::to_string(repetition) + "-" + std::to_string(i) +
             ": met at the harbour, the wind turned and the boats stayed in until the evening";
    if (i % 10 == 0) lines += ", write to person" + std::to_string(i) + "@example.org";
    lines += "\n";
  }
  return lines;
}

Status Ingest(Context& context, const BenchFlags& flags) {
  SELVEDGE_ASSIGN_OR_RETURN(const Engine engine, OpenEngine(context, flags.model));
  SELVEDGE_ASSIGN_OR_RETURN(const auto scratch, ScratchHome::Create());
  HomeOptions options;
  options.path = scratch->path();
  options.model_path = flags.model.model;
  SELVEDGE_ASSIGN_OR_RETURN(Home home, Home::Create(options));
  SELVEDGE_RETURN_IF_ERROR(home.Grant("bench", "personalization", 0));
  std::vector<double> values;
  for (int64_t i = 0; i <= flags.repetitions; ++i) {
    const std::string lines = IngestLines(flags.records, i);
    const auto start = std::chrono::steady_clock::now();
    SELVEDGE_ASSIGN_OR_RETURN(const auto report,
                              home.Ingest("bench", RecordFormat::kText, lines, ""));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (report.added != flags.records) return InternalError("bench ingest: records were refused");
    if (i > 0) values.push_back(static_cast<double>(report.added) / took.count());
  }
  Json report = {{"records_per_s", Spread(values)}, {"records", flags.records}};
  SELVEDGE_RETURN_IF_ERROR(AddCircumstances(engine, context, flags, &report));
  context.out.Report(report);
  return OkStatus();
}

struct TrainBenchFlags {
  ModelOptions model;
  std::string dp = "on";
  std::string precision = "fast";
  std::string train_a = "auto";
  int64_t rank = 8;
  TrainBenchOptions options;
};

Status Train(Context& context, const TrainBenchFlags& flags) {
  TrainBenchOptions options = flags.options;
  options.dp = flags.dp == "on";
  options.exact_f32 = flags.precision == "f32";
  if (flags.train_a != "auto") options.train_a = flags.train_a == "on";
  options.rank = static_cast<int>(flags.rank);
  options.threads = static_cast<int>(context.threads);
  SELVEDGE_ASSIGN_OR_RETURN(const Engine engine, OpenEngine(context, flags.model));
  SELVEDGE_ASSIGN_OR_RETURN(const TrainBench bench, BenchTrain(engine, options));
  Json report = {{"tokens_per_s", Spread(bench.tokens_per_s)},
                 {"tokens_per_cpu_s", Spread(bench.tokens_per_cpu_s)},
                 {"loss", bench.loss},
                 {"stop_ms", {{"p99", bench.stop_ms_p99}, {"max", bench.stop_ms_max}}},
                 {"dp", options.dp},
                 {"precision", flags.precision},
                 {"rank", options.rank},
                 {"batch_size", options.batch_size},
                 {"seq_len", options.seq_len}};
  BenchFlags common;
  common.repetitions = options.repetitions;
  SELVEDGE_RETURN_IF_ERROR(AddCircumstances(engine, context, common, &report));
  report["peak_rss_mb"] = bench.peak_rss_mb;  // before the file was read once more for its digest
  context.out.Report(report);
  return OkStatus();
}

void AddBenchTrain(CommandLine* line, CLI::App* group) {
  auto flags = std::make_shared<TrainBenchFlags>();
  CLI::App* app = line->Add(group, "train", "Label tokens per second of training steps.",
                            "selvedge bench train -m m.gguf --batch-size 4 --seq-len 256",
                            [flags](Context& context) { return Train(context, *flags); });
  TrainBenchOptions* options = &flags->options;
  AddModelOption(app, &flags->model, "the embedded one");
  AddChoice(app, "--dp", &flags->dp, {"on", "off"}, "Differential privacy (default on)");
  AddChoice(app, "--train-a", &flags->train_a, {"auto", "on", "off"},
            "Whether A is trained beside B (default: without privacy only)");
  AddChoice(app, "--precision", &flags->precision, {"fast", "f32"},
            "Products with the base: 16-bit integers where they are faster, or f32");
  AddInt(app, "--rank", &flags->rank, 1, 256, "LoRA rank (default 8)");
  AddInt(app, "--batch-size", &options->batch_size, 1, 1'000'000,
         "Sequences of a step (default 4)");
  AddInt(app, "--seq-len", &options->seq_len, 8, int64_t{1} << 20,
         "Labels of a sequence (default 256)");
  AddInt(app, "--memory-limit", &options->memory_limit_mb, 1, int64_t{1} << 24,
         "Memory limit in MiB");
  AddInt(app, "-r,--repetitions", &options->repetitions, 1, 1000, "Steps counted (default 5)");
}

}  // namespace

void AddBench(CommandLine* line) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* group = line->AddGroup("bench", "Measure one thing: median, smallest and largest.");
  CLI::App* decode =
      line->Add(group, "decode", "Tokens per second after an empty prompt.",
                "selvedge bench decode -t 2 --json", [flags](Context& context) {
                  return RunOnEngine(context, *flags, BenchDecode, 128, "tokens_per_s");
                });
  CLI::App* prefill =
      line->Add(group, "prefill", "Prompt tokens per second.", "selvedge bench prefill -m m.gguf",
                [flags](Context& context) {
                  return RunOnEngine(context, *flags, BenchPrefill, 512, "tokens_per_s");
                });
  CLI::App* swap = line->Add(group, "swap", "Time from another adapter being active to serving it.",
                             "selvedge bench swap -m m.gguf -r 200",
                             [flags](Context& context) { return Swap(context, *flags); });
  CLI::App* ingest = line->Add(group, "ingest", "Records per second into a scratch home.",
                               "selvedge bench ingest --records 1000",
                               [flags](Context& context) { return Ingest(context, *flags); });
  CLI::App* cold = line->Add(group, "cold-start", "From starting the program to one token's end.",
                             "selvedge bench cold-start -m m.gguf",
                             [flags](Context& context) { return ColdStart(context, *flags); });
  AddBenchTrain(line, group);
  AddInt(ingest, "--records", &flags->records, 1, 1'000'000,
         "Records in a repetition (default 1000)");
  AddHugePages(decode, &flags->model, "off");
  AddHugePages(prefill, &flags->model, "off");
  AddInt(decode, "-n,--tokens", &flags->tokens, 1, int64_t{1} << 30,
         "Tokens in a repetition (default 128)");
  AddKvType(decode, &flags->model);
  AddInt(decode, "--sessions", &flags->sessions, 1, 64,
         "Sessions that decode at the same time (default 1)");
  AddInt(prefill, "-n,--tokens", &flags->tokens, 1, int64_t{1} << 30,
         "Tokens in a repetition (default 512)");
  for (CLI::App* app : {decode, prefill, swap, cold}) {
    AddTexts(app, "--lora", &flags->model.lora, "FILE[=SCALE]", "LoRA adapter; may be repeated");
  }
  for (CLI::App* app : {decode, prefill, swap, ingest, cold}) {
    AddInt(app, "-r,--repetitions", &flags->repetitions, 1, 1000, "Repetitions (default 5)");
    AddModelOption(app, &flags->model, "the embedded one");
  }
}

}  // namespace selvedge::cli
