#include "inference/grammar/json_schema.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/inference/grammar/accepts.h"

namespace selvedge::inference {
namespace {

struct Case {
  const char* schema;
  std::vector<const char*> allowed;
  std::vector<const char*> refused;
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {R"({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
           "required": ["name", "age"]})",
       {R"({"name":"Ann","age":3})", "{ \"name\": \"\",\n  \"age\": -30}"},
       {R"({"name":"Ann"})", R"({"age":3,"name":"Ann"})", R"({"name":"Ann","age":3.5})",
        R"({"name":"Ann","age":03})", R"({"name":"Ann","age":3,})", "{}"}},
      {R"({"properties": {"a": {}, "b": {"type": "null"}, "c": {"type": "boolean"}}, "required": ["b"]})",
       {R"({"b":null})", R"({"a":[1,{"x":"y"}],"b":null})", R"({"b":null,"c":true})",
        R"({"a":"","b":null,"c":false})"},
       {"{}", R"({"a":1})", R"({"b":null,"a":1})", R"({,"b":null})", R"({"b":null,})"}},
      {R"({"type": "object", "properties": {"a": {"type": "null"}}})",
       {"{}", R"({"a":null})"},
       {"{,}"}},
      {R"({"type": "object", "required": ["k"]})", {R"({"k":[]})"}, {"{}", R"({"l":1})"}},
      {R"({"type": "object"})", {"{}", R"({"a":1,"b":{"c":[]}})"}, {"[]", R"({"a"})"}},
      {R"({"type": "object", "additionalProperties": false})", {"{}"}, {R"({"a":1})"}},
      {R"({"type": "object", "additionalProperties": {"type": "integer"}})",
       {"{}", R"({"a":1,"b":2})"},
       {R"({"a":"1"})"}},
      {R"({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3})",
       {"[1]", "[1,2,3]", "[ 1, 2 ]"},
       {"[]", "[1,2,3,4]", "[1,]", "[\"1\"]"}},
      {R"({"type": "array", "maxItems": 0})", {"[]"}, {"[1]"}},
      {R"({"type": "array", "minItems": 2})", {"[1,\"a\"]", "[1,2,3]"}, {"[1]"}},
      {R"({"type": "array"})", {"[]", "[[],{}]"}, {"{}"}},
      {R"({"type": "string", "minLength": 2, "maxLength": 3})",
       {R"("ab")", R"("é☃😀")", R"("a\nb")", R"("\u00e9\"")"},
       {R"("a")", R"("abcd")", "\"a\nb\"", R"("\ud800x")", R"("\q ")", "ab"}},
      {R"({"type": "number"})",
       {"0", "-1.5", "2e10", "1E-3", "-0.25e+2"},
       {"01", ".5", "1.", "+1", "1e", "1e999", "NaN", "--1"}},
      {R"({"type": "integer"})", {"0", "-7", "1234567"}, {"1.0", "1e3", "00"}},
      {R"({"type": ["integer", "null"]})", {"4", "null"}, {"\"4\"", "true"}},
      {R"({"enum": ["red", "a\"b\\c", 3, null, {"k": [true]}]})",
       {R"("red")", R"("a\"b\\c")", "3", "null", R"({"k":[true]})"},
       {R"("blue")", "red", "33"}},
      {R"({"type": "string", "enum": ["red", 3]})", {R"("red")"}, {"3"}},
      {R"({"const": "é"})", {"\"é\""}, {"\"e\""}},
      {R"({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"const": "x"}}]})",
       {"5", R"(["x","x"])"},
       {R"(["y"])"}},
      {R"({"oneOf": [{"const": 1}, {"const": 2}], "title": "t", "description": "d"})",
       {"1", "2"},
       {"3"}},
      {R"({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties":
           {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
           "required": ["v"]}}})",
       {R"({"v":1})", R"({"v":1,"kids":[{"v":2,"kids":[]},{"v":3}]})"},
       {R"({"v":1,"kids":[{}]})", R"({"kids":[]})"}},
      {R"({"type": "array", "items": {"$ref": "#"}})", {"[]", "[[[]],[]]"}, {"[1]"}},
      {R"({"properties": {"a/b": {"const": 1}, "c": {"$ref": "#/properties/a~1b"}}, "required": ["c"]})",
       {R"({"c":1})", R"({"a/b":1,"c":1})"},
       {R"({"c":2})"}},
      {R"({"type": "integer", "minimum": 0, "maximum": 120})",
       {"0", "7", "99", "100", "119", "120"},
       {"-1", "121", "1000", "00", "1.0", "-0"}},
      {R"({"type": "integer", "exclusiveMinimum": -13, "exclusiveMaximum": 4.5})",
       {"-12", "-10", "-9", "-1", "0", "4"},
       {"-13", "-20", "5", "-0"}},
      {R"({"minimum": 1987})",
       {"1987", "1999", "2000", "9999", "10000", "9999999999999999"},
       {"1986", "999", "0", "-2000"}},
      {R"({"type": "string", "pattern": "^[A-Z]{2}-\\d{3,4}(?:x|y?)$"})",
       {R"("AB-123")", R"("AB-1234x")", R"("ZZ-000y")"},
       {R"("AB-12")", R"("Ab-123")", R"("AB-123z")", R"("xAB-123")", R"("AB-123xx")"}},
      {R"({"pattern": "b+"})", {R"("b")", R"("abbc")", R"("\n b")"}, {R"("")", R"("ac")", "b"}},
      {R"({"pattern": "^[^a-y\\s]*$"})",
       {R"("")", R"("zZ\"\\")", R"("é😀")"},
       {R"("a")", R"("z z")", R"("\n")", "\"\"\""}},
      {R"({"pattern": "^(\\\\|\"|\\t|\\u00e9|[\\]\\-b-d])$"})",
       {R"("\\")", R"("\"")", R"("\t")", R"("é")", R"("]")", R"("-")", R"("c")"},
       {R"("t")", R"("a")", R"("")", "\"\t\""}},
      {R"({"type": "string", "format": "date"})",
       {R"("2024-02-28")", R"("1999-12-31")", R"("2000-04-30")"},
       {R"("2023-02-29")", R"("2000-04-31")", R"("2000-13-01")", R"("2000-00-10")", R"("2000-1-1")",
        R"("2000-10-00")"}},
      {R"({"format": "time"})",
       {R"("00:00:00Z")", R"("23:59:59.25+01:30")"},
       {R"("24:00:00Z")", R"("12:60:00Z")", R"("12:00:00")", R"("12:00Z")"}},
      {R"({"format": "date-time"})",
       {R"("2024-02-28T10:00:00Z")"},
       {R"("2024-02-28 10:00:00Z")", R"("2024-02-28")"}},
      {R"({"format": "uuid"})",
       {R"("123e4567-e89b-12d3-a456-426614174000")"},
       {R"("123e4567e89b12d3a456426614174000")", R"("123e4567-e89b-12d3-a456-42661417400g")"}},
      {R"({"format": "email"})",
       {R"("ann.lee+x@mail-1.example.org")", R"("a@b.de")"},
       {R"("ann@example")", R"("@b.de")", R"("a@-b.de")", R"("a..b@c.de")", R"("a b@c.de")"}},
      {R"({"format": "ipv4"})",
       {R"("0.0.0.0")", R"("255.249.199.9")"},
       {R"("256.0.0.1")", R"("1.2.3")", R"("01.2.3.4")", R"("1.2.3.4.5")"}},
      {R"({"allOf": [{"$ref": "#/$defs/named"}, {"properties": {"age": {"type": "integer"}}}],
           "required": ["age"], "properties": {"ok": {"type": "boolean"}},
           "$defs": {"named": {"type": "object", "properties": {"name": {"type": "string"}},
                               "required": ["name"]}}})",
       {R"({"name":"A","age":3})", R"({"name":"A","age":3,"ok":true})"},
       {R"({"name":"A"})", R"({"age":3})", R"({"name":3,"age":3})"}},
      {"true", {"1", "{}", "[null]"}, {"", "x"}},
      {"{}", {"\"a\""}, {"a"}},
  };
  return cases;
}

TEST(JsonSchema, AllowsWhatItSaysAndNothingElse) {
  for (const Case& c : Cases()) {
    const auto grammar = GrammarOfJsonSchema(c.schema);
    ASSERT_TRUE(grammar.ok()) << c.schema << ": " << grammar.status().message();
    for (const char* text : c.allowed) {
      EXPECT_TRUE(testing::Accepts(*grammar, text)) << c.schema << " should allow " << text;
    }
    for (const char* text : c.refused) {
      EXPECT_FALSE(testing::Accepts(*grammar, text)) << c.schema << " should not allow " << text;
    }
  }
}

TEST(JsonSchema, RefusesByNameWhatItCannotHonour) {
  const auto refusal = [](const std::string& schema) {
    const auto grammar = GrammarOfJsonSchema(schema);
    EXPECT_FALSE(grammar.ok()) << schema;
    return grammar.ok() ? "" : grammar.status().message();
  };
  for (const char* keyword :
       {"not", "if", "minimum", "maximum", "multipleOf", "uniqueItems", "prefixItems", "contains",
        "patternProperties", "minProperties", "dependentRequired", "unheard_of"}) {
    const std::string message =
        refusal("{\"type\": \"string\", \"" + std::string(keyword) + "\": 1}");
    EXPECT_NE(message.find("'" + std::string(keyword) + "'"), std::string::npos) << message;
  }
  EXPECT_EQ(refusal(R"({"type": "integer", "minLength": 3})"),
            "json schema: keyword 'minLength' is not supported beside 'type'");
  EXPECT_EQ(refusal(R"({"type": "string", "pattern": "a", "minLength": 3})"),
            "json schema: keyword 'minLength' is not supported beside 'pattern'");
  EXPECT_EQ(refusal(R"({"type": "number", "minimum": 3})"),
            "json schema: keyword 'minimum' is not supported beside 'type'");
  EXPECT_EQ(refusal(R"({"format": "hostname"})"),
            "json schema: format 'hostname' is not supported, date, time, date-time, uuid, email, "
            "ipv4 are");
  EXPECT_EQ(refusal(R"({"type": "integer", "minimum": 3.5, "maximum": 3.9})"),
            "json schema: minimum: a whole number between the bounds is needed");
  EXPECT_EQ(refusal(R"({"allOf": [{"properties": {"a": true}}, {"minProperties": 1}]})"),
            "json schema: keyword 'minProperties' is not supported beside or within 'allOf'");
  EXPECT_EQ(refusal(R"({"allOf": [{"properties": {"a": true}}, {"properties": {"a": {}}}]})"),
            "json schema: allOf: two members describe the property 'a' differently, which is not "
            "supported");
  EXPECT_EQ(refusal(R"({"allOf": [{"$ref": "#"}]})"),
            "json schema: allOf: refers to itself or nests deeper than 32");
  EXPECT_EQ(refusal(R"({"required": ["a"], "additionalProperties": false})"),
            "json schema: required: a name that 'properties' lists is needed");
  EXPECT_EQ(refusal(R"({"$ref": "#", "minLength": 3})"),
            "json schema: keyword 'minLength' is not supported beside '$ref'");
  EXPECT_EQ(refusal(R"({"type": "date"})"), "json schema: type 'date' is not supported");
  EXPECT_EQ(refusal(R"({"$ref": "http://example.com/s"})"),
            "json schema: $ref 'http://example.com/s' is not supported, '#/...' is");
  EXPECT_EQ(refusal(R"({"$ref": "#/nothing"})"), "json schema: $ref '#/nothing' leads nowhere");
  EXPECT_EQ(refusal("{"), "json schema: is no JSON");
  EXPECT_EQ(refusal("false"), "json schema: schema: an object or true is needed");
  EXPECT_EQ(refusal(R"({"minItems": -1})"),
            "json schema: minItems: a whole number from 0 to 65536 is needed");
  EXPECT_EQ(refusal(R"({"minItems": 3, "maxItems": 2})"),
            "json schema: maxItems: no less than the other bound is needed");
  EXPECT_EQ(refusal(R"({"enum": []})"),
            "json schema: enum: at least one value of the type is needed");
  EXPECT_EQ(refusal(R"({"required": [1]})"), "json schema: required: a list of names is needed");
  EXPECT_EQ(refusal(std::string(100, '[') + std::string(100, ']')),
            "json schema: nested deeper than 64");
}

TEST(JsonSchema, ASchemaThatOnlyLeadsToItselfIsNoGrammar) {
  const auto grammar = GrammarOfJsonSchema(R"({"$ref": "#"})");
  ASSERT_TRUE(grammar.ok());
  EXPECT_EQ(GrammarNetwork::FromGbnf(*grammar).status().code(), StatusCode::kFormat);
}

TEST(JsonSchema, ALongChainOfReferencesIsFollowed) {
  std::string schema = R"({"$ref": "#/$defs/d0", "$defs": {)";
  for (int i = 0; i < 3000; ++i) {
    schema += "\"d" + std::to_string(i) + R"(": {"type": "array", "items": {"$ref": "#/$defs/d)" +
              std::to_string(i + 1) + "\"}}, ";
  }
  schema += R"("d3000": {"const": 7}}})";
  const auto grammar = GrammarOfJsonSchema(schema);
  ASSERT_TRUE(grammar.ok()) << grammar.status().message();
  EXPECT_TRUE(testing::Accepts(*grammar, "[[[[]]]]"));
}

TEST(JsonSchema, AnyObjectIsAnObject) {
  const std::string grammar = GrammarOfAnyJsonObject();
  EXPECT_TRUE(testing::Accepts(grammar, R"({"a": [1, "b", {"c": null}]})"));
  EXPECT_FALSE(testing::Accepts(grammar, "[]"));
  EXPECT_FALSE(testing::Accepts(grammar, "{\"a\": 1"));
}

}  // namespace
}  // namespace selvedge::inference
