#include "kernels/core/processor_quota.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

namespace limbeck::core {

namespace {

constexpr double no_limit = std::numeric_limits<double>::infinity();

// Version 2: "<quota> <period>", both in microseconds, or "max <period>".
double limit_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota, period;
  return file >> quota >> period && quota > 0 && period > 0 ? quota / period : no_limit;
}

// Version 1: two files, and a quota of -1 for none.
double limit_v1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"), period_file(folder + "/cpu.cfs_period_us");
  double quota, period;
  return quota_file >> quota && period_file >> period && quota > 0 && period > 0 ? quota / period : no_limit;
}

// The least limit of `group` and of all groups around it. A container may see its own group as the root, whatever
// name it has outside: folders that do not exist have no limit.
double least_limit(double (*limit)(const std::string&), const std::string& mount, std::string group) {
  double least = limit(mount);
  for (; group.size() > 1; group.erase(group.rfind('/'))) {
    if (group.front() != '/') break;
    least = std::min(least, limit(mount + group));
  }
  return least;
}

bool names_cpu(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

}  // namespace

Index processor_quota(const std::string& root) {
  double least = no_limit;
  std::ifstream groups(root + "/proc/self/cgroup");
  // Lines "<number>:<controllers>:<group>", without controllers for version 2.
  for (std::string number, controllers, group;
       std::getline(groups, number, ':') && std::getline(groups, controllers, ':') && std::getline(groups, group);) {
    if (controllers.empty()) {
      least = std::min(least, least_limit(limit_v2, root + "/sys/fs/cgroup", group));
    } else if (names_cpu(controllers)) {
      least = std::min(least, least_limit(limit_v1, root + "/sys/fs/cgroup/cpu", group));
    }
  }
  return least == no_limit ? 0 : std::max<Index>(1, static_cast<Index>(std::min(std::ceil(least), 1e6)));
}

}  // namespace limbeck::core
