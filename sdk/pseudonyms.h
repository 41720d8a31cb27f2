#pragma once
// What stands in a stored record for the personal data that redaction found.
//
// A person gets a number that is the same in every record of the home: <PERSON_1042>. The number is
// a keyed hash of the name, so that it tells nothing without the home's key, and so that a record's
// text does not depend on other records, as a running number would: the privacy guarantee compares
// homes with and without one group, and that group must not change the texts of the rest.

#include <string>
#include <string_view>
#include <vector>

#include <selvedge/privacy.h>

#include "storage/vault/records.h"
#include "storage/vault/vault.h"

namespace selvedge {

struct StoredText {
  std::string text;
  std::vector<vault::RedactedValue> redacted;  // what the owner may see again
};

// Puts placeholders for the spans of `redaction` into `text`. Values whose only use to others is
// harm (secrets, card, account and identity numbers) are not kept. A part of a name has the number
// of the whole name that stands in the same text, else of the only contact of `rules` with it: the
// rules are the owner's and no record, so a text still does not depend on other records.
StoredText WithPseudonyms(const vault::Vault& vault, std::string_view text,
                          const Redaction& redaction, const RedactionRules& rules);

}  // namespace selvedge
