#include <gtest/gtest.h>
#include <selvedge/privacy.h>

#include "privacy/redaction/name_lexicon.h"

namespace selvedge {
namespace {

std::string Masked(std::string_view text) { return Redact(text).text; }

struct Case {
  const char* text;
  const char* masked;
};
void ExpectMasked(std::initializer_list<Case> cases) {
  for (const Case& c : cases) EXPECT_EQ(Masked(c.text), c.masked) << c.text;
}
void ExpectUntouched(std::initializer_list<std::string_view> texts) {
  for (const std::string_view text : texts) EXPECT_EQ(Masked(text), text);
}

TEST(NameLexicon, KnowsNamesWordsAndBoth) {
  using namespace privacy;
  EXPECT_EQ(LookUpName("patricia") & (kGivenName | kOrdinaryWord), kGivenName);
  EXPECT_NE(LookUpName("rose") & kGivenName, 0);
  EXPECT_NE(LookUpName("rose") & kOrdinaryWord, 0);
  EXPECT_NE(LookUpName("kaczmarek") & kFamilyName, 0);
  EXPECT_EQ(LookUpName("keyboard"), kOrdinaryWord);
  EXPECT_NE(LookUpName("monday") & kOtherCapital, 0);
  EXPECT_EQ(LookUpName("qqxyz"), 0);
  EXPECT_EQ(LookUpName(""), 0);
  EXPECT_EQ(LookUpName("patrici"), 0);
  EXPECT_EQ(LookUpName("patriciaa"), 0);
}

TEST(Person, IsFoundByGivenAndFamilyName) {
  ExpectMasked({{"We met Dorothy Parker at noon.", "We met <PERSON> at noon."},
                {"Anne-Marie O'Brien wrote", "<PERSON> wrote"},
                {"ask John F. Kennedy's aide", "ask <PERSON>'s aide"},
                {"J. R. Hartley called", "<PERSON> called"},
                {"a letter by Ludwig van Beethoven", "a letter by <PERSON>"},
                {"MARY SMITH signed", "<PERSON> signed"},
                {"follow up with patricia desrosiers soon", "follow up with <PERSON> soon"},
                {"Zo\u0308e Kravitz came", "<PERSON> came"},
                {"Tom\u00E1\u0161 Nov\u00E1k came", "<PERSON> came"}});
}

TEST(Person, IsFoundByTheWordsAround) {
  ExpectMasked({{"my name is Qwilleran", "my name is <PERSON>"},
                {"I'm Zyndrax, and you?", "I'm <PERSON>, and you?"},
                {"Dear Mr. Qwilleran,", "Dear Mr. <PERSON>,"},
                {"everyone calls me Rose", "everyone calls me <PERSON>"},
                {"Zyndrax: are you there?", "<PERSON>: are you there?"},
                {"Name: Rubija", "Name: <PERSON>"},
                {"\"No,\" said Filby.", "\"No,\" said <PERSON>."},
                {"my brother Zyndrax", "my brother <PERSON>"}});
}

TEST(Person, IsRecognisedAgainByAPartOfTheName) {
  ExpectMasked({{"Maciej Wexler directed it. Wexler also wrote it, in Wexler's house.",
                 "<PERSON> directed it. <PERSON> also wrote it, in <PERSON>'s house."}});
}

TEST(Person, IsNoWordAtTheStartOfASentence) {
  ExpectUntouched({"Will you come? May I help? Grace is needed. Rose petals fell.", "Hello World",
                   "Mark my words. Bill the client. Can I go? Do I know?",
                   "Capitalized words like Wisdom and Discipline are often mistaken."});
}

TEST(Person, IsNoPlaceMonthPeopleOrInstitution) {
  ExpectUntouched({"We fly from Paris to San Francisco in April.",
                   "The Lincoln Street office of Morgan Bank in Georgia",
                   "I'm English and she is Japanese.", "on Monday the Delta Airlines flight",
                   "Harvard University and Carnegie Hall", "Fax: none", "Note: read this"});
}

}  // namespace
}  // namespace selvedge
