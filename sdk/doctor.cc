#include <selvedge/home.h>
#include <sys/stat.h>

#include <filesystem>

#include "core/cpu_features.h"
#include "sdk/home_impl.h"
#include "sdk/trainer_library.h"

namespace selvedge {
namespace {

DoctorCheck Check(std::string name, const Status& status, std::string good, std::string advice) {
  if (status.ok()) return {std::move(name), true, std::move(good)};
  return {std::move(name), false, status.message() + (advice.empty() ? "" : "; " + advice)};
}

DoctorCheck CheckKeyFile(const KeySource& key) {
  const std::string& path = key.key_file.empty() ? key.passphrase_file : key.key_file;
  struct stat st {};
  if (stat(path.c_str(), &st) != 0) return {"key file", false, "cannot be found"};
  if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return {"key file", false, "others may read it; chmod 600 it"};
  }
  return {"key file", true, "only its owner may read it"};
}

void CheckHome(const std::string& path, const KeySource& key, std::vector<DoctorCheck>* checks) {
  if (!key.key_file.empty() || !key.passphrase_file.empty()) {
    checks->push_back(CheckKeyFile(key));
  }
  Result<Home> home = Home::Open(path, key);
  checks->push_back(
      Check("home", home.status(), "opens",
            home.status().code() == StatusCode::kNotFound ? "" : "its files were not changed"));
  if (!home.ok()) return;
  const HomeInfo info = home->info();
  checks->push_back({"encryption", true, info.cipher + ", key from " + info.key_provider});

  Home::Impl& impl = *home->impl();
  {
    const std::lock_guard<std::mutex> lock(impl.mutex);
    checks->push_back(Check("database", impl.vault->database().CheckIntegrity(),
                            "every page is whole",
                            "export what can be read with `data export` and make a new home"));
  }
  const Result<PrivacyStatus> privacy = home->Privacy();
  const bool intact = privacy.ok() && privacy->ledger_intact;
  checks->push_back({"ledger", intact,
                     intact ? "chain and head agree; epsilon spent " +
                                  std::to_string(privacy->epsilon_spent) + " of " +
                                  std::to_string(privacy->epsilon_budget)
                     : privacy.ok() ? privacy->ledger_problem
                                    : privacy.status().message()});
  checks->push_back(Check("home's model", impl.Base().status(), "is the one the home was made for",
                          "put the model file back, or make a home for the new one"));
  const Result<std::string> active = impl.ActiveAdapterId();
  if (active.ok() && !active->empty()) {
    checks->push_back(Check("active adapter", home->VerifyAdapter(*active), *active + " verifies",
                            "`adapters use none` or `adapters rollback`"));
  }
}

DoctorCheck CheckStorage(const std::string& path) {
  std::error_code ec;
  const std::filesystem::space_info space =
      std::filesystem::space(path.empty() ? std::string(".") : path, ec);
  if (ec) return {"storage", true, "free space is unknown"};
  const uint64_t mib = space.available >> 20;
  return {"storage", mib >= 256,
          std::to_string(mib) + " MiB free" + (mib >= 256 ? "" : "; training wants at least 256")};
}

}  // namespace

std::vector<DoctorCheck> Doctor(const std::string& home_path, const KeySource& key,
                                const std::string& model_path) {
  std::vector<DoctorCheck> checks;
  checks.push_back(
      {"processor", true, core::CpuName() + ", kernels for " + core::IsaName(core::ActiveIsa())});
  if (!home_path.empty()) CheckHome(home_path, key, &checks);
  const Result<BaseModel> base = LoadBaseModel(model_path);
  checks.push_back(
      Check("model", base.status(), model_path.empty() ? "the embedded model loads" : "loads", ""));
  checks.push_back(Check("trainer", MakeTrainer().status(),
                         "libselvedge_trainer.so and LibTorch load",
                         "generation works without it; install LibTorch and rebuild to train"));
  for (const ConditionState& state : ReadConditions(
           {Condition::kCharging, Condition::kIdle, Condition::kCool, Condition::kUnmetered})) {
    const bool holds = state.holds.value_or(false);
    checks.push_back({std::string("condition ") + ConditionName(state.condition), holds,
                      (state.holds.has_value() ? "" : "unknown on this device: ") + state.detail +
                          (holds ? "" : "; `train --now` does not ask for it")});
  }
  checks.push_back(CheckStorage(home_path));
  return checks;
}

}  // namespace selvedge
