// How many processors a container may use at a time.
#pragma once

#include <string>

#include "kernels/core/ints.hpp"

namespace limbeck::core {

// Processors' time that the control groups of this process (Linux, version 1 or 2) grant, rounded up to whole
// processors; 0 where there is no limit. More threads than that are stopped for most of every tenth of a second.
// `root` is put before the names of all files.
Index processor_quota(const std::string& root = "");

}  // namespace limbeck::core
