#include "sluicectl/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "base/strings.h"

namespace sluice::sluicectl {
namespace {

constexpr char kHead[] = R"(# Completion of sluicectl for bash: source <(sluicectl completion bash)
_sluicectl() {
  local path=sluicectl words='' flags='' i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case "$path ${COMP_WORDS[i]}" in
)";
constexpr char kValues[] = R"(    esac
  done
  local current=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  case "$path ${COMP_WORDS[COMP_CWORD - 1]}" in
)";
constexpr char kWords[] = R"(  esac
  case "$path" in
)";
// No match: bash completes the name of a file.
constexpr char kTail[] = R"(  esac
  if [[ $current == -* ]]; then words=$flags; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _sluicectl sluicectl
)";

std::vector<const CLI::App*> Below(const CLI::App& app) { return app.get_subcommands({}); }

void Add(std::string* words, std::string_view word) {
  Append(words, words->empty() ? "" : " ", word);
}

// `a b` of an option whose values CLI11 describes as `{a,b}`; empty when they are not listed.
std::string Values(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.rfind('{');
  const size_t end = type.rfind('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return "";
  std::string values = type.substr(begin + 1, end - begin - 1);
  std::replace(values.begin(), values.end(), ',', ' ');
  return values;
}

std::vector<std::string> Names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  return names;
}

struct Script {
  std::string steps, values, words;
};

// `inherited`: the flags of the commands above, which may stand behind this one too.
void Describe(const CLI::App& app, const std::string& path, std::string inherited, Script* script) {
  std::string words;
  for (const CLI::App* below : Below(app)) {
    const std::string deeper = Concat(path, " ", below->get_name());
    Append(&script->steps, "      \"", deeper, "\") path=\"", deeper, "\" ;;\n");
    Add(&words, below->get_name());
  }
  std::string flags;
  for (const CLI::Option* option : app.get_options()) {
    const std::string values = Values(*option);
    const std::vector<std::string> names = Names(*option);
    if (names.empty()) Add(&words, values);  // a positional one
    for (const std::string& name : names) {
      Add(&flags, name);
      if (option->get_items_expected_max() == 0) continue;
      // A flag of the root is one of every command.
      const std::string pattern = app.get_parent() == nullptr ? Concat("*\" ", name, "\"")
                                                              : Concat("\"", path, " ", name, "\"");
      Append(&script->steps, "      ", pattern, ") ((++i)) ;;\n");
      Append(&script->values, "    ", pattern, ") COMPREPLY=($(compgen -W \"", values,
             "\" -- \"$current\")); return ;;\n");
    }
  }
  Add(&flags, inherited);
  Append(&script->words, "    \"", path, "\") words='", words, "' flags='", flags, "' ;;\n");
  for (const CLI::App* below : Below(app)) {
    Describe(*below, Concat(path, " ", below->get_name()), flags, script);
  }
}

}  // namespace

std::string BashCompletion(const CLI::App& root) {
  Script script;
  Describe(root, "sluicectl", "", &script);
  return Concat(kHead, script.steps, kValues, script.values, kWords, script.words, kTail);
}

}  // namespace sluice::sluicectl
