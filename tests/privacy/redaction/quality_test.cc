#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <selvedge/privacy.h>
#include <nlohmann/json.hpp>

// Precision and recall per label on a labelled set, and false alarms on books. The data is not part
// of the repository: the tests are skipped where it is not there. The table of
// docs/privacy/redaction.md is what this program prints.

namespace selvedge {
namespace {

std::string DataPath(const std::string& name) {
  const char* folder = std::getenv("SELVEDGE_DATA");
  return (folder ? folder : std::string(SELVEDGE_SOURCE_DIR) + "/../shared/data") + "/" + name;
}

struct Score {
  int labelled = 0;
  int found = 0;  // labelled spans wholly inside spans of ours, of any type
  int exact = 0;  // of those, found with the expected type
  int predicted = 0;
  int right = 0;     // predicted spans that overlap a label of the expected kind
  int personal = 0;  // predicted spans that overlap any label
};

struct Span {
  size_t start;
  size_t end;
  std::string type;
};

bool Overlaps(const Span& a, const Span& b) { return a.start < b.end && b.start < a.end; }

// Their label for our type; empty if the set does not label it.
std::string LabelOf(const std::string& type) {
  static const std::map<std::string, std::string> kLabels = {{"ID_NUMBER", "US_DRIVER_LICENSE"},
                                                             {"DATE_OF_BIRTH", "DATE_TIME"}};
  const auto hit = kLabels.find(type);
  return hit == kLabels.end() ? type : hit->second;
}

void Count(const std::string& text, const std::vector<Span>& labels,
           std::map<std::string, Score>* scores) {
  std::vector<Span> ours;
  for (const PiiSpan& s : Redact(text).spans) ours.push_back({s.start, s.end, LabelOf(s.type)});
  for (const Span& label : labels) {
    Score& score = (*scores)[label.type];
    ++score.labelled;
    for (const Span& span : ours) {
      if (span.start > label.start || span.end < label.end) continue;
      ++score.found;
      score.exact += span.type == label.type ? 1 : 0;
      break;
    }
  }
  for (const Span& span : ours) {
    Score& score = (*scores)[span.type];
    ++score.predicted;
    bool right = false, personal = false;
    for (const Span& label : labels) {
      right = right || (Overlaps(span, label) && span.type == label.type);
      personal = personal || Overlaps(span, label);
    }
    score.right += right ? 1 : 0;
    score.personal += personal ? 1 : 0;
  }
}

TEST(RedactionQuality, ReachesItsRecallOnTheLabelledSet) {
  std::ifstream file(DataPath("pii/presidio_synth_v2.jsonl"));
  if (!file) GTEST_SKIP() << "the labelled set is not there";
  std::map<std::string, Score> scores;
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line);
    std::vector<Span> labels;
    for (const auto& s : row.at("spans")) {
      labels.push_back({s.at("start_byte"), s.at("end_byte"), s.at("label")});
    }
    Count(row.at("text"), labels, &scores);
  }
  std::cout << "| label | spans | recall | recall, right type | predicted | precision |\n";
  for (const auto& [label, s] : scores) {
    if (s.labelled == 0 && s.predicted == 0) continue;
    std::cout << "| " << label << " | " << s.labelled << " | "
              << (s.labelled > 0 ? 1.0 * s.found / s.labelled : 0) << " | "
              << (s.labelled > 0 ? 1.0 * s.exact / s.labelled : 0) << " | " << s.predicted << " | "
              << (s.predicted > 0 ? 1.0 * s.right / s.predicted : 0) << " |\n";
  }
  for (const char* label : {"CREDIT_CARD", "IBAN_CODE", "EMAIL_ADDRESS", "IP_ADDRESS", "US_SSN",
                            "PHONE_NUMBER", "DOMAIN_NAME"}) {
    EXPECT_GT(scores[label].labelled, 0) << label;
    EXPECT_GE(scores[label].found, 0.98 * scores[label].labelled) << label;
    EXPECT_GE(scores[label].exact, 0.98 * scores[label].labelled) << label;
  }
  EXPECT_GE(scores["PERSON"].exact, 0.75 * scores["PERSON"].labelled);
}

// Names in a novel are names: they are counted by themselves. Everything else found in a text of
// the last century is a false alarm.
TEST(RedactionQuality, RaisesFewFalseAlarmsInRunningText) {
  for (const char* name : {"books_valid", "dialogues_valid", "wikitext2_valid"}) {
    std::ifstream file(DataPath(std::string("general/") + name + ".txt"));
    if (!file) GTEST_SKIP() << "the texts are not there";
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::istringstream words(text);
    const auto tokens = std::distance(std::istream_iterator<std::string>(words),
                                      std::istream_iterator<std::string>());
    int persons = 0, alarms = 0;
    for (const PiiSpan& span : Redact(text).spans) ++(span.type == "PERSON" ? persons : alarms);
    std::cout << name << ": " << tokens << " tokens, " << persons << " PERSON, " << alarms
              << " other spans\n";
    ASSERT_GT(tokens, 0);
    EXPECT_LE(alarms, static_cast<double>(tokens) / 1000);
  }
}

}  // namespace
}  // namespace selvedge
