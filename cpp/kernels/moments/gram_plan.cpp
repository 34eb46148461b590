#include "kernels/moments/gram_plan.hpp"

#include <algorithm>
#include <limits>

namespace limbeck::moments {

namespace {

// Multiply-adds of a task: some 50 microseconds, beside which its start does not count.
constexpr double task_work = 1.5e6;
// Tasks wanted where there is enough work, for the threads of large machines to end together.
constexpr Index most_tasks = 256;
constexpr Index all_threads = 64;
// Sums of all lanes together, in bytes.
constexpr Index budget_bytes = Index{160} << 20;
// The most that tasks may cost in all, as part of the work. It is more for the first 64 tasks of work that takes some
// 40 milliseconds or longer, without which the threads of a large machine would have nothing to do.
double most_cost(double work, Index tasks) {
  if (work < 1e9) return 0.03;
  return tasks > all_threads ? 0.03 : 0.06;
}

}  // namespace

std::vector<Index> cut_strips(const std::vector<Index>& offsets, Index parts) {
  const auto strips = static_cast<Index>(offsets.size()) - 1;
  std::vector<Index> cuts{0};
  for (Index strip = 1; strip < strips; ++strip) {
    // A part ends with the strip whose middle is the last before the place where it should end.
    const double middle = 0.5 * (static_cast<double>(offsets[strip]) + static_cast<double>(offsets[strip + 1]));
    const double share = static_cast<double>(offsets.back()) / static_cast<double>(parts);
    if (middle >= share * static_cast<double>(cuts.size())) cuts.push_back(strip);
  }
  if (strips > 0) cuts.push_back(strips);
  return cuts;
}

GramPlan plan_grams(Index n, Index d, const std::vector<Index>& strip_sizes, Index bytes, const GramCosts& costs,
                    bool single_lane) {
  GramPlan plan{1, {0}, {}};
  for (const Index size : strip_sizes) plan.offsets.push_back(plan.offsets.back() + size);
  const Index total = std::max<Index>(plan.total(), 1), strips = static_cast<Index>(strip_sizes.size());
  const double rows = static_cast<double>(std::max<Index>(n, 1)), work = rows * static_cast<double>(total);
  const Index fitting = single_lane ? 1 : std::max<Index>(budget_bytes / bytes / total, 1);
  const Index fewest = std::max(core::ceil_div(total, costs.most_sums), core::ceil_div(strips, costs.most_strips));
  const Index least_groups = std::min(fewest, std::max<Index>(strips, 1));
  Index groups = least_groups;
  // The cheapest way to so many tasks; half as many where even that costs too much.
  for (Index tasks = most_tasks; tasks > 1; tasks /= 2) {
    if (work < task_work * static_cast<double>(tasks)) continue;
    double least = std::numeric_limits<double>::infinity();
    for (Index lanes = 1; lanes <= std::min(tasks, fitting); ++lanes) {
      // One task more than there are threads takes all of them as long as twice as many.
      const bool many = tasks >= all_threads;
      const Index needed = std::max(many ? tasks / lanes : core::ceil_div(tasks, lanes), least_groups);
      if (needed > strips || (many && (lanes * needed > tasks || 10 * lanes * needed < 9 * tasks))) continue;
      const double cost = (lanes > 1 ? costs.lane * static_cast<double>(lanes) / rows : 0) +
                          costs.group * static_cast<double>((needed - least_groups) * d) / static_cast<double>(total);
      // Tasks that are missing cost as well: of the ways that are allowed, one with nearly all comes first.
      const double idle = 0.5 * std::max(0.0, 1 - static_cast<double>(lanes * needed) / static_cast<double>(tasks));
      if (cost >= most_cost(work, tasks) || cost + idle >= least) continue;
      least = cost + idle;
      plan.lanes = lanes;
      groups = needed;
    }
    if (least < std::numeric_limits<double>::infinity()) break;
  }
  plan.groups = cut_strips(plan.offsets, groups);
  return plan;
}

}  // namespace limbeck::moments
