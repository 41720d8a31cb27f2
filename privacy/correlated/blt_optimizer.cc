#include "privacy/correlated/blt_optimizer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>

namespace selvedge::privacy {
namespace {

using Point = std::vector<double>;

// theta_j = 1 / (1 + exp(-p_j)), omega_j = exp(p_(d + j)): free numbers for bounded ones.
Result<Blt> At(const Point& p) {
  const size_t d = p.size() / 2;
  std::vector<double> theta(d), omega(d);
  for (size_t j = 0; j < d; ++j) {
    theta[j] = std::min(1 / (1 + std::exp(-p[j])), 1 - 0x1p-32);
    omega[j] = std::exp(p[d + j]);
  }
  return Blt::Create(theta, omega);
}

// The optimal coefficients for one participation fall as 1 / sqrt(pi i) (arXiv 2202.11205), which
// is a mixture of exponentials whose time scales are spread evenly in the logarithm: theta_j = 1 -
// 1 / tau_j, omega_j in proportion to 1 / sqrt(tau_j), c_1 about 1/2.
Point Start(int64_t steps, size_t d) {
  Point p(2 * d);
  double sum = 0;
  for (size_t j = 0; j < d; ++j) {
    const double share = (static_cast<double>(j) + 0.5) / static_cast<double>(d);
    const double tau = 1.2 * std::pow(static_cast<double>(std::max<int64_t>(steps, 2)), share);
    const double theta = 1 - 1 / tau;
    p[j] = std::log(theta / (1 - theta));
    p[d + j] = 1 / std::sqrt(tau);
    sum += p[d + j];
  }
  for (size_t j = 0; j < d; ++j) p[d + j] = std::log(0.45 * p[d + j] / sum);
  return p;
}

// Nelder and Mead 1965 with the usual coefficients 1, 2, 1/2, 1/2.
class Simplex {
 public:
  Simplex(std::function<double(const Point&)> loss, const Point& start) : loss_(std::move(loss)) {
    Put(start);
    for (size_t i = 0; i < start.size(); ++i) {
      Point moved = start;
      moved[i] += 0.7;
      Put(moved);
    }
  }

  Point Minimise(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      Sort();
      if (vertices_.back().first - vertices_.front().first < 1e-9 * vertices_.front().first) break;
      Round();
    }
    Sort();
    return vertices_.front().second;
  }

 private:
  void Put(const Point& p) { vertices_.emplace_back(loss_(p), p); }
  void Sort() {
    std::stable_sort(vertices_.begin(), vertices_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
  }
  // centre of all but the worst, plus t times the way from it to the worst
  Point Along(double t) const {
    const Point& worst = vertices_.back().second;
    Point out(worst.size());
    for (size_t i = 0; i < out.size(); ++i) {
      double centre = 0;
      for (size_t v = 0; v + 1 < vertices_.size(); ++v) centre += vertices_[v].second[i];
      centre /= static_cast<double>(vertices_.size() - 1);
      out[i] = centre + t * (worst[i] - centre);
    }
    return out;
  }
  void Round() {
    const double second_worst = vertices_[vertices_.size() - 2].first;
    const Point reflected = Along(-1);
    const double at = loss_(reflected);
    std::pair<double, Point> next{at, reflected};
    if (at < vertices_.front().first) {
      const Point further = Along(-2);
      const double there = loss_(further);
      if (there < at) next = {there, further};
    } else if (at >= second_worst) {
      const Point nearer = Along(at < vertices_.back().first ? -0.5 : 0.5);
      const double there = loss_(nearer);
      if (there >= std::min(at, vertices_.back().first)) return Shrink();
      next = {there, nearer};
    }
    vertices_.back() = std::move(next);
  }
  void Shrink() {
    const Point best = vertices_.front().second;
    for (size_t v = 1; v < vertices_.size(); ++v) {
      Point& p = vertices_[v].second;
      for (size_t i = 0; i < p.size(); ++i) p[i] = (p[i] + best[i]) / 2;
      vertices_[v].first = loss_(p);
    }
  }

  std::function<double(const Point&)> loss_;
  std::vector<std::pair<double, Point>> vertices_;
};

}  // namespace

double BltLoss(const Blt& blt, const Participation& schema, BltObjective objective) {
  const PrefixError error = ErrorOf(blt, schema.steps);
  return Sensitivity(blt, schema) * (objective == BltObjective::kMaxError ? error.max : error.rms);
}

Result<Blt> OptimizeBlt(const Participation& schema, size_t buffers, BltObjective objective) {
  SELVEDGE_RETURN_IF_ERROR(Check(schema));
  if (buffers > Blt::kMostBuffers) {
    return UsageError("blt: buffers: got " + std::to_string(buffers) + ", must be at most 4");
  }
  Blt best;
  if (buffers == 0) return best;
  const auto loss = [&](const Point& p) {
    const Result<Blt> blt = At(p);
    return blt.ok() ? BltLoss(*blt, schema, objective) : std::numeric_limits<double>::infinity();
  };
  constexpr int kRounds = 250;
  constexpr int kStarts = 3;  // again from where it ended: a fresh simplex leaves a collapsed one
  Point p = Start(schema.steps, buffers);
  for (int i = 0; i < kStarts; ++i) p = Simplex(loss, p).Minimise(kRounds);
  const Result<Blt> found = At(p);
  if (found.ok() && BltLoss(*found, schema, objective) < BltLoss(best, schema, objective)) {
    best = *found;
  }
  return best;
}

}  // namespace selvedge::privacy
