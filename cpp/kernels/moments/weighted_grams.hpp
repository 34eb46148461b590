// Batches of weighted Gram matrices, X' diag(w_j) X.
#pragma once

#include <functional>
#include <memory>

#include "kernels/core/execution.hpp"

namespace limbeck::dense {
template <class T>
class NarrowRows;
}

namespace limbeck::moments {

// Fills w[j * stride + r] with the weight of row (first + r) in matrix begin + j, for r < rows. `columns` holds the
// same rows where the matrices are narrow (see is_narrow); otherwise it is null, and there are at most
// dense::strip_rows.
template <class T>
using FillWeights =
    std::function<void(Index first, Index rows, const dense::NarrowRows<T>* columns, T* w, Index stride)>;

// Makes the function that fills in the weights of matrices begin ... end - 1, with scratch memory of its own. Called
// once by every task, for the matrices that it works on.
template <class T>
using MakeWeights = std::function<FillWeights<T>(Index begin, Index end)>;

// Whether matrices of so many columns are formed by dense::NarrowRows.
template <class T>
bool is_narrow(Index d);

// out (J, d, d) = X' diag(w_j) X, symmetric, both triangles. X is (n, d), C order. Weights come block by block.
template <class T>
void weighted_grams(const Execution& exec, const T* X, Index n, Index d, Index J, const MakeWeights<T>& weights,
                    T* out);

// The same as two regions, which may be run together with those of other matrices.
template <class T>
class GramTasks {
public:
  virtual ~GramTasks() = default;
  // The first region: the tasks, and the operations of all.
  virtual Index tasks() const = 0;
  virtual double operations() const = 0;
  virtual void run(const Execution& exec, Index task) = 0;
  // The second one, where the rows were dealt to several lanes: sums of these.
  virtual Index sum_tasks() const = 0;
  virtual double sum_operations() const = 0;
  virtual void add(Index task) = 0;
  // Takes the memory for tasks from that of others, of the same d.
  virtual void share_memory(GramTasks& with) = 0;
};

// `weights` has to live as long. `single_lane`: the rows are not cut.
template <class T>
std::unique_ptr<GramTasks<T>> gram_tasks(const T* X, Index n, Index d, Index J, const MakeWeights<T>& weights,
                                         bool single_lane, T* out);

// X' diag(w_j) X for stored weights W (n, J).
template <class T>
void weighted_grams(const Execution& exec, const T* X, Index n, Index d, const T* W, Index J, T* out);

}  // namespace limbeck::moments
