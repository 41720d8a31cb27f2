#pragma once
// Adapters to and from other programs.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/engine.h>
#include <selvedge/home.h>
#include <selvedge/status.h>

namespace selvedge {

enum class AdapterFormat {
  kPeft,    // a folder with adapter_config.json and adapter_model.safetensors
  kGguf,    // llama.cpp's LoRA file
  kBundle,  // one signed file for another Selvedge home (docs/formats/bundle.md)
};

struct ExportOptions {
  AdapterFormat format = AdapterFormat::kPeft;
  bool allow_without_privacy = false;  // export an adapter that was trained with dp off
  std::string to;  // kBundle: the receiving home's public key, who alone can open it; else empty
};

struct ImportOptions {
  std::string trust;  // public key of the home that signed a bundle; a bundle needs it
};

struct InterchangeReport {
  std::string adapter_id;
  int64_t tensors = 0;                 // LoRA matrices in the file: two for each weight
  int64_t matched = 0;                 // of them with a weight of the home's base model
  std::vector<std::string> unmatched;  // names of the others
  std::string sha256;                  // of the weights' file
  bool all_zero = false;               // every product B A is zero: the adapter changes nothing
};

// Verifies an adapter of the home and writes it to `out`. kNotFound for an unknown id, kPolicy for
// one without privacy, rejected or retired, kUsage if `out` is there already, kIo, kNoSpace, and
// what verification gives.
Result<InterchangeReport> ExportAdapter(const Home& home, const std::string& id,
                                        const std::string& out, const ExportOptions& options);

// Takes a PEFT folder or a GGUF LoRA file into the home as an available adapter, signed with the
// home's key. It is not activated, has no privacy statement (dp is false) and was not seen by the
// gate. kNotFound, kFormat, kNumeric; kIncompatible for a pickle, a feature that is not supported
// or tensors that are not the base's.
// A bundle keeps its id and its sender's privacy statement; kAuth unless the trusted home signed it
// for this home or for everybody, kUsage if an adapter of this id is or was here.
Result<InterchangeReport> ImportAdapter(Home& home, const std::string& path,
                                        const ImportOptions& options = {});

// Writes the base model with the adapter added to its weights, each tensor in its own type, as a
// GGUF file. Needs memory for twice the base. Errors as ExportAdapter; kIncompatible for a tensor
// type that cannot be written.
Result<InterchangeReport> MergeAdapter(const Home& home, const std::string& id,
                                       const std::string& out, const ExportOptions& options);

// A PEFT folder becomes a GGUF LoRA file, a GGUF LoRA file a PEFT folder. `base` says in which
// order rows lie. kUsage if `out` is there already; reading as ImportAdapter.
Result<InterchangeReport> ConvertAdapter(const Engine& base, const std::string& in,
                                         const std::string& out);

// What an adapter's receipt proves. docs/formats/receipt.md.
struct ReceiptReport {
  std::string adapter_id;
  std::string created;
  std::string base_digest;
  std::string weights_sha256;
  PrivacyStatement privacy;
  double epsilon_recomputed = 0;  // from the events; the statement's epsilon agrees with it
  double epsilon_lower = 0;       // no analysis can show less than this
  double epsilon_budget = 0;      // of a group's lifetime
  int64_t judges = 0;       // held-out groups that answered the gate with noise; 0: exact answer,
                            // which the statement does not cover
  double gate_epsilon = 0;  // what that cost them, at most the statement's epsilon
  int64_t ledger_rows = 0;
  std::string ledger_head;
  std::string public_key;        // whose signature is good
  bool adapter_checked = false;  // the adapter's files are those that the receipt was given for
};

struct ReceiptChecks {
  std::string adapter_folder;  // PEFT or signed folder to compare with; empty = none
  std::string public_key;      // 64 hex digits that must be the signer's; empty = any
};

// Checks the text of a receipt without its home: the signature, that epsilon and its brackets
// follow from the events, and the adapter's files if a folder is given. kAuth if one of them does
// not hold, kFormat, kIncompatible, kNotFound.
Result<ReceiptReport> VerifyReceipt(std::string_view receipt, const ReceiptChecks& checks);

// The receipt of an adapter of the home. kPolicy for one without privacy.
Result<std::string> AdapterReceipt(const Home& home, const std::string& id);

}  // namespace selvedge
