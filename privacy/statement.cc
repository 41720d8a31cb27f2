// The one sentence about privacy.

#include <cstdio>
#include <string>

#include <selvedge/privacy.h>

namespace selvedge {
namespace {

std::string Number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace

std::string Describe(const PrivacyStatement& s) {
  if (s.accountant.empty()) return "no differential privacy";
  std::string releases =
      std::to_string(s.steps) + " " +
      (s.sampling == "poisson" ? "Poisson-sampled with rate " + Number(s.sampling_rate)
                               : s.sampling) +
      " releases";
  if (s.sampling == "in-turns") releases = "the whole run as one release, groups in turns,";
  return "epsilon " + Number(s.epsilon) + " at delta " + Number(s.delta) + " for each " + s.unit +
         " (" + s.neighbouring + "): " + releases + " with noise multiplier " +
         Number(s.noise_multiplier) + ", by the " + s.accountant + " accountant";
}

}  // namespace selvedge
