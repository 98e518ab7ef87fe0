#pragma once
// What RecordParser's files share of simdjson. For record_parser.cc and record_items.cc only.

#include <openssl/evp.h>
#include <simdjson.h>

#include <memory>

#include "record/record_parser.h"

namespace sluice::record {

struct RecordParser::Simdjson {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::unique_ptr<uint8_t[]> buffer;  // the value and simdjson's padding
  size_t capacity = 0;
  EVP_MD* sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_MD_CTX* sha256_context = EVP_MD_CTX_new();

  ~Simdjson() {
    EVP_MD_CTX_free(sha256_context);
    EVP_MD_free(sha256);
  }
};

struct RecordParser::Element {
  simdjson::dom::element value;
  simdjson::dom::element_type type;
};

}  // namespace sluice::record
