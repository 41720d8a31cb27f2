#include <array>

#include "privacy/redaction/detector.h"

namespace selvedge::privacy {
namespace {

// Checked structures (keys, checksums) before shapes (phones), the catch-all for long numbers
// behind them, and names last: they have no digits.
constexpr std::array kDetectors = std::to_array<Detector>({
    {"SECRET", FindPrivateKeyBlocks},
    {"URL_CREDENTIALS", FindUrlCredentials},
    {"SECRET", FindKnownSecrets},
    {"IBAN_CODE", FindIbans},
    {"CREDIT_CARD", FindCreditCards},
    {"EMAIL_ADDRESS", FindEmails},
    {"SECRET", FindKeywordSecrets},
    {"DOMAIN_NAME", FindUrls},
    {"MAC_ADDRESS", FindMacAddresses},
    {"IP_ADDRESS", FindIpAddresses},
    {"US_SSN", FindUsSsns},
    {"NATIONAL_ID", FindNationalIds},
    {"DATE_OF_BIRTH", FindDatesOfBirth},
    {"STREET_ADDRESS", FindStreetAddresses},
    {"ID_NUMBER", FindNamedNumbers},
    {"PHONE_NUMBER", FindPhones},
    {"ID_NUMBER", FindIdNumbers},
    {"PERSON", FindPersons},
});

}  // namespace

std::span<const Detector> Detectors() { return kDetectors; }

}  // namespace selvedge::privacy
