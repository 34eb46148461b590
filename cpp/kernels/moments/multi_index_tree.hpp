// The sorted multi-indices of a symmetric tensor, in an order that lets them share products and be cut into tasks.
//
// A multi-index is a product of powers of features in rising order. Products make a tree: a child multiplies its parent
// by a power of a later feature. Every node has leaves, one for each feature that may still come, with all that is left
// of the order; these stand side by side, before those of the node's children.
#pragma once

#include <vector>

#include "kernels/core/ints.hpp"

namespace limbeck::moments {

class MultiIndexTree {
public:
  struct Node {
    int remaining;  // what is left of the order
    Index from;     // the first feature that may come next
    Index prefix;   // the digits so far, read as a number to the base d
  };

  // A node two factors below the root with all that is below it, or the leaves alone of one above.
  struct Unit {
    int depth;
    bool whole;
    Index features[2];
    int powers[2];
    Index offset, count;  // its entries among those of the tree
  };

  MultiIndexTree(Index d, int order) : d_(d), order_(order), powers_(order + 1, 1), repeated_(order + 1, 0) {
    for (int p = 1; p <= order; ++p) {
      powers_[p] = powers_[p - 1] * d;
      repeated_[p] = repeated_[p - 1] * d + 1;
    }
    add({0, false, {0, 0}, {0, 0}, 0, d}, root());
  }

  Index n_entries() const { return n_entries_; }
  const std::vector<Unit>& units() const { return units_; }

  // Where in the dense tensor the leaf of a node's feature j stands: position(node) + (j - node.from) * step(node).
  Index position(const Node& node) const {
    return node.prefix * powers_[node.remaining] + node.from * repeated_[node.remaining];
  }
  Index step(const Node& node) const { return repeated_[node.remaining]; }

  // The boundaries of at most `most` runs of units of nearly equal work.
  std::vector<Index> runs(Index most) const {
    const Index work = n_entries_ + static_cast<Index>(units_.size());
    std::vector<Index> begins{0};
    Index done = 0;
    for (Index u = 0; u < static_cast<Index>(units_.size()); ++u) {
      const auto begun = static_cast<double>(begins.size());
      if (static_cast<double>(done) * static_cast<double>(most) >= begun * static_cast<double>(work)) {
        begins.push_back(u);
      }
      done += units_[u].count + 1;
    }
    begins.push_back(static_cast<Index>(units_.size()));
    return begins;
  }

  // Calls visitor.multiply(level, feature, power) where the product of level + 1 is to become that of `level` times a
  // power of a feature, and visitor.leaves(level, node, offset) where the product of `level` is a node's, with the
  // place of its leaves among the entries. `before` is the unit that was visited last, or null.
  template <class Visitor>
  void visit(const Unit& unit, const Unit* before, Visitor* visitor) const {
    Node node = root();
    for (int l = 0; l < unit.depth; ++l) {
      const bool kept = l == 0 && before && before->depth > 0 && before->features[0] == unit.features[0] &&
                        before->powers[0] == unit.powers[0];
      if (!kept) visitor->multiply(l, unit.features[l], unit.powers[l]);
      node = child(node, unit.features[l], unit.powers[l]);
    }
    if (unit.whole) {
      visit_below(node, unit.depth, unit.offset, visitor);
    } else {
      visitor->leaves(unit.depth, node, unit.offset);
    }
  }

private:
  Node root() const { return {order_, 0, 0}; }
  Node child(const Node& node, Index feature, int power) const {
    return {node.remaining - power, feature + 1, node.prefix * powers_[power] + feature * repeated_[power]};
  }

  // Of all leaves at and below a node, binomial(features + degree - 1, degree).
  static Index count_below(Index features, int degree) {
    Index count = 1;
    for (int i = 0; i < degree; ++i) count = count * (features + i) / (i + 1);
    return count;
  }

  void add(Unit unit, const Node& node) {
    unit.offset = n_entries_;
    unit.count = unit.whole ? count_below(d_ - node.from, node.remaining) : d_ - node.from;
    n_entries_ += unit.count;
    units_.push_back(unit);
    if (unit.whole) return;
    for (Index j = node.from; j + 1 < d_; ++j) {
      for (int power = 1; power < node.remaining; ++power) {
        Unit below = unit;
        below.features[unit.depth] = j;
        below.powers[unit.depth] = power;
        below.depth = unit.depth + 1;
        below.whole = below.depth == 2;
        add(below, child(node, j, power));
      }
    }
  }

  template <class Visitor>
  Index visit_below(const Node& node, int level, Index offset, Visitor* visitor) const {
    visitor->leaves(level, node, offset);
    offset += d_ - node.from;
    for (Index j = node.from; j + 1 < d_; ++j) {
      for (int power = 1; power < node.remaining; ++power) {
        visitor->multiply(level, j, power);
        offset = visit_below(child(node, j, power), level + 1, offset, visitor);
      }
    }
    return offset;
  }

  Index d_;
  int order_;
  Index n_entries_ = 0;
  std::vector<Index> powers_, repeated_;  // d^p, and 1 + d + ... + d^(p - 1)
  std::vector<Unit> units_;
};

}  // namespace limbeck::moments
