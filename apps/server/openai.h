#pragma once
// OpenAI's request and response bodies as far as a local model can honour them. What cannot be
// honoured (n, logprobs, tools, ...) is refused, not ignored.

#include <selvedge/engine.h>

#include <string>
#include <string_view>
#include <vector>

#include "apps/server/strict_body.h"

namespace selvedge::server {

enum class Endpoint { kCompletions, kChat };

struct Request {
  Endpoint endpoint = Endpoint::kCompletions;
  std::string model;  // as the caller named it
  bool stream = false;
  GenerateOptions options;            // prompt, limits, sampling, stop, adapter
  std::vector<ChatMessage> messages;  // kChat
};

// `adapter` is used unless the body names one. kUsage names the field.
Result<Request> ReadRequest(Endpoint endpoint, const Json& body, const std::string& adapter);

// One answer's identity; the same in each piece of a stream.
struct Answer {
  Endpoint endpoint;
  std::string id;
  std::string model;
  int64_t created = 0;  // seconds since 1970
};

Json WholeBody(const Answer& answer, const GenerateResult& result);
Json PieceBody(const Answer& answer, std::string_view text);
Json LastPieceBody(const Answer& answer, const GenerateResult& result);

// {"error": {"message", "type", "code"}} and the HTTP status that goes with it.
Json ErrorBody(const Status& status);
int HttpStatus(StatusCode code);

}  // namespace selvedge::server
