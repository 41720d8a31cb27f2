#include "storage/safetensors/header_reader.h"

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "storage/untrusted/quote.h"

namespace selvedge::safetensors {
namespace {

using Json = nlohmann::json;
using untrusted::Quote;

// A state per place in the header; every event that a place does not expect ends the parse.
enum class Place { kStart, kTop, kMetadata, kEntry, kShape, kOffsets, kEnd };

class Events : public nlohmann::json_sax<Json> {
 public:
  Result<Header> Take(bool accepted) && {
    if (!accepted) return error_;
    return std::move(header_);
  }

  bool start_object(size_t) override {
    if (place_ == Place::kStart) return Go(Place::kTop);
    if (place_ == Place::kTop && key_ == "__metadata__") return Go(Place::kMetadata);
    if (place_ == Place::kTop) {
      if (header_.entries.size() == kMaxTensors) {
        error_ = LimitError("header: more than " + std::to_string(kMaxTensors) + " tensors");
        return false;
      }
      header_.entries.push_back({key_, ElementType::kF32, {}, 0, 0});
      seen_fields_.clear();
      return Go(Place::kEntry);
    }
    return Unexpected("an object");
  }

  bool end_object() override {
    if (place_ == Place::kTop) return Go(Place::kEnd);
    if (place_ == Place::kEntry && seen_fields_.size() != 3) {
      return Fail(InEntry() + ": needs dtype, shape and data_offsets");
    }
    return Go(Place::kTop);
  }

  bool key(std::string& name) override {
    switch (place_) {
      case Place::kTop:
        key_ = name;
        return TopKey();
      case Place::kMetadata:
        key_ = name;
        if (header_.metadata.contains(key_)) {
          return Fail("__metadata__: key " + Quote(key_) + " is there twice");
        }
        return true;
      case Place::kEntry:
        field_ = name;
        if (field_ != "dtype" && field_ != "shape" && field_ != "data_offsets") {
          return Fail(InEntry() + ": unknown field " + Quote(field_));
        }
        if (!seen_fields_.insert(field_).second) {
          return Fail(InEntry() + ": field " + Quote(field_) + " is there twice");
        }
        return true;
      default:
        return Unexpected("a key");
    }
  }

  bool string(std::string& text) override {
    if (place_ == Place::kMetadata) {
      metadata_bytes_ += key_.size() + text.size();
      if (metadata_bytes_ > kMaxMetadataBytes) {
        error_ =
            LimitError("__metadata__: more than " + std::to_string(kMaxMetadataBytes) + " bytes");
        return false;
      }
      header_.metadata.emplace(key_, text);
      return true;
    }
    if (place_ != Place::kEntry || field_ != "dtype") return Unexpected("a string");
    auto type = FindElementType(text);
    if (!type.ok()) {
      error_ = {type.status().code(), InEntry() + ": " + type.status().message()};
      return false;
    }
    header_.entries.back().type = *type;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ == Place::kEntry && field_ == "shape") return Go(Place::kShape);
    if (place_ == Place::kEntry && field_ == "data_offsets") {
      offsets_seen_ = 0;
      return Go(Place::kOffsets);
    }
    return Unexpected("an array");
  }

  bool end_array() override {
    if (place_ == Place::kOffsets && offsets_seen_ != 2) {
      return Fail(InEntry() + ": data_offsets must have 2 numbers");
    }
    return Go(Place::kEntry);
  }

  bool number_unsigned(number_unsigned_t number) override {
    if (place_ == Place::kShape) {
      if (header_.entries.back().shape.size() == kMaxDims) {
        return Fail(InEntry() + ": more than " + std::to_string(kMaxDims) + " dimensions");
      }
      header_.entries.back().shape.push_back(number);
      return true;
    }
    if (place_ != Place::kOffsets) return Unexpected("a number");
    if (offsets_seen_ == 2) return Fail(InEntry() + ": data_offsets must have 2 numbers");
    (offsets_seen_ == 0 ? header_.entries.back().begin : header_.entries.back().end) = number;
    ++offsets_seen_;
    return true;
  }

  bool number_integer(number_integer_t) override { return Unexpected("a negative number"); }
  bool number_float(number_float_t, const std::string&) override {
    return Unexpected("a number that is no integer of 64 bits");
  }
  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a boolean"); }
  bool binary(Json::binary_t&) override { return Unexpected("binary data"); }

  // The library's own text would quote the header, so only the place is given.
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return Fail("header: no valid JSON near byte " + std::to_string(position));
  }

 private:
  bool Go(Place place) {
    place_ = place;
    return true;
  }

  bool Fail(std::string message) {
    error_ = FormatError(std::move(message));
    return false;
  }

  bool Unexpected(const std::string& what) {
    switch (place_) {
      case Place::kStart:
      case Place::kEnd:
        return Fail("header: got " + what + ", must be one object");
      case Place::kTop:
        return Fail("tensor " + Quote(key_) + ": got " + what + ", must be an object");
      case Place::kMetadata:
        return Fail("__metadata__: key " + Quote(key_) + ": got " + what + ", must be a string");
      default:
        return Fail(InEntry() + ": field '" + field_ + "': got " + what);
    }
  }

  bool TopKey() {
    if (!names_.insert(key_).second) {
      return Fail((key_ == "__metadata__" ? key_ : "tensor " + Quote(key_)) + ": is there twice");
    }
    if (key_.empty() || key_.size() > kMaxNameBytes || key_.find('\0') != std::string::npos) {
      return Fail("tensor " + Quote(key_) + ": the name must have 1 to " +
                  std::to_string(kMaxNameBytes) + " bytes and no NUL");
    }
    return true;
  }

  std::string InEntry() const { return "tensor " + Quote(header_.entries.back().name); }

  Header header_;
  Status error_ = FormatError("header: no JSON object");  // why an event handler said no
  Place place_ = Place::kStart;
  std::string key_;    // in the top object or in the metadata
  std::string field_;  // in an entry
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> seen_fields_;
  size_t metadata_bytes_ = 0;
  int offsets_seen_ = 0;
};

}  // namespace

Result<Header> ReadHeader(std::string_view json) {
  // The JSON library skips a byte order mark and white space, and takes NUL for the end.
  if (json.empty() || json.front() != '{') return FormatError("header: must begin with '{'");
  if (json.find('\0') != std::string_view::npos) return FormatError("header: contains NUL");
  Events events;
  const bool accepted = Json::sax_parse(json.begin(), json.end(), &events);
  return std::move(events).Take(accepted);
}

}  // namespace selvedge::safetensors
