#pragma once
// A detector finds one type of personal data in folded text.
//
// Order in the table is priority: each detector sees what the ones before it left, so matches of
// different detectors never overlap. Within one detector the match that starts first wins, then the
// longest. Every scan is linear in the text: look-ahead and look-back are bounded by a constant, or
// the scan continues behind what it has read.
//
// To add one: write `void FindX(const FoldedText&, std::vector<Match>*)` in a file of its own,
// declare it here, and give it a row in detectors.cc.

#include <span>
#include <vector>

#include "privacy/redaction/folded_text.h"

namespace selvedge::privacy {

struct Match {
  size_t begin;  // folded positions, half open
  size_t end;
};

struct Detector {
  const char* type;
  void (*find)(const FoldedText& text, std::vector<Match>* matches);  // ascending, disjoint
};

std::span<const Detector> Detectors();  // highest priority first

void FindPrivateKeyBlocks(const FoldedText& text, std::vector<Match>* matches);
void FindUrlCredentials(const FoldedText& text, std::vector<Match>* matches);
void FindKnownSecrets(const FoldedText& text, std::vector<Match>* matches);
void FindIbans(const FoldedText& text, std::vector<Match>* matches);
void FindCreditCards(const FoldedText& text, std::vector<Match>* matches);
void FindEmails(const FoldedText& text, std::vector<Match>* matches);
void FindKeywordSecrets(const FoldedText& text, std::vector<Match>* matches);
void FindMacAddresses(const FoldedText& text, std::vector<Match>* matches);
void FindUrls(const FoldedText& text, std::vector<Match>* matches);
void FindDatesOfBirth(const FoldedText& text, std::vector<Match>* matches);
void FindNationalIds(const FoldedText& text, std::vector<Match>* matches);
void FindIpAddresses(const FoldedText& text, std::vector<Match>* matches);
void FindUsSsns(const FoldedText& text, std::vector<Match>* matches);
void FindStreetAddresses(const FoldedText& text, std::vector<Match>* matches);
void FindNamedNumbers(const FoldedText& text, std::vector<Match>* matches);
void FindPhones(const FoldedText& text, std::vector<Match>* matches);
void FindIdNumbers(const FoldedText& text, std::vector<Match>* matches);

void FindPersons(const FoldedText& text, std::vector<Match>* matches);

}  // namespace selvedge::privacy
