// operator new and operator delete that count.
#include "memory.hpp"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace limbeck::tests {

namespace {

std::atomic<std::size_t> held{0}, peak{0}, at_first{0};

// In front of what is handed out stands its size, in as much room as the alignment takes.
constexpr std::size_t least = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
static_assert(least >= sizeof(std::size_t));

void* take(std::size_t size, std::size_t alignment) {
  const std::size_t whole = (size + 2 * alignment - 1) / alignment * alignment;
  auto* block = size > PTRDIFF_MAX / 2 ? nullptr : static_cast<char*>(std::aligned_alloc(alignment, whole));
  if (!block) throw std::bad_alloc();
  *reinterpret_cast<std::size_t*>(block) = size;
  const std::size_t now = held.fetch_add(size) + size;
  for (std::size_t most = peak; now > most && !peak.compare_exchange_weak(most, now);) continue;
  return block + alignment;
}

void give_back(void* memory, std::size_t alignment) {
  if (!memory) return;
  char* block = static_cast<char*>(memory) - alignment;
  held -= *reinterpret_cast<std::size_t*>(block);
  std::free(block);
}

}  // namespace

std::size_t peak_bytes() { return peak - at_first; }
void forget_peak() { at_first = peak = held.load(); }

}  // namespace limbeck::tests

using limbeck::tests::give_back;
using limbeck::tests::least;
using limbeck::tests::take;

void* operator new(std::size_t size) { return take(size, least); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return take(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { give_back(memory, least); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory, least); }
void operator delete(void* memory, std::align_val_t alignment) noexcept {
  give_back(memory, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory, std::size_t, std::align_val_t alignment) noexcept {
  give_back(memory, static_cast<std::size_t>(alignment));
}
