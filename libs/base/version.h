#pragma once
// The version of this build, from the root CMakeLists.txt.

namespace sluice {

const char* Version();

}  // namespace sluice
