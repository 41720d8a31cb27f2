#include "sdk/near_duplicates.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace selvedge {
namespace {

constexpr double kSimilar = 0.8;
// A pair of similarity s meets in a band with probability s^kRows; in none of them with
// (1 - 0.8^3)^10 = 0.0008 at the threshold.
constexpr size_t kBands = 10;
constexpr size_t kRows = 3;
// A record is compared with so many that it meets in one band: texts that share a band and yet are
// not similar are rare, so this bounds the time on texts made to collide and nothing else.
constexpr size_t kMostInBand = 64;

using Shingles = std::vector<uint64_t>;  // sorted, distinct

// SplitMix64's finaliser (Steele, Lea, Flood 2014).
uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// Hashes of the words, which are runs of anything but ASCII white space and punctuation.
std::vector<uint64_t> WordsOf(std::string_view text) {
  std::vector<uint64_t> words;
  uint64_t hash = 0;
  bool inside = false;
  for (size_t i = 0; i <= text.size(); ++i) {
    const auto c =
        i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(' ');
    const bool upper = c >= 'A' && c <= 'Z';
    const bool part = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
    if (part) {
      hash = Mix(hash ^ (upper ? static_cast<uint64_t>(c) + 32 : c));
      inside = true;
    } else if (inside) {
      words.push_back(hash);
      hash = 0;
      inside = false;
    }
  }
  return words;
}

Shingles ShinglesOf(std::string_view text) {
  const std::vector<uint64_t> words = WordsOf(text);
  Shingles out;
  for (size_t i = 0; i + 3 <= words.size(); ++i) {
    out.push_back(Mix(Mix(Mix(words[i]) ^ words[i + 1]) ^ words[i + 2]));
  }
  if (out.empty()) {
    uint64_t all = words.size();
    for (const uint64_t word : words) all = Mix(all ^ word);
    out.push_back(all);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

bool Similar(const Shingles& a, const Shingles& b) {
  size_t both = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    both += a[i] == b[j] ? 1 : 0;
    const uint64_t x = a[i];
    const uint64_t y = b[j];
    i += x <= y ? 1 : 0;
    j += y <= x ? 1 : 0;
  }
  return static_cast<double>(both) >= kSimilar * static_cast<double>(a.size() + b.size() - both);
}

std::array<uint64_t, kBands> BandsOf(const Shingles& shingles) {
  std::array<uint64_t, kBands> bands{};
  for (size_t band = 0; band < kBands; ++band) {
    for (size_t row = 0; row < kRows; ++row) {
      const uint64_t seed = Mix(band * kRows + row);
      uint64_t least = std::numeric_limits<uint64_t>::max();
      for (const uint64_t s : shingles) least = std::min(least, Mix(s ^ seed));
      bands[band] = Mix(bands[band] ^ least);
    }
  }
  return bands;
}

// The records that stay, by what they look like.
class Kept {
 public:
  explicit Kept(const std::vector<vault::EligibleRecord>& records) : records_(records) {}

  // Whether record i nearly repeats one of another group that stays; if not, it stays too.
  bool Repeats(size_t i) {
    Shingles shingles = ShinglesOf(records_[i].text);
    const auto bands = BandsOf(shingles);
    for (size_t band = 0; band < kBands; ++band) {
      if (MeetsItself(i, shingles, buckets_[{band, bands[band]}])) return true;
    }
    for (size_t band = 0; band < kBands; ++band) buckets_[{band, bands[band]}].push_back(i);
    shingles_.emplace(i, std::move(shingles));
    return false;
  }

 private:
  bool MeetsItself(size_t i, const Shingles& shingles, const std::vector<size_t>& bucket) const {
    size_t compared = 0;
    for (const size_t j : bucket) {
      if (records_[i].group_key == records_[j].group_key) continue;
      if (Similar(shingles, shingles_.at(j))) return true;
      if (++compared == kMostInBand) return false;
    }
    return false;
  }

  const std::vector<vault::EligibleRecord>& records_;
  std::map<size_t, Shingles> shingles_;
  std::map<std::pair<size_t, uint64_t>, std::vector<size_t>> buckets_;  // (band, hash)
};

}  // namespace

std::vector<size_t> FindNearDuplicates(const std::vector<vault::EligibleRecord>& records) {
  Kept kept(records);
  std::vector<size_t> repeats;
  for (size_t i = 0; i < records.size(); ++i) {
    if (kept.Repeats(i)) repeats.push_back(i);
  }
  return repeats;
}

int64_t LeaveOutNearDuplicates(bool keep, TrainSelection* selection) {
  std::vector<vault::EligibleRecord> all;
  std::merge(
      selection->train.begin(), selection->train.end(), selection->heldout.begin(),
      selection->heldout.end(), std::back_inserter(all),
      [](const vault::EligibleRecord& a, const vault::EligibleRecord& b) { return a.seq < b.seq; });
  std::set<int64_t> repeats;  // by seq
  for (const size_t i : FindNearDuplicates(all)) repeats.insert(all[i].seq);
  if (!keep) {
    const auto repeated = [&](const vault::EligibleRecord& r) { return repeats.contains(r.seq); };
    std::erase_if(selection->train, repeated);
    std::erase_if(selection->heldout, repeated);
  }
  return static_cast<int64_t>(repeats.size());
}

}  // namespace selvedge
