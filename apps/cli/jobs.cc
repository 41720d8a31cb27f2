#include <algorithm>
#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/opening.h"
#include "apps/cli/run_flags.h"
#include "apps/cli/train_report.h"

namespace selvedge::cli {
namespace {

Json ToJson(const JobInfo& job) {
  return {{"id", job.id},
          {"state", job.state},
          {"reason", job.reason},
          {"created", job.created},
          {"updated", job.updated},
          {"steps_done", job.steps_done},
          {"steps_planned", job.steps_planned},
          {"adapter_id", job.adapter_id}};
}

Status List(Context& context) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const auto jobs, home.Jobs());
  Json list = Json::array();
  for (const JobInfo& job : jobs) list.push_back(ToJson(job));
  context.out.Report({{"jobs", list}});
  return OkStatus();
}

Status Show(Context& context, const std::string& id) {
  SELVEDGE_ASSIGN_OR_RETURN(const Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const auto jobs, home.Jobs());
  const auto found =
      std::find_if(jobs.begin(), jobs.end(), [&](const JobInfo& job) { return job.id == id; });
  if (found == jobs.end()) return NotFoundError("jobs: '" + id + "': no such job");
  context.out.Report(ToJson(*found));
  return OkStatus();
}

// The newest stopped job unless an id is given; its own configuration decides what is trained.
Status Resume(Context& context, std::string id, const RunFlags& flags) {
  TrainOptions options;
  SELVEDGE_RETURN_IF_ERROR(ApplyRunFlags(flags, &options));
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  SELVEDGE_ASSIGN_OR_RETURN(const auto jobs, home.Jobs());
  if (id.empty()) {
    const JobInfo* newest = nullptr;
    for (const JobInfo& job : jobs) {
      if (job.state != "stopped") continue;
      if (newest == nullptr || job.updated > newest->updated) newest = &job;
    }
    if (newest == nullptr) return NotFoundError("jobs: no stopped job to resume");
    id = newest->id;
  }
  options.resume_job = id;
  options.threads = static_cast<int>(context.threads);
  SELVEDGE_ASSIGN_OR_RETURN(const TrainReport report,
                            RunTraining(home, options, context.out.quiet));
  context.out.Report(cli::ToJson(report));
  return OkStatus();
}

Status Cancel(Context& context, const std::string& id) {
  SELVEDGE_ASSIGN_OR_RETURN(Home home, OpenHome(context));
  SELVEDGE_RETURN_IF_ERROR(home.CancelJob(id));
  context.out.Report({{"cancelled", id}});
  return OkStatus();
}

}  // namespace

void AddJobs(CommandLine* line) {
  auto id = std::make_shared<std::string>();
  CLI::App* group = line->AddGroup("jobs", "Training jobs, with the reason for every stop.");
  line->Add(group, "list", "All jobs.", "selvedge jobs list --json", List);
  CLI::App* show = line->Add(group, "show", "One job.", "selvedge jobs show j-3",
                             [id](Context& context) { return Show(context, *id); });
  auto run = std::make_shared<RunFlags>();
  CLI::App* resume =
      line->Add(group, "resume", "Go on with a stopped job, under conditions as `train` has them.",
                "selvedge jobs resume --now",
                [id, run](Context& context) { return Resume(context, *id, *run); });
  AddRunFlags(resume, run.get());
  CLI::App* cancel =
      line->Add(group, "cancel", "Give a stopped job up.", "selvedge jobs cancel j-3",
                [id](Context& context) { return Cancel(context, *id); });
  AddArgument(show, "ID", id.get(), "The job")->required();
  AddArgument(resume, "ID", id.get(), "The job (default: the newest stopped one)");
  AddArgument(cancel, "ID", id.get(), "The job")->required();
}

}  // namespace selvedge::cli
