#include "sdk/train_data.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "core/digest.h"
#include "privacy/redaction/placeholder.h"

namespace selvedge {
namespace {

constexpr size_t kMinHeldOutGroups = 8;

struct GroupState {
  vault::Bytes key;
  vault::Split split;
  bool trained;
};

// By the hex of the group's key.
std::map<std::string, GroupState> GroupsOf(const std::vector<vault::EligibleRecord>& records) {
  std::map<std::string, GroupState> groups;
  for (const vault::EligibleRecord& r : records) {
    groups.emplace(core::Hex(r.group_key), GroupState{r.group_key, r.split, r.group_trained});
  }
  return groups;
}

// Groups to hold out beside those that are: the first, by a keyed hash, that no job has seen.
std::vector<vault::Bytes> MoreToHoldOut(const vault::Vault& v,
                                        const std::map<std::string, GroupState>& groups) {
  size_t held = 0;
  std::vector<std::pair<std::string, vault::Bytes>> candidates;  // hex of the hash, group key
  for (const auto& [hex, state] : groups) {
    if (state.split == vault::Split::kHeldOut) {
      ++held;
    } else if (!state.trained) {
      candidates.emplace_back(core::Hex(v.KeyedHash("split", hex)), state.key);
    }
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<vault::Bytes> out;
  for (const auto& [hash, key] : candidates) {
    if (held + out.size() >= kMinHeldOutGroups) break;
    out.push_back(key);
  }
  return out;
}

}  // namespace

Result<TrainSelection> SelectRecords(const vault::Vault& v) {
  SELVEDGE_ASSIGN_OR_RETURN(std::vector<vault::EligibleRecord> records,
                            v.records().Eligible(vault::kPersonalization));
  const std::map<std::string, GroupState> groups = GroupsOf(records);
  if (static_cast<int64_t>(groups.size()) < kMinGroups) {
    return DeferredError("train: not enough data: " + std::to_string(groups.size()) +
                         " groups with consent, at least " + std::to_string(kMinGroups));
  }
  const std::vector<vault::Bytes> moved = MoreToHoldOut(v, groups);
  for (const vault::Bytes& key : moved) {
    SELVEDGE_RETURN_IF_ERROR(v.records().SetSplit(key, vault::Split::kHeldOut));
  }
  TrainSelection out;
  for (vault::EligibleRecord& r : records) {
    const bool held = r.split == vault::Split::kHeldOut ||
                      std::find(moved.begin(), moved.end(), r.group_key) != moved.end();
    (held ? out.heldout : out.train).push_back(std::move(r));
  }
  if (out.train.empty()) return DeferredError("train: not enough data beside the held-out part");
  return out;
}

void DrawRecords(int64_t most, core::SecureRandom& random,
                 std::vector<vault::EligibleRecord>* records) {
  std::map<std::string, std::vector<uint64_t>> lots;  // by the hex of the group's key
  std::vector<uint64_t> lot_of;
  for (const vault::EligibleRecord& r : *records) {
    lot_of.push_back(random.NextU64());
    lots[core::Hex(r.group_key)].push_back(lot_of.back());
  }
  for (auto& [group, drawn] : lots) std::sort(drawn.begin(), drawn.end());
  size_t i = 0;
  std::erase_if(*records, [&](const vault::EligibleRecord& r) {
    const std::vector<uint64_t>& drawn = lots[core::Hex(r.group_key)];
    const uint64_t lot = lot_of[i++];
    const auto count = static_cast<size_t>(most);
    return drawn.size() > count && lot >= drawn[count];
  });
}

std::vector<vault::EligibleRecord> RecordsOfJob(const std::vector<vault::EligibleRecord>& eligible,
                                                const std::vector<vault::JobRecord>& job) {
  std::set<int64_t> wanted;
  for (const vault::JobRecord& r : job) wanted.insert(r.seq);
  std::vector<vault::EligibleRecord> out;
  for (const vault::EligibleRecord& r : eligible) {
    if (wanted.contains(r.seq)) out.push_back(r);
  }
  if (out.size() != wanted.size()) out.clear();
  return out;
}

Result<std::vector<int32_t>> RecordTokens(const inference::Tokenizer& tokenizer,
                                          const std::string& text) {
  SELVEDGE_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, tokenizer.Encode(text, false, false));
  if (tokenizer.bos() >= 0) tokens.insert(tokens.begin(), tokenizer.bos());
  return tokens;
}

std::vector<uint8_t> CountedTokens(const inference::Tokenizer& tokenizer,
                                   const std::vector<int32_t>& ids) {
  std::string text;
  std::vector<size_t> ends;  // of each token in `text`
  for (const int32_t id : ids) {
    text += tokenizer.PieceBytes(id);
    ends.push_back(text.size());
  }
  std::vector<uint8_t> counted(ids.size(), 1);
  if (!ids.empty() && ids.front() == tokenizer.bos()) counted[0] = 0;
  size_t token = 0;
  for (const privacy::PlaceholderSpan& span : privacy::FindPlaceholders(text)) {
    while (ends[token] <= span.start) ++token;
    for (size_t i = token; i < ids.size() && (i == token || ends[i - 1] < span.end); ++i) {
      counted[i] = 0;
    }
  }
  return counted;
}

Result<std::vector<trainer::Example>> MakeWindows(const inference::Tokenizer& tokenizer,
                                                  const std::string& text, int64_t seq_len) {
  SELVEDGE_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, RecordTokens(tokenizer, text));
  std::vector<uint8_t> counted = CountedTokens(tokenizer, tokens);
  if (tokenizer.eos() >= 0) {
    tokens.push_back(tokenizer.eos());
    counted.push_back(1);
  }
  const auto most = static_cast<size_t>(seq_len);
  const size_t context = most / 4;
  std::vector<trainer::Example> windows;
  for (size_t end = 0; end < tokens.size();) {
    trainer::Example& window = windows.emplace_back();
    const size_t begin = end;  // the first token that no window has yet
    if (begin > 0) {
      if (tokenizer.bos() >= 0) window.tokens.push_back(tokenizer.bos());
      window.tokens.insert(window.tokens.end(), tokens.begin() + (begin - context),
                           tokens.begin() + begin);
    }
    end = std::min(tokens.size(), begin + most - window.tokens.size());
    window.is_label.assign(window.tokens.size(), 0);
    window.tokens.insert(window.tokens.end(), tokens.begin() + begin, tokens.begin() + end);
    window.is_label.insert(window.is_label.end(), counted.begin() + begin, counted.begin() + end);
    window.is_label[0] = 0;
  }
  for (size_t i = 0; i < windows.size(); ++i) {
    windows[i].turn = static_cast<uint32_t>(i);
    windows[i].turns = static_cast<uint32_t>(windows.size());
  }
  return windows;
}

namespace {

// A record gives each step one of its windows.
size_t RecordsOf(const trainer::Group& group) {
  return static_cast<size_t>(
      std::count_if(group.examples.begin(), group.examples.end(),
                    [](const trainer::Example& window) { return window.turn == 0; }));
}

void TakeTurns(size_t most, trainer::Group* group) {
  if (RecordsOf(*group) <= most) return;
  const size_t turns = (group->examples.size() + most - 1) / most;
  for (size_t i = 0; i < group->examples.size(); ++i) {
    group->examples[i].turn = static_cast<uint32_t>(i % turns);
    group->examples[i].turns = static_cast<uint32_t>(turns);
  }
}

}  // namespace

Result<std::vector<trainer::Group>> MakeGroups(const inference::Tokenizer& tokenizer,
                                               const std::vector<vault::EligibleRecord>& records,
                                               int64_t seq_len, int64_t windows_per_step) {
  std::map<std::string, trainer::Group> groups;
  for (const vault::EligibleRecord& r : records) {
    SELVEDGE_ASSIGN_OR_RETURN(std::vector<trainer::Example> windows,
                              MakeWindows(tokenizer, r.text, seq_len));
    std::vector<trainer::Example>& examples = groups[core::Hex(r.group_key)].examples;
    std::move(windows.begin(), windows.end(), std::back_inserter(examples));
  }
  std::vector<trainer::Group> out;
  out.reserve(groups.size());
  for (auto& [key, group] : groups) {
    if (windows_per_step > 0) TakeTurns(static_cast<size_t>(windows_per_step), &group);
    out.push_back(std::move(group));
  }
  return out;
}

double TokensPerStep(const std::vector<trainer::Group>& groups) {
  double tokens = 0;
  for (const trainer::Group& group : groups) {
    for (const trainer::Example& window : group.examples) {
      tokens += static_cast<double>(window.tokens.size()) / window.turns;
    }
  }
  return tokens;
}

}  // namespace selvedge
