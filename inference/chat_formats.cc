#include "inference/chat_formats.h"

namespace selvedge::inference {
namespace {

// Sources: the templates that the models publish (tokenizer_config.json of Qwen2.5, Llama 3.1,
// Gemma 2, Phi-3.5, Phi-4-mini, TinyLlama-Chat, Mistral 7B Instruct v0.1 to v0.3, Mistral Nemo).
constexpr TurnFormat kChatMl = {.name = "ChatML",
                                .before_role = "<|im_start|>",
                                .after_role = "\n",
                                .end = "<|im_end|>\n",
                                .system = "system",
                                .user = "user",
                                .assistant = "assistant",
                                .required = {"<|im_start|>", "<|im_end|>"}};
constexpr TurnFormat kLlama3 = {.name = "Llama-3",
                                .before_role = "<|start_header_id|>",
                                .after_role = "<|end_header_id|>\n\n",
                                .end = "<|eot_id|>",
                                .system = "system",
                                .user = "user",
                                .assistant = "assistant",
                                .trims = true,
                                .required = {"<|start_header_id|>", "<|eot_id|>"}};
constexpr TurnFormat kGemma = {.name = "Gemma",
                               .before_role = "<start_of_turn>",
                               .after_role = "\n",
                               .end = "<end_of_turn>\n",
                               .user = "user",
                               .assistant = "model",
                               .trims = true,
                               .required = {"<start_of_turn>", "<end_of_turn>"}};
constexpr TurnFormat kPhi3 = {.name = "Phi-3",
                              .before_role = "<|",
                              .after_role = "|>\n",
                              .end = "<|end|>\n",
                              .system = "system",
                              .user = "user",
                              .assistant = "assistant",
                              .required = {"<|assistant|>", "<|end|>"}};
constexpr TurnFormat kPhi4Mini = {.name = "Phi-3 (without line breaks)",
                                  .before_role = "<|",
                                  .after_role = "|>",
                                  .end = "<|end|>",
                                  .system = "system",
                                  .user = "user",
                                  .assistant = "assistant",
                                  .required = {"<|assistant|>", "<|end|>"}};
constexpr TurnFormat kZephyr = {.name = "Zephyr",
                                .before_role = "<|",
                                .after_role = "|>\n",
                                .end = "</s>\n",
                                .system = "system",
                                .user = "user",
                                .assistant = "assistant",
                                .required = {"</s>"}};
// [INST] is a control token from v3 on and text before.
constexpr TurnFormat kMistralV1 = {.name = "Mistral",
                                   .before_role = "[INST] ",
                                   .end = " [/INST]",
                                   .marks_users_only = true,
                                   .before_answer = " ",
                                   .after_answer = "</s>",
                                   .required = {"</s>"}};
constexpr TurnFormat kMistralV3 = {.name = "Mistral v3",
                                   .before_role = "[INST] ",
                                   .end = "[/INST]",
                                   .marks_users_only = true,
                                   .before_answer = " ",
                                   .after_answer = "</s>",
                                   .required = {"[INST]", "[/INST]"}};
constexpr TurnFormat kMistralTekken = {.name = "Mistral v3 tekken",
                                       .before_role = "[INST]",
                                       .end = "[/INST]",
                                       .marks_users_only = true,
                                       .after_answer = "</s>",
                                       .required = {"[INST]", "[/INST]"}};

const TurnFormat* RecogniseMistral(std::string_view text) {
  const auto has = [&](std::string_view part) { return text.find(part) != text.npos; };
  if (has("<<SYS>>") || has("[SYSTEM_PROMPT]")) return nullptr;  // Llama 2; Mistral from v7 on
  if (has(" [/INST]")) return &kMistralV1;
  return has("\"[INST]\"") ? &kMistralTekken : &kMistralV3;
}

}  // namespace

const TurnFormat* RecogniseTemplate(std::string_view text) {
  const auto has = [&](std::string_view part) { return text.find(part) != text.npos; };
  if (has("<|start_header_id|>")) return &kLlama3;
  if (has("<|im_start|>")) return has("<|im_sep|>") ? nullptr : &kChatMl;
  if (has("<start_of_turn>")) return &kGemma;
  if (has("<|assistant|>") && has("<|end|>")) {
    // Templates spell a line break as the two characters \n of their own language.
    return has("|>\\n") || has("|>\n") ? &kPhi3 : &kPhi4Mini;
  }
  if (has("<|assistant|>") && has("<|user|>") && !has("[gMASK]")) return &kZephyr;
  return has("[INST]") ? RecogniseMistral(text) : nullptr;
}

}  // namespace selvedge::inference
