#include "apps/server/openai.h"

#include <utility>

namespace selvedge::server {
namespace {

constexpr int64_t kMostTokens = int64_t{1} << 30;
constexpr size_t kMaxStops = 16;
constexpr size_t kMaxMessages = 4096;

// Fields that would change the answer and that this server cannot honour, with the value that
// changes nothing.
Status RefuseUnsupported(const Json& body) {
  const std::pair<const char*, Json> harmless[] = {{"n", 1},
                                                   {"best_of", 1},
                                                   {"echo", false},
                                                   {"suffix", ""},
                                                   {"logprobs", false},
                                                   {"top_logprobs", 0},
                                                   {"presence_penalty", 0},
                                                   {"frequency_penalty", 0},
                                                   {"logit_bias", Json::object()},
                                                   {"tools", Json::array()},
                                                   {"functions", Json::array()}};
  for (const auto& [name, value] : harmless) {
    const auto it = body.find(name);
    if (it == body.end() || it->is_null() || *it == value) continue;
    return UsageError(std::string(name) + ": is not supported");
  }
  return OkStatus();
}

// {"type": "text"}, {"type": "json_object"} or
// {"type": "json_schema", "json_schema": {"name": ..., "schema": {...}}}; as in OpenAI's API.
Status ReadResponseFormat(const Json& body, std::string* json_schema) {
  const auto format = body.find("response_format");
  if (format == body.end() || format->is_null()) return OkStatus();
  if (!format->is_object()) return UsageError("response_format: an object is allowed");
  std::string type;
  SELVEDGE_RETURN_IF_ERROR(ReadText(*format, "type", &type));
  if (type == "text") return OkStatus();
  if (type == "json_object") {
    *json_schema = R"({"type": "object"})";
    return OkStatus();
  }
  if (type != "json_schema") {
    return UsageError("response_format: type: text, json_object, json_schema are allowed");
  }
  const auto wrapper = format->find("json_schema");
  if (wrapper == format->end() || !wrapper->is_object() || !wrapper->contains("schema")) {
    return UsageError("response_format: json_schema: an object with a schema is needed");
  }
  *json_schema = wrapper->at("schema").dump(-1, ' ', false, Json::error_handler_t::replace);
  return OkStatus();
}

Status ReadStops(const Json& body, std::vector<std::string>* stops) {
  const auto it = body.find("stop");
  if (it == body.end() || it->is_null()) return OkStatus();
  const Json list = it->is_array() ? *it : Json::array({*it});
  if (list.size() > kMaxStops) {
    return UsageError("stop: at most " + std::to_string(kMaxStops) + " texts are allowed");
  }
  for (const Json& stop : list) {
    if (!stop.is_string() || stop.get_ref<const std::string&>().empty()) {
      return UsageError("stop: a text or a list of texts is allowed");
    }
    stops->push_back(stop.get<std::string>());
  }
  return OkStatus();
}

Status ReadSampling(const Json& body, SamplingOptions* sampling) {
  int64_t top_k = sampling->top_k;
  int64_t seed = 0;
  SELVEDGE_RETURN_IF_ERROR(ReadReal(body, "temperature", 0, 100, &sampling->temperature));
  SELVEDGE_RETURN_IF_ERROR(ReadReal(body, "top_p", 1e-6, 1, &sampling->top_p));
  SELVEDGE_RETURN_IF_ERROR(ReadReal(body, "min_p", 0, 1, &sampling->min_p));
  SELVEDGE_RETURN_IF_ERROR(ReadReal(body, "repeat_penalty", 0.1, 10, &sampling->repeat_penalty));
  SELVEDGE_RETURN_IF_ERROR(ReadInt(body, "top_k", 0, 1000000, &top_k));
  SELVEDGE_RETURN_IF_ERROR(ReadInt(body, "seed", 0, INT64_MAX, &seed));
  sampling->top_k = static_cast<int>(top_k);
  sampling->seed = static_cast<uint64_t>(seed);
  return OkStatus();
}

Status ReadMessages(const Json& body, std::vector<ChatMessage>* messages) {
  const auto it = body.find("messages");
  if (it == body.end() || !it->is_array() || it->empty() || it->size() > kMaxMessages) {
    return UsageError("messages: a list of 1 to " + std::to_string(kMaxMessages) + " is needed");
  }
  for (const Json& message : *it) {
    ChatMessage read;
    if (!message.is_object() || !message.contains("content")) {
      return UsageError("messages: each needs role and content");
    }
    SELVEDGE_RETURN_IF_ERROR(ReadText(message, "role", &read.role));
    SELVEDGE_RETURN_IF_ERROR(ReadText(message, "content", &read.content));
    messages->push_back(std::move(read));
  }
  return OkStatus();
}

Json Envelope(const Answer& answer, const char* completion, const char* chat, Json choice) {
  const bool is_chat = answer.endpoint == Endpoint::kChat;
  Json whole = {{"index", 0}};
  whole.update(choice);
  return {{"id", answer.id},
          {"object", is_chat ? chat : completion},
          {"created", answer.created},
          {"model", answer.model},
          {"choices", Json::array({whole})}};
}

Json Piece(const Answer& answer, Json choice) {
  return Envelope(answer, "text_completion", "chat.completion.chunk", std::move(choice));
}

std::string FinishReason(const GenerateResult& result) {
  return result.finish_reason == "length" ? "length" : "stop";
}

Json Usage(const GenerateResult& result) {
  return {{"prompt_tokens", result.prompt_tokens},
          {"completion_tokens", result.generated_tokens},
          {"total_tokens", result.prompt_tokens + result.generated_tokens},
          {"prompt_tokens_details", {{"cached_tokens", result.cached_tokens}}}};
}

}  // namespace

Result<Request> ReadRequest(Endpoint endpoint, const Json& body, const std::string& adapter) {
  SELVEDGE_RETURN_IF_ERROR(RefuseUnsupported(body));
  Request request;
  request.endpoint = endpoint;
  request.options.adapter = adapter;
  SELVEDGE_RETURN_IF_ERROR(ReadText(body, "model", &request.model));
  SELVEDGE_RETURN_IF_ERROR(ReadText(body, "adapter", &request.options.adapter));
  SELVEDGE_RETURN_IF_ERROR(ReadBool(body, "stream", &request.stream));
  for (const char* name : {"max_tokens", "max_completion_tokens"}) {
    SELVEDGE_RETURN_IF_ERROR(ReadInt(body, name, 0, kMostTokens, &request.options.n_predict));
  }
  SELVEDGE_RETURN_IF_ERROR(ReadSampling(body, &request.options.sampling));
  SELVEDGE_RETURN_IF_ERROR(ReadStops(body, &request.options.stop));
  SELVEDGE_RETURN_IF_ERROR(ReadResponseFormat(body, &request.options.json_schema));
  SELVEDGE_RETURN_IF_ERROR(ReadText(body, "grammar", &request.options.grammar));
  if (endpoint == Endpoint::kChat) {
    SELVEDGE_RETURN_IF_ERROR(ReadMessages(body, &request.messages));
    return request;
  }
  if (!body.contains("prompt")) return UsageError("prompt: a text is needed");
  SELVEDGE_RETURN_IF_ERROR(ReadText(body, "prompt", &request.options.prompt));
  return request;
}

Json WholeBody(const Answer& answer, const GenerateResult& result) {
  Json choice = {{"finish_reason", FinishReason(result)}, {"logprobs", nullptr}};
  if (answer.endpoint == Endpoint::kChat) {
    choice["message"] = {{"role", "assistant"}, {"content", result.text}};
  } else {
    choice["text"] = result.text;
  }
  Json body = Envelope(answer, "text_completion", "chat.completion", choice);
  body["usage"] = Usage(result);
  body["adapter_ids"] = result.adapter_ids;
  return body;
}

Json PieceBody(const Answer& answer, std::string_view text) {
  Json choice = {{"finish_reason", nullptr}};
  if (answer.endpoint == Endpoint::kChat) {
    choice["delta"] = {{"role", "assistant"}, {"content", text}};
  } else {
    choice["text"] = text;
  }
  return Piece(answer, choice);
}

Json LastPieceBody(const Answer& answer, const GenerateResult& result) {
  Json choice = {{"finish_reason", FinishReason(result)}};
  if (answer.endpoint == Endpoint::kChat) {
    choice["delta"] = Json::object();
  } else {
    choice["text"] = "";
  }
  Json body = Piece(answer, choice);
  body["usage"] = Usage(result);
  body["adapter_ids"] = result.adapter_ids;
  return body;
}

Json ErrorBody(const Status& status) {
  const int http = HttpStatus(status.code());
  const char* type = http == 401   ? "authentication_error"
                     : http == 403 ? "permission_error"
                     : http < 500  ? "invalid_request_error"
                                   : "server_error";
  return {
      {"error",
       {{"message", status.message()}, {"type", type}, {"code", StatusCodeName(status.code())}}}};
}

int HttpStatus(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return 200;
    case StatusCode::kUsage:
    case StatusCode::kFormat:
    case StatusCode::kLimit:
    case StatusCode::kIncompatible:
      return 400;
    case StatusCode::kAuth:
    case StatusCode::kKeyLost:
      return 401;
    case StatusCode::kPolicy:
      return 403;
    case StatusCode::kNotFound:
      return 404;
    case StatusCode::kBusy:
    case StatusCode::kDeferred:
    case StatusCode::kCancelled:
      return 503;
    default:
      return 500;
  }
}

}  // namespace selvedge::server
