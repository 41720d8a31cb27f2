#include "storage/untrusted/strict_json.h"

#include <gtest/gtest.h>

#include <string>

namespace selvedge::untrusted {
namespace {

TEST(StrictJson, TakesOneObject) {
  const auto json = ParseObject(" {\"a\": [1, {\"b\": null}]}\n", "file");
  ASSERT_TRUE(json.ok()) << json.status().message();
  EXPECT_EQ(json->at("a").size(), 2u);
}

TEST(StrictJson, RefusesWhatTheLibraryWouldTakeOrHide) {
  const std::string deep = std::string(9, '[') + std::string(9, ']');
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("1"), std::string("{"),
        std::string("{\"a\": 1, \"a\": 2}"), std::string("{\"a\": {\"b\": 1, \"b\": 1}}"),
        std::string("{\"a\": 1} x"), std::string("\xEF\xBB\xBF{}"), std::string("{}\0", 3),
        std::string("{\"a\": \"\xFF\"}"), "{\"a\": " + deep + "}"}) {
    const auto json = ParseObject(text, "file");
    EXPECT_EQ(json.status().code(), StatusCode::kFormat) << text;
    EXPECT_TRUE(json.status().message().starts_with("file: ")) << json.status().message();
  }
}

}  // namespace
}  // namespace selvedge::untrusted
