// Every row of the reference tables, when they lie beside the source tree; skipped otherwise. The
// embedded rows of epsilon_test.cc always run.

#include <chrono>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <selvedge/privacy.h>

namespace selvedge {
namespace {

using Row = std::map<std::string, std::string>;

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

std::vector<Row> Read(const std::string& name) {
  std::ifstream file(std::string(SELVEDGE_SOURCE_DIR) + "/../shared/reference/" + name);
  std::vector<Row> rows;
  std::string line;
  if (!std::getline(file, line)) return rows;
  const std::vector<std::string> header = Split(line, ',');
  while (std::getline(file, line)) {
    const std::vector<std::string> cells = Split(line, ',');
    Row row;
    for (size_t i = 0; i < cells.size(); ++i) row[header[i]] = cells[i];
    rows.push_back(row);
  }
  return rows;
}

double Number(const Row& row, const char* column) {
  const auto found = row.find(column);
  return found == row.end() || found->second.empty() ? NAN : std::stod(found->second);
}

std::vector<MechanismEvent> Events(const Row& row) {
  const std::vector<std::string> rates = Split(row.at("q"), ';');
  const std::vector<std::string> sigmas = Split(row.at("sigma"), ';');
  const std::vector<std::string> steps = Split(row.at("steps"), ';');
  std::vector<MechanismEvent> events;
  for (size_t i = 0; i < rates.size(); ++i) {
    events.push_back({std::stod(rates[i]), std::stod(sigmas[i]), std::stoll(steps[i])});
  }
  return events;
}

std::string Name(const Row& row) {
  return "q=" + row.at("q") + " sigma=" + row.at("sigma") + " steps=" + row.at("steps") +
         " delta=" + row.at("delta");
}

TEST(ReferenceTables, PldIsWithinTwoPerMilleOfTheReference) {
  const std::vector<Row> rows = Read("dp_reference_dev.csv");
  if (rows.empty()) GTEST_SKIP() << "no reference tables beside the source tree";
  double slowest_ms = 0;
  double total_ms = 0;
  for (const Row& row : rows) {
    const auto start = std::chrono::steady_clock::now();
    const Result<double> epsilon =
        ComputeEpsilon(Events(row), Number(row, "delta"), Accountant::kPld);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    slowest_ms = std::max(slowest_ms, took.count());
    total_ms += took.count();
    ASSERT_TRUE(epsilon.ok()) << Name(row);
    EXPECT_LE(*epsilon, Number(row, "eps_pld") * 1.002 + 1e-3) << Name(row);
  }
  std::printf("pld: mean %.1f ms, slowest %.1f ms\n", total_ms / static_cast<double>(rows.size()),
              slowest_ms);
}

TEST(ReferenceTables, RdpIsAtLeastAsTightAsOtherAccountants) {
  const std::vector<Row> rows = Read("dp_reference_dev.csv");
  if (rows.empty()) GTEST_SKIP() << "no reference tables beside the source tree";
  for (const Row& row : rows) {
    const Result<double> epsilon =
        ComputeEpsilon(Events(row), Number(row, "delta"), Accountant::kRdp);
    ASSERT_TRUE(epsilon.ok()) << Name(row);
    const double other = std::fmin(Number(row, "eps_rdp"), Number(row, "opacus_rdp"));
    EXPECT_LE(*epsilon, other * (1 + 1e-6)) << Name(row);
  }
}

TEST(ReferenceTables, NoBoundIsBelowTheLowerBracket) {
  const std::vector<Row> rows = Read("dp_reference_brackets_dev.csv");
  if (rows.empty()) GTEST_SKIP() << "no reference tables beside the source tree";
  int compared = 0;
  for (const Row& row : rows) {
    const double lower = Number(row, "eps_lower");
    if (std::isnan(lower)) continue;  // the bracket's tool could not do these rows
    ++compared;
    for (const Accountant accountant : {Accountant::kPld, Accountant::kRdp, Accountant::kBest}) {
      const Result<double> epsilon = ComputeEpsilon(Events(row), Number(row, "delta"), accountant);
      ASSERT_TRUE(epsilon.ok()) << Name(row);
      EXPECT_GE(*epsilon, lower) << Name(row);
    }
    if (row.contains("method") && row.at("method") == "closed_form") {
      const Result<double> epsilon = ComputeEpsilon(Events(row), Number(row, "delta"));
      EXPECT_NEAR(*epsilon, Number(row, "eps_estimate"), 1e-9 * (1 + *epsilon)) << Name(row);
    }
  }
  EXPECT_GT(compared, static_cast<int>(rows.size()) * 9 / 10);
}

TEST(ReferenceTables, NoiseMultiplierIsWithinTwoPerMille) {
  const std::vector<Row> rows = Read("dp_reference_inverse_dev.csv");
  if (rows.empty()) GTEST_SKIP() << "no reference tables beside the source tree";
  for (const Row& row : rows) {
    const double q = Number(row, "q");
    const double delta = Number(row, "delta");
    const double target = Number(row, "target_eps");
    const auto steps = static_cast<int64_t>(Number(row, "steps"));
    const auto start = std::chrono::steady_clock::now();
    const Result<double> sigma = ComputeNoiseMultiplier(target, delta, q, steps);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    ASSERT_TRUE(sigma.ok());
    std::printf("inverse: %.0f ms\n", took.count());
    EXPECT_LE(*sigma, Number(row, "sigma_pld") * 1.002) << q << " " << steps << " " << target;
    const Result<double> epsilon = ComputeEpsilon({{q, *sigma, steps}}, delta);
    ASSERT_TRUE(epsilon.ok());
    EXPECT_LE(*epsilon, target);
  }
}

}  // namespace
}  // namespace selvedge
