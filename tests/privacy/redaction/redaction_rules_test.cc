#include <gtest/gtest.h>
#include <selvedge/privacy.h>

namespace selvedge {
namespace {

std::string Masked(std::string_view text, std::string_view rules) {
  const Result<RedactionRules> parsed = RedactionRules::Parse(rules);
  EXPECT_TRUE(parsed.ok()) << parsed.status().message();
  return parsed.ok() ? Redact(text, *parsed).text : std::string();
}

TEST(RedactionRules, KnowContactsByAllPartsOfTheirNames) {
  constexpr std::string_view kRules = "# contacts\nname Zyndrax Quób\n";
  EXPECT_EQ(Masked("zyndrax quob, Zyndrax and Quob", kRules), "<PERSON>, <PERSON> and <PERSON>");
  EXPECT_EQ(Masked("a quob is a unit", kRules), "a quob is a unit");
}

TEST(RedactionRules, ReadContactsFromCards) {
  EXPECT_EQ(Masked("to Zyndrax", "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Zyndrax Quob\r\nEND:VCARD\r\n"),
            "to <PERSON>");
}

TEST(RedactionRules, AddWordsAndPatterns) {
  EXPECT_EQ(
      Masked("BLUE bird and AB-1234, xAB-1234", "word PROJECT blue bird\npattern BADGE @@-####"),
      "<PROJECT> and <BADGE>, xAB-1234");
}

TEST(RedactionRules, KeepTypes) {
  EXPECT_EQ(Masked("a@example.org 203.0.113.7", "keep EMAIL_ADDRESS"),
            "a@example.org <IP_ADDRESS>");
}

TEST(RedactionRules, NameTheLineThatIsNone) {
  for (const char* rules : {"\nnonsense", "\nname", "\nword lower text", "\npattern BADGE ##",
                            "\nkeep", "\nword A_ x", "\nkeep EMAIL_ADDRESS x"}) {
    const auto parsed = RedactionRules::Parse(rules);
    ASSERT_FALSE(parsed.ok()) << rules;
    EXPECT_EQ(parsed.status().code(), StatusCode::kFormat);
    EXPECT_NE(parsed.status().message().find("line 2"), std::string::npos);
  }
}

}  // namespace
}  // namespace selvedge
