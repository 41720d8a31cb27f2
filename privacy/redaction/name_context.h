#pragma once
// What the words around a capitalised word say about it: is a person meant?

#include <span>

#include "privacy/redaction/text_words.h"

namespace selvedge::privacy {

// "my name is X", "I'm X", "Dear X", "Name: X", "my brother X": a name follows, whatever it looks
// like.
bool IntroducesName(const FoldedText& text, std::span<const TextWord> words, size_t i);

// The same for a name in lower case; cheaper, and only after words that leave little doubt.
bool IntroducesLowerCaseName(const FoldedText& text, std::span<const TextWord> words, size_t i);

// "by X", "starring X": two unknown words here are more likely a person than a place.
bool NamesDoer(const FoldedText& text, std::span<const TextWord> words, size_t i);

// "X said", "X lives": people do what the word behind says.
bool ActsLikePerson(const FoldedText& text, std::span<const TextWord> words, size_t i);

// "in X", "the X", "near X": most likely no person.
bool IntroducesPlace(const FoldedText& text, std::span<const TextWord> words, size_t i);

// Inc, Orchestra, Street: what the words before it name is no person.
bool IsInstitution(const FoldedText& text, const TextWord& word);

// San, Fort, New: the words behind it are no person.
bool IsPlaceHead(const FoldedText& text, const TextWord& word);

// van, de, bin: in lower case between the parts of a name.
bool IsParticle(const FoldedText& text, const TextWord& word);

// Whether an unlisted word ends as family names of some language do: -ovich, -sdottir, -czyk.
bool HasNameEnding(const FoldedText& text, const TextWord& word);

}  // namespace selvedge::privacy
