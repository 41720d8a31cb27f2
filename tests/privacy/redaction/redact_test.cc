#include <gtest/gtest.h>
#include <selvedge/privacy.h>

namespace selvedge {
namespace {

std::string Masked(std::string_view text) { return Redact(text).text; }

// Texts that must come back as they are.
void ExpectUntouched(std::initializer_list<std::string_view> texts) {
  for (const std::string_view text : texts) EXPECT_EQ(Masked(text), text);
}

struct Case {
  const char* text;
  const char* masked;
};
void ExpectMasked(std::initializer_list<Case> cases) {
  for (const Case& c : cases) EXPECT_EQ(Masked(c.text), c.masked) << c.text;
}

TEST(Redact, GivesByteOffsetsIntoTheOriginalText) {
  const std::string text = "é write to amos@example.org or 203.0.113.7";
  const Redaction r = Redact(text);
  ASSERT_EQ(r.spans.size(), 2u);
  EXPECT_EQ(r.spans[0].type, "EMAIL_ADDRESS");
  EXPECT_EQ(text.substr(r.spans[0].start, r.spans[0].end - r.spans[0].start), "amos@example.org");
  EXPECT_EQ(r.spans[1].type, "IP_ADDRESS");
  EXPECT_EQ(text.substr(r.spans[1].start, r.spans[1].end - r.spans[1].start), "203.0.113.7");
  EXPECT_EQ(r.text, "é write to <EMAIL_ADDRESS> or <IP_ADDRESS>");
}

TEST(Redact, FindsNothingInItsOwnOutput) {
  const std::string text =
      "amos@example.org 4111 1111 1111 1111, password: hunter22, call +1 212 555 0147, "
      "token=<SECRET>";
  const Redaction once = Redact(text);
  EXPECT_EQ(once.spans.size(), 4u);
  EXPECT_TRUE(Redact(once.text).spans.empty()) << Redact(once.text).text;
}

TEST(Redact, LeavesPlaceholdersWhole) {
  ExpectUntouched({"<PERSON_3> wrote to <EMAIL_ADDRESS_12>", "password: <SECRET>"});
  ExpectMasked({{"<AKIAIOSFODNN7EXAMPLE>", "<<SECRET>>"}});
}

TEST(Redact, FindsEmails) {
  ExpectMasked({{"a.b+c_d@mail.example.co.uk.", "<EMAIL_ADDRESS>."},
                {"(amos@example.org)", "(<EMAIL_ADDRESS>)"},
                {"mailto:amos@example.org?subject=x", "mailto:<EMAIL_ADDRESS>?subject=x"},
                {"from=amos@example.org;", "from=<EMAIL_ADDRESS>;"},
                {"a@example.org,b@example.org", "<EMAIL_ADDRESS>,<EMAIL_ADDRESS>"},
                {"josé@exämple.org", "<EMAIL_ADDRESS>"},
                {"amos@\nexample.org", "<EMAIL_ADDRESS>"},
                {"'amos@example.org'", "'<EMAIL_ADDRESS>'"}});
  ExpectUntouched({"@amos see you", "a @ b", "50@3.99", "foo@bar", "@@@", "x@y."});
}

TEST(Redact, FindsCardsWithAGoodCheckDigit) {
  ExpectMasked({{"4111111111111111", "<CREDIT_CARD>"},
                {"card 4111 1111 1111 1111.", "card <CREDIT_CARD>."},
                {"5555-5555-5555-4444", "<CREDIT_CARD>"},
                {"3782 822463 10005", "<CREDIT_CARD>"},
                {"4111 1111\n1111 1111", "<CREDIT_CARD>"},
                {"6011.1111.1111.1117", "<CREDIT_CARD>"}});
}

TEST(Redact, NamesALongNumberWithABadCheckDigitAnIdNumber) {
  ExpectMasked({{"4111111111111112", "<ID_NUMBER>"},
                {"4111 1111 1111 1112", "<ID_NUMBER>"},
                {"customer 8837264519", "customer <PHONE_NUMBER>"},
                {"licence U62928788557186", "licence <ID_NUMBER>"}});
}

TEST(Redact, FindsIbans) {
  ExpectMasked({{"DE89370400440532013000", "<IBAN_CODE>"},
                {"DE89 3704 0044 0532 0130 00 today", "<IBAN_CODE> today"},
                {"iban: gb82 west 1234 5698 7654 32", "iban: <IBAN_CODE>"},
                {"FR14 2004 1010 0505 0001 3M02 606", "<IBAN_CODE>"},
                {"NL91ABNA0417164300,", "<IBAN_CODE>,"},
                {"DE89 3704 0044\n0532 0130 00", "<IBAN_CODE>"}});
  ExpectUntouched({"no50 people went there at all today", "AB12 is a postcode"});
}

TEST(Redact, FindsAddressesOfMachines) {
  ExpectMasked({{"203.0.113.7:8080", "<IP_ADDRESS>:8080"},
                {"198.51.100.23.", "<IP_ADDRESS>."},
                {"2001:db8::17", "<IP_ADDRESS>"},
                {"2001:0db8:0000:0000:0000:0000:0000:0001", "<IP_ADDRESS>"},
                {"::ffff:203.0.113.7", "<IP_ADDRESS>"},
                {"00:00:5E:00:53:0A", "<MAC_ADDRESS>"},
                {"00-00-5e-00-53-0a", "<MAC_ADDRESS>"},
                {"0000.5e00.530a", "<MAC_ADDRESS>"}});
  ExpectUntouched({"version 1.2.3", "at 12:30:45", "std::vector", "256.1.1.1", "v10.0.0.1x"});
}

TEST(Redact, FindsSocialSecurityNumbers) {
  ExpectMasked({{"078-05-1120", "<US_SSN>"},
                {"my ssn is 078051120", "my ssn is <US_SSN>"},
                {"970-54-4389", "<US_SSN>"}});
  ExpectUntouched({"000-12-3456x"});
}

TEST(Redact, FindsPhonesInManyWritings) {
  for (const char* phone :
       {"+1 212 555 0147",   "+12125550147",    "+44 20 7946 0958", "+41 (0)44 555 01 23",
        "0041 44 555 01 23", "(212) 555-0142",  "212-555-0142",     "212.555.0142",
        "1-800-555-0199",    "555-0164",        "555 0164",         "020 7946 0123",
        "07700 900142",      "07700900142",     "03.55.50.14.25",   "(09) 555 01 42",
        "555-0142 ext. 12",  "212-555-0142x12", "55-50-14-25",      "0664/5550142",
        "2125550142",        "+1-555-0104-1408"}) {
    EXPECT_EQ(Masked(phone), "<PHONE_NUMBER>") << phone;
    EXPECT_EQ(Masked(std::string("ring ") + phone + ", mind"), "ring <PHONE_NUMBER>, mind")
        << phone;
  }
  ExpectMasked({{"call 5550142 now", "call <PHONE_NUMBER> now"},
                {"555 0142-Office, (55) 501-420-Fax", "<PHONE_NUMBER>-Office, <PHONE_NUMBER>-Fax"},
                {"555 1042 office", "<PHONE_NUMBER> office"},
                {"99 550142", "<PHONE_NUMBER>"},
                {"555-0142 555-0143", "<PHONE_NUMBER> <PHONE_NUMBER>"},
                {"+1 212 555 0147 5 eggs", "<PHONE_NUMBER> 5 eggs"}});
}

TEST(Redact, LeavesDatesYearsSumsAndMeasuresAlone) {
  ExpectUntouched(
      {"1914-1918",        "from 1995 2005",    "2010-05-12",
       "12.05.2010",       "12/05/2010",        "12 05 2010",
       "2010-05-12 13:45", "1,234,567",         "$ 555 0142",
       "3.14159265",       "12:30:45",          "100 200",
       "chapter 12.3.4",   "12.345.678",        "pages 123-456",
       "room 101",         "0.5 0.25",          "size 1024x768",
       "(1914) 1918-1919", "1 2 3 4 5 6 7 8 9", "550e8400-e29b-41d4-a716-44665544abcd"});
}

TEST(Redact, FindsUrlsWithCredentials) {
  ExpectMasked({{"see https://amos:pw@example.org/rota.", "see <URL_CREDENTIALS>."},
                {"postgres://u:p@203.0.113.7:5432/db", "<URL_CREDENTIALS>"},
                {"https://0123456789abcdef0123@example.org", "<URL_CREDENTIALS>"}});
  ExpectMasked({{"https://example.org/a?b=c#d", "<DOMAIN_NAME>"}});
}

TEST(Redact, FindsWebAddresses) {
  ExpectMasked({{"see https://www.example.se/, ok", "see <DOMAIN_NAME>, ok"},
                {"(http://example.org:8080/a_(b))", "(<DOMAIN_NAME>)"},
                {"www.example.museum/rota!", "<DOMAIN_NAME>!"},
                {"go to shop.example.co.uk now", "go to <DOMAIN_NAME> now"},
                {"ftp://files.example/x", "<DOMAIN_NAME>"},
                {"https://exämple.org/ünder", "<DOMAIN_NAME>"},
                {"http://203.0.113.7/x", "http://<IP_ADDRESS>/x"}});
  ExpectUntouched({"the end.It was", "main.cc", "e.g. this", "3.com", "a://", "i.e. so", "...com",
                   "at 5 p.m. we", "wait...what"});
}

TEST(Redact, FindsDatesOfBirth) {
  ExpectMasked({{"She was born on 2/8/1935.", "She was born on <DATE_OF_BIRTH>."},
                {"DOB: 1935-02-08", "DOB: <DATE_OF_BIRTH>"},
                {"date of birth 8 February 1935", "date of birth <DATE_OF_BIRTH>"},
                {"born February 8th, 1935 in Rye", "born <DATE_OF_BIRTH> in Rye"},
                {"my birthday is the 8th of Feb", "my birthday is the <DATE_OF_BIRTH>"},
                {"bday 08.02.35", "bday <DATE_OF_BIRTH>"}});
  ExpectUntouched({"we met on 2/8/1935", "born in May", "the birth of 8 puppies", "born 31/31/35"});
}

TEST(Redact, FindsNumbersThatAWordNames) {
  ExpectMasked(
      {{"driver's license number is 2270-66-1551", "driver's license number is <ID_NUMBER>"},
       {"passport X1234567", "passport <ID_NUMBER>"}});
  ExpectUntouched({"licence to kill 007", "room 1234567b"});
}

TEST(Redact, FindsKeysByTheirPrefix) {
  ExpectMasked(
      {{"sk-test-9fQ2hR7tLw3Zx8Vb5Nc1", "<SECRET>"},
       {"use AKIAIOSFODNN7EXAMPLE now", "use <SECRET> now"},
       {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1g", "<SECRET>"},
       {"-----BEGIN PRIVATE KEY-----\nMIIEvQ==\n-----END PRIVATE KEY-----\nend", "<SECRET>\nend"},
       {"-----BEGIN RSA PRIVATE KEY-----\nMIIEvQ\nabc", "<SECRET>"}});
  ExpectMasked(
      {{(std::string("gh") + "p_0123456789abcdefghij0123456789abcdef").c_str(), "<SECRET>"}});
  ExpectUntouched({"sk-eleton-in-the-cupboard-of-ours", "eyJoy.of.it", "xoxo-hugs"});
}

TEST(Redact, FindsSecretsByTheWordBeforeThem) {
  ExpectMasked({{"password: Limpet!", "password: <SECRET>"},
                {"DB_PASSWORD=swordfish", "DB_PASSWORD=<SECRET>"},
                {"{\"api_key\": \"abcd1234efgh\"}", "{\"api_key\": \"<SECRET>\"}"},
                {"Authorization: Bearer abc123def456ghi", "Authorization: Bearer <SECRET>"},
                {"the wifi password is maple-otter-quartz ok", "the wifi password is <SECRET> ok"},
                {"the alarm code is 497128", "the alarm code is <SECRET>"},
                {"my pin: 4821.", "my pin: <SECRET>."}});
  ExpectUntouched({"the password is easy to guess", "the key is under the mat", "a token of thanks",
                   "zip code 90210", "the secret: patience", "code is poetry"});
}

TEST(Redact, LetsTheHigherPriorityWinAndKeepsTheRest) {
  ExpectMasked({{"212-555-0142 4111 1111 1111 1111", "<PHONE_NUMBER> <CREDIT_CARD>"},
                {"https://amos@example.org:pw@example.org/", "<URL_CREDENTIALS>"}});
}

TEST(Redact, SeesThroughTricksOfWriting) {
  const Redaction r = Redact("x \uFF14\uFF11\uFF11\uFF11 1111\u200B 1111\u00A01111 y");
  ASSERT_EQ(r.spans.size(), 1u);
  EXPECT_EQ(r.text, "x <CREDIT_CARD> y");
  EXPECT_EQ(Masked("amos\u200B@exam\u00ADple.org"), "<EMAIL_ADDRESS>");
  EXPECT_EQ(Masked("\uFF41\uFF4D\uFF4F\uFF53\uFF20example\uFF0Eorg"), "<EMAIL_ADDRESS>");
  EXPECT_EQ(Masked("٠٢٠ ٧٩٤٦ ٠١٢٣"), "<PHONE_NUMBER>");
  EXPECT_EQ(Masked("212\u2011555\u20110142"), "<PHONE_NUMBER>");
  EXPECT_EQ(Masked("203\uFF0E0\uFF0E113\uFF0E7"), "<IP_ADDRESS>");
  EXPECT_EQ(Masked("аmos@еxample.org"), "<EMAIL_ADDRESS>");  // Cyrillic a and e
}

}  // namespace
}  // namespace selvedge
