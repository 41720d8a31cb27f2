#include "inference/conversion/hf_tokenizer.h"

#include <charconv>
#include <map>

#include "inference/conversion/spm_model.h"
#include "inference/tokenizer/vocabulary.h"
#include "storage/untrusted/quote.h"

namespace selvedge::inference {
namespace {

using Json = nlohmann::json;

constexpr float kAddedScore = -1000;  // below every learned one

struct Table {
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<int32_t> types;

  explicit Table(size_t n) : tokens(n), scores(n, kAddedScore), types(n, 0) {}

  Status Set(uint64_t id, std::string text, float score, TokenType type) {
    if (id >= tokens.size()) {
      return FormatError("tokenizer: token " + std::to_string(id) + ": the embedding has " +
                         std::to_string(tokens.size()) + " rows");
    }
    tokens[id] = std::move(text);
    scores[id] = score;
    types[id] = static_cast<int32_t>(type);
    return OkStatus();
  }

  void FillUnused() {
    for (size_t id = 0; id < tokens.size(); ++id) {
      if (types[id] != 0) continue;
      tokens[id] = "[PAD" + std::to_string(id) + "]";
      types[id] = static_cast<int32_t>(TokenType::kUnused);
    }
  }
};

// {"content": text, "special": bool} under an id.
Status SetAdded(const Json& token, uint64_t id, Table* table) {
  if (!token.is_object() || !token.contains("content") || !token["content"].is_string()) {
    return FormatError("tokenizer: added token " + std::to_string(id) + ": no content");
  }
  const bool special = token.value("special", false);
  return table->Set(id, token["content"].get<std::string>(), kAddedScore,
                    special ? TokenType::kControl : TokenType::kUserDefined);
}

Status SetAddedTokens(const HfTokenizerFiles& files, bool keep_known, Table* table) {
  if (files.settings.contains("added_tokens_decoder")) {
    for (const auto& [key, token] : files.settings["added_tokens_decoder"].items()) {
      uint64_t id = 0;
      const auto end = std::from_chars(key.data(), key.data() + key.size(), id);
      if (end.ptr != key.data() + key.size()) {
        return FormatError("tokenizer_config.json: added_tokens_decoder: a key is no token id");
      }
      if (keep_known && id < table->types.size() && table->types[id] != 0) continue;
      SELVEDGE_RETURN_IF_ERROR(SetAdded(token, id, table));
    }
  }
  if (files.tokenizer.is_object() && files.tokenizer.contains("added_tokens")) {
    for (const Json& token : files.tokenizer["added_tokens"]) {
      if (!token.is_object() || !token.contains("id") || !token["id"].is_number_unsigned()) {
        return FormatError("tokenizer.json: added_tokens: an entry has no id");
      }
      const uint64_t id = token["id"].get<uint64_t>();
      if (keep_known && id < table->types.size() && table->types[id] != 0) continue;
      SELVEDGE_RETURN_IF_ERROR(SetAdded(token, id, table));
    }
  }
  return OkStatus();
}

// The regular expression that splits text before merges, as the file spells it, and what GGUF calls
// it.
struct PreTokenizer {
  const char* regex;
  const char* name;
};
constexpr PreTokenizer kPreTokenizers[] = {
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     "llama-bpe"},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     "qwen2"},
};

Result<std::string> PreTokenizerName(const Json& tokenizer) {
  std::vector<Json> steps;
  if (tokenizer.contains("pre_tokenizer") && tokenizer["pre_tokenizer"].is_object()) {
    const Json& pre = tokenizer["pre_tokenizer"];
    if (pre.value("type", "") == "Sequence" && pre.contains("pretokenizers")) {
      for (const Json& step : pre["pretokenizers"]) steps.push_back(step);
    } else {
      steps.push_back(pre);
    }
  }
  const auto is = [&](size_t i, const char* type) {
    return i < steps.size() && steps[i].is_object() && steps[i].value("type", "") == type;
  };
  if (steps.size() == 1 && is(0, "ByteLevel") && steps[0].value("use_regex", true))
    return std::string("gpt-2");
  if (steps.size() == 2 && is(1, "ByteLevel")) {
    if (is(0, "Digits") && steps[0].value("individual_digits", false)) return std::string("smollm");
    if (is(0, "Split") && steps[0].contains("pattern") && steps[0]["pattern"].is_object()) {
      const std::string regex = steps[0]["pattern"].value("Regex", "");
      for (const PreTokenizer& known : kPreTokenizers) {
        if (regex == known.regex) return std::string(known.name);
      }
    }
  }
  return IncompatibleError(
      "tokenizer.json: pre_tokenizer: not one of gpt-2, smollm, llama-bpe or qwen2: convert the "
      "model with llama.cpp, then quantize the GGUF file");
}

Status SetBytePairs(const HfTokenizerFiles& files, Table* table, gguf::Writer* keys) {
  const Json& tokenizer = files.tokenizer;
  if (!tokenizer.contains("model") || !tokenizer["model"].is_object() ||
      tokenizer["model"].value("type", "") != "BPE" || !tokenizer["model"].contains("vocab") ||
      !tokenizer["model"].contains("merges")) {
    return IncompatibleError("tokenizer.json: model: a byte-level BPE model supported");
  }
  for (const auto& [text, id] : tokenizer["model"]["vocab"].items()) {
    if (!id.is_number_unsigned()) return FormatError("tokenizer.json: vocab: an id is no number");
    SELVEDGE_RETURN_IF_ERROR(table->Set(id.get<uint64_t>(), text, 0, TokenType::kNormal));
  }
  std::vector<std::string> merges;
  for (const Json& merge : tokenizer["model"]["merges"]) {
    if (merge.is_string()) {
      merges.push_back(merge.get<std::string>());
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
    } else {
      return FormatError("tokenizer.json: merges: an entry is no pair");
    }
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::string pre, PreTokenizerName(tokenizer));
  SELVEDGE_RETURN_IF_ERROR(SetAddedTokens(files, /*keep_known=*/false, table));
  keys->SetString("tokenizer.ggml.model", "gpt2");
  keys->SetString("tokenizer.ggml.pre", pre);
  keys->SetStrings("tokenizer.ggml.merges", std::move(merges));
  keys->SetBool("tokenizer.ggml.add_bos_token",
                files.settings.value("add_bos_token", pre == "llama-bpe"));
  return OkStatus();
}

Status SetSentencePiece(const HfTokenizerFiles& files, Table* table, gguf::Writer* keys) {
  SELVEDGE_ASSIGN_OR_RETURN(const SentencePieceModel model,
                            ReadSentencePieceModel(files.sentencepiece));
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const SentencePieceModel::Piece& piece = model.pieces[id];
    SELVEDGE_RETURN_IF_ERROR(
        table->Set(id, piece.text, piece.score, static_cast<TokenType>(piece.type)));
  }
  SELVEDGE_RETURN_IF_ERROR(SetAddedTokens(files, /*keep_known=*/true, table));
  keys->SetString("tokenizer.ggml.model", "llama");
  keys->SetString("tokenizer.ggml.pre", "default");
  keys->SetU32("tokenizer.ggml.unknown_token_id", model.unknown);
  keys->SetBool("tokenizer.ggml.add_space_prefix", model.add_dummy_prefix);
  keys->SetBool("tokenizer.ggml.add_bos_token", files.settings.value("add_bos_token", true));
  return OkStatus();
}

// An id, or the first of several.
void SetSpecialId(const Json& config, const char* from, const std::string& to, gguf::Writer* keys) {
  if (!config.contains(from)) return;
  const Json& value = config[from];
  const Json& id = value.is_array() && !value.empty() ? value[0] : value;
  if (id.is_number_unsigned()) keys->SetU32("tokenizer.ggml." + to, id.get<uint32_t>());
}

}  // namespace

Status SetTokenizerKeys(const HfTokenizerFiles& files, gguf::Writer* keys) {
  Table table(files.vocabulary);
  if (!files.sentencepiece.empty()) {
    SELVEDGE_RETURN_IF_ERROR(SetSentencePiece(files, &table, keys));
  } else if (files.tokenizer.is_object()) {
    SELVEDGE_RETURN_IF_ERROR(SetBytePairs(files, &table, keys));
  } else {
    return NotFoundError("model folder: tokenizer.model or tokenizer.json: missing");
  }
  table.FillUnused();
  keys->SetStrings("tokenizer.ggml.tokens", std::move(table.tokens));
  if (!files.sentencepiece.empty()) {
    keys->SetF32s("tokenizer.ggml.scores", std::move(table.scores));
  }
  keys->SetI32s("tokenizer.ggml.token_type", std::move(table.types));
  keys->SetBool("tokenizer.ggml.add_eos_token", files.settings.value("add_eos_token", false));
  SetSpecialId(files.config, "bos_token_id", "bos_token_id", keys);
  SetSpecialId(files.config, "eos_token_id", "eos_token_id", keys);
  SetSpecialId(files.config, "pad_token_id", "padding_token_id", keys);
  if (files.settings.contains("chat_template") && files.settings["chat_template"].is_string()) {
    keys->SetString("tokenizer.chat_template", files.settings["chat_template"].get<std::string>());
  }
  return OkStatus();
}

}  // namespace selvedge::inference
