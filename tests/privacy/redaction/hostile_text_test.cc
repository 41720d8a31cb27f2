#include <ctime>
#include <random>

#include <gtest/gtest.h>
#include <selvedge/privacy.h>

namespace selvedge {
namespace {

std::string Repeat(std::string_view unit, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text.append(unit);
  return text;
}

// Processor time: how busy the machine is must not matter.
double SecondsFor(const std::string& text) {
  const std::clock_t begin = std::clock();
  (void)Redact(text);
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

// A quadratic scan of a quarter of a megabyte would take minutes; the limit leaves room for
// sanitizers and a busy machine.
TEST(HostileText, OfAQuarterOfAMegabyteIsScannedInLinearTime) {
  for (const char* unit : {"1",
                           "1 ",
                           "12 ",
                           "+1-",
                           "4111 ",
                           "@",
                           "a",
                           "a@",
                           "a@a.",
                           "a.",
                           "://",
                           "a://b:",
                           "a://b:c@d",
                           "password=",
                           "password:",
                           "key=",
                           "key=1a",
                           "token is ",
                           "code 1234 ",
                           "-----BEGIN PRIVATE KEY-----",
                           "-----BEGIN ",
                           "-----END ",
                           "-----BEGIN x PRIVATE KEY-----@",
                           "DE89 ",
                           "DE89",
                           "aa00",
                           "::",
                           "a:",
                           "1.",
                           "00:",
                           "255.255.255.",
                           "sk-",
                           "eyJ.",
                           "(",
                           "(1)",
                           " ",
                           "\n",
                           "\xE2\x80\x8B",
                           "\xFF",
                           "\xEF\xBC\x91",
                           "call ",
                           "a.com ",
                           "www.",
                           "born 8 ",
                           "passport 1a ",
                           "12345678Z ",
                           "<A",
                           "Ada ",
                           "Ada Lovelace ",
                           "Ada Lovelace and ",
                           "A. ",
                           "Mr. ",
                           "van ",
                           "my name is ",
                           "a-",
                           "a'",
                           "<A>",
                           "1a"}) {
    EXPECT_LT(SecondsFor(Repeat(unit, 1 << 18)), 10.0) << unit;
  }
}

// Spans must be disjoint, ascending, non-empty and on code point edges, whatever the input.
TEST(HostileText, OfRandomPiecesGivesWellFormedSpans) {
  std::mt19937 random(11);
  const std::vector<std::string> pieces = {"1",
                                           "4111 1111 1111 1111",
                                           "@",
                                           ".",
                                           "example",
                                           "org",
                                           "-",
                                           " ",
                                           "\n",
                                           "+",
                                           "(",
                                           ")",
                                           "555",
                                           "0142",
                                           "DE89",
                                           "3704",
                                           "::",
                                           ":",
                                           "a",
                                           "\xE2\x80\x8B",
                                           "\xEF\xBC\x94",
                                           "é",
                                           "\xFF",
                                           "\xC3",
                                           "password",
                                           "=",
                                           "sk-",
                                           "0123456789abcdef",
                                           "://",
                                           "/",
                                           "<EMAIL_ADDRESS>",
                                           "<PERSON_3>",
                                           "Ada Lovelace",
                                           "Ada",
                                           "Lovelace",
                                           "Mr.",
                                           " and ",
                                           "my name is ",
                                           "Zyndrax",
                                           "said ",
                                           "e\xCC\x81",
                                           "born ",
                                           "2/8/1935",
                                           "12345678Z",
                                           "passport ",
                                           "www.",
                                           "203.0.113.7",
                                           "-----BEGIN PRIVATE KEY-----"};
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (size_t n = random() % 24; n > 0; --n) text += pieces[random() % pieces.size()];
    const Redaction r = Redact(text);
    size_t last = 0;
    size_t masked = text.size();
    for (const PiiSpan& span : r.spans) {
      ASSERT_LE(last, span.start);
      ASSERT_LT(span.start, span.end);
      ASSERT_LE(span.end, text.size());
      last = span.end;
      masked = masked - (span.end - span.start) + span.type.size() + 2;
    }
    ASSERT_EQ(r.text.size(), masked);
    ASSERT_EQ(Redact(r.text).text, r.text) << text;  // a second pass changes nothing
  }
}

TEST(HostileText, MayBeEmpty) {
  EXPECT_TRUE(Redact("").spans.empty());
  EXPECT_EQ(Redact("").text, "");
}

}  // namespace
}  // namespace selvedge
