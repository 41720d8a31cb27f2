// Error of running sums under correlated noise, beside independent noise and a binary tree.
//
//   correlated_noise
//
// For each schedule the standard deviation of the sum of the steps so far, for clip norm 1 and a
// run that costs as much as one Gaussian release of noise multiplier 1: root mean square over the
// steps, and that of the last. The tree is that of Kairouz et al. 2021 (arXiv 2103.00039) without
// later refinement of its estimates. "least" is the least possible of any Toeplitz matrix for one
// participation (arXiv 2202.11205): a bound on the last column.

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <initializer_list>

#include "privacy/correlated/blt_optimizer.h"

namespace selvedge::privacy {
namespace {

struct Loss {
  double rms = 0;
  double last = 0;
};

// Largest count of a group in the nodes of the tree, in squares, over where it begins.
double TreeSensitivity(const Participation& s) {
  double most = 0;
  for (int64_t first = 0; first < std::min(s.min_separation, s.steps); ++first) {
    double squared = 0;
    for (int64_t size = 1; size <= s.steps; size *= 2) {
      for (int64_t node = 0; (node + 1) * size <= s.steps; ++node) {
        double count = 0;
        for (int64_t j = 0; j < s.participations; ++j) {
          count += (first + j * s.min_separation) / size == node ? 1 : 0;
        }
        squared += count * count;
      }
    }
    most = std::max(most, squared);
  }
  return std::sqrt(most);
}

// A sum of the first t steps adds one node for each binary digit of t.
Loss OfTree(const Participation& s) {
  double total = 0;
  for (int64_t t = 1; t <= s.steps; ++t) total += std::popcount(static_cast<uint64_t>(t));
  const double sensitivity = TreeSensitivity(s);
  return {sensitivity * std::sqrt(total / static_cast<double>(s.steps)),
          sensitivity * std::sqrt(std::popcount(static_cast<uint64_t>(s.steps)))};
}

Loss OfBlt(const Blt& blt, const Participation& s) {
  return {BltLoss(blt, s, BltObjective::kRmsError), BltLoss(blt, s, BltObjective::kMaxError)};
}

double Least(int64_t steps) {
  double r = 1, sum = 0;
  for (int64_t i = 0; i < steps; ++i) {
    sum += r * r;
    r *= (2 * static_cast<double>(i) + 1) / (2 * static_cast<double>(i) + 2);
  }
  return sum;
}

void Row(const Participation& s) {
  std::printf("%6lld %4lld %3lld", static_cast<long long>(s.steps),
              static_cast<long long>(s.min_separation), static_cast<long long>(s.participations));
  const auto show = [](const Loss& loss) { std::printf("  %7.3f %7.3f", loss.rms, loss.last); };
  show(OfBlt(Blt(), s));
  show(OfTree(s));
  double milliseconds = 0;
  for (const size_t buffers : {2, 3, 4}) {
    const auto start = std::chrono::steady_clock::now();
    const Result<Blt> blt = OptimizeBlt(s, buffers);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (buffers == 3) milliseconds = took.count();
    if (blt.ok()) show(OfBlt(*blt, s));
  }
  if (s.participations == 1) {
    std::printf("  %7.3f", Least(s.steps));
  } else {
    std::printf("        -");
  }
  std::printf("  %6.1f\n", milliseconds);
}

void Run() {
  std::printf("%6s %4s %3s  %15s  %15s  %15s  %15s  %15s  %7s  %6s\n", "steps", "sep", "k",
              "independent", "tree", "BLT, 2 buffers", "BLT, 3", "BLT, 4", "least", "ms (3)");
  for (const Participation& s :
       {Participation{30, 30, 1}, Participation{30, 10, 3}, Participation{30, 1, 30},
        Participation{128, 128, 1}, Participation{128, 16, 8}, Participation{1024, 1024, 1},
        Participation{1024, 128, 8}, Participation{2052, 342, 6}}) {
    Row(s);
  }
}

}  // namespace
}  // namespace selvedge::privacy

int main() {
  selvedge::privacy::Run();
  return 0;
}
