#include <array>

#include "privacy/redaction/detector.h"

namespace selvedge::privacy {
namespace {

// Checked structures (keys, checksums) before shapes (phones), and the catch-all for long numbers
// last.
constexpr std::array<Detector, 12> kDetectors = {{{"SECRET", FindPrivateKeyBlocks},
                                                  {"URL_CREDENTIALS", FindUrlCredentials},
                                                  {"SECRET", FindKnownSecrets},
                                                  {"IBAN", FindIbans},
                                                  {"CREDIT_CARD", FindCreditCards},
                                                  {"EMAIL", FindEmails},
                                                  {"SECRET", FindKeywordSecrets},
                                                  {"MAC_ADDRESS", FindMacAddresses},
                                                  {"IP_ADDRESS", FindIpAddresses},
                                                  {"US_SSN", FindUsSsns},
                                                  {"PHONE", FindPhones},
                                                  {"ID_NUMBER", FindIdNumbers}}};

}  // namespace

std::span<const Detector> Detectors() { return kDetectors; }

}  // namespace selvedge::privacy
