#include "storage/untrusted/json_fields.h"

#include <gtest/gtest.h>

namespace selvedge::untrusted {
namespace {

using Json = nlohmann::json;

TEST(JsonFields, GivesWhatIsThere) {
  const Json json = {
      {"name", "a"}, {"digest", std::string(64, '0')}, {"share", 0.5},        {"steps", 3},
      {"dp", true},  {"modules", {"q", "v"}},          {"inner", {{"x", 1}}}, {"events", {1, 2}}};
  JsonFields fields(json, "file");
  EXPECT_EQ(fields.Text("name"), "a");
  EXPECT_EQ(fields.Digest("digest"), std::string(64, '0'));
  EXPECT_EQ(fields.Number("share"), 0.5);
  EXPECT_EQ(fields.Integer("steps", 3), 3);
  EXPECT_TRUE(fields.Boolean("dp"));
  EXPECT_EQ(fields.Texts("modules"), (std::vector<std::string>{"q", "v"}));
  EXPECT_EQ(fields.Object("inner").at("x"), 1);
  EXPECT_EQ(fields.Array("events").size(), 2u);
  EXPECT_TRUE(fields.Finish().ok()) << fields.Finish().message();
}

struct Bad {
  Json json;
  const char* message;
};

TEST(JsonFields, NamesTheFirstFaultAndNeverAValue) {
  const Bad cases[] = {
      {{{"other", 1}}, "file: field 'steps': must be an integer"},
      {{{"steps", "secret"}}, "file: field 'steps': must be an integer"},
      {{{"steps", 1.5}}, "file: field 'steps': must be an integer"},
      {{{"steps", -1}}, "file: field 'steps': must be 0 to 10"},
      {{{"steps", 11}}, "file: field 'steps': must be 0 to 10"},
      {{{"steps", UINT64_MAX}}, "file: field 'steps': must be 0 to 10"},
      {Json::array(), "file: must be an object"},
  };
  for (const Bad& bad : cases) {
    JsonFields fields(bad.json, "file");
    EXPECT_EQ(fields.Integer("steps", 10), 0);
    EXPECT_EQ(fields.Text("later"), "");
    EXPECT_EQ(fields.status().code(), StatusCode::kFormat);
    EXPECT_EQ(fields.status().message(), bad.message);
  }
}

TEST(JsonFields, WantsFiniteNumbersAndDigestsInLowerCase) {
  const Json json = {{"share", -0.5}, {"digest", std::string(64, 'A')}, {"none", ""}};
  EXPECT_EQ(JsonFields(json, "file").Number("share"), 0);
  for (const char* name : {"share", "digest"}) {
    JsonFields fields(json, "file");
    if (*name == 's') fields.Number(name);
    if (*name == 'd') fields.Digest(name);
    EXPECT_EQ(fields.status().code(), StatusCode::kFormat) << name;
  }
  JsonFields fields(json, "file");
  EXPECT_EQ(fields.Digest("none", /*may_be_empty=*/true), "");
  EXPECT_TRUE(fields.status().ok());
  fields.Digest("none");
  EXPECT_FALSE(fields.status().ok());
}

TEST(JsonFields, RefusesWhatNobodyTookUnlessItMayBeIgnored) {
  const Json json = {{"name", "a"}, {"x_note", 1}};
  JsonFields known(json, "file");
  known.Text("name");
  EXPECT_TRUE(known.Finish().ok());
  EXPECT_EQ(JsonFields(json, "file").Finish().code(), StatusCode::kIncompatible);
}

}  // namespace
}  // namespace selvedge::untrusted
