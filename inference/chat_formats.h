#pragma once
// The forms of chat that Selvedge writes, as data.

#include <string_view>

namespace selvedge::inference {

// A turn is before_role ROLE after_role CONTENT end, all of it markup but CONTENT.
struct TurnFormat {
  std::string_view name;
  std::string_view before_role, after_role, end;
  std::string_view system, user, assistant;  // names of the roles; no system: joined to the user's
  bool trims = false;                        // white space around contents
  // In forms that mark the user's turns only: what precedes an answer and what ends it. Then
  // before_role and after_role open a user's turn, and `end` closes it.
  bool marks_users_only = false;
  std::string_view before_answer = "", after_answer = "";
  std::string_view required[2] = {};  // control tokens that the vocabulary must have
};

// The form that a template of a model file is written in; null if it is none of ours.
const TurnFormat* RecogniseTemplate(std::string_view text);

}  // namespace selvedge::inference
