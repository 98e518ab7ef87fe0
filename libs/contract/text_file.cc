#include "contract/text_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/strings.h"
#include "contract/yaml_document.h"

namespace sluice::contract {

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr)
    return absl::NotFoundError(Concat("cannot read ", path, ": ", std::strerror(errno)));
  std::string text(kMaxYamlBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()))
    return absl::NotFoundError(Concat("cannot read ", path, ": ", std::strerror(errno)));
  return text;
}

}  // namespace sluice::contract
