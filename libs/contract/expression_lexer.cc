#include "contract/expression_lexer.h"

#include "absl/strings/ascii.h"

namespace sluice::contract {
namespace {

bool IsNameStart(char c) { return absl::ascii_isalpha(c) || c == '_'; }
bool IsNamePart(char c) { return absl::ascii_isalnum(c) || c == '_'; }

}  // namespace

bool Lexer::Next(Token* token) {
  at_ = AfterSpace();
  token->offset = at_;
  token->text.clear();
  if (at_ >= text_.size()) {
    token->kind = Token::Kind::kEnd;
    return true;
  }
  const char c = text_[at_];
  if (IsNameStart(c)) {
    token->kind = Token::Kind::kName;
    ReadPath(&token->text);
    return true;
  }
  if (c == '\'' || c == '"' || c == '`') {
    token->kind = c == '`' ? Token::Kind::kQuotedName : Token::Kind::kString;
    return ReadQuoted(c, &token->text);
  }
  if (absl::ascii_isdigit(c) || c == '.') {
    token->kind = Token::Kind::kNumber;
    return ReadNumber(&token->text);
  }
  token->kind = Token::Kind::kSymbol;
  return ReadSymbol(&token->text);
}

bool Lexer::PeekIsOneOf(std::string_view chars) const {
  const size_t at = AfterSpace();
  return at < text_.size() && chars.find(text_[at]) != std::string_view::npos;
}

size_t Lexer::AfterSpace() const {
  size_t at = at_;
  while (at < text_.size() && absl::ascii_isspace(text_[at])) ++at;
  return at;
}

/// Names with a dot between them, and no space.
void Lexer::ReadPath(std::string* out) {
  const size_t start = at_;
  for (;; ++at_) {
    while (at_ < text_.size() && IsNamePart(text_[at_])) ++at_;
    if (at_ + 1 >= text_.size() || text_[at_] != '.' || !IsNameStart(text_[at_ + 1])) break;
  }
  *out = std::string(text_.substr(start, at_ - start));
}

bool Lexer::ReadQuoted(char quote, std::string* out) {
  const size_t start = at_++;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c != quote) {
      out->push_back(c);
    } else if (at_ < text_.size() && text_[at_] == quote) {
      out->push_back(quote);
      ++at_;
    } else {
      return true;
    }
  }
  return Fail(start, "this quote is never closed");
}

bool Lexer::ReadNumber(std::string* out) {
  const size_t start = at_;
  auto digits = [&] {
    const size_t first = at_;
    while (at_ < text_.size() && absl::ascii_isdigit(text_[at_])) ++at_;
    return at_ > first;
  };
  bool good = digits();
  if (at_ < text_.size() && text_[at_] == '.') {
    ++at_;
    good = digits() && good;
  }
  if (good && at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    good = digits();
  }
  if (!good || (at_ < text_.size() && IsNamePart(text_[at_])))
    return Fail(start, "this is no number");
  *out = std::string(text_.substr(start, at_ - start));
  return true;
}

bool Lexer::ReadSymbol(std::string* out) {
  for (std::string_view two : {"==", "!=", "<>", "<=", ">="}) {
    if (text_.substr(at_, 2) == two) {
      *out = std::string(two);
      at_ += 2;
      return true;
    }
  }
  if (std::string_view("=<>+-*/%(),").find(text_[at_]) == std::string_view::npos) {
    return Fail(at_, "this character has no meaning here");
  }
  *out = std::string(1, text_[at_++]);
  return true;
}

bool Lexer::Fail(size_t offset, std::string_view message) {
  error_ = message;
  error_offset_ = offset;
  return false;
}

}  // namespace sluice::contract
