// The bridge between the managed stand-in and libtorch: one generic entry calls any ATen operator by name through the c10 dispatcher's boxed
// convention. No per-operator code, save for cat. A tensor handle is a raw TensorImpl* that owns one reference; null stands for an undefined tensor.
// Every entry that can fail returns a negative number (or null) on error; error() then gives the text, per thread.
#include <ATen/Context.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/List.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/api/include/torch/version.h>

#include <dlfcn.h>
#include <malloc.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

namespace {

enum Tag : int32_t { None, TensorRef, Int, Double, Bool, Device, String, IntList, DoubleList, BoolList, TensorList, Default, GeneratorRef };

struct Value {  // mirrored by Value in Interop/Value.cs
  int32_t tag;
  int32_t len;
  union { int64_t i; double d; void* p; };
};
static_assert(sizeof(Value) == 16, "Value is shared with managed code");
static_assert(sizeof(at::Tensor) == sizeof(void*), "a handle is read as a tensor without taking a reference");

// What an argument of a schema accepts; optional types count as the type inside.
enum class Kind { Tensor, Int, Float, Scalar, Bool, Device, String, Ints, Floats, Bools, Tensors, OptionalTensors, Other };

struct Op {
  c10::OperatorHandle handle;
  std::string schema;
  std::vector<Kind> kinds;
  std::vector<c10::IValue> defaults;
  std::vector<bool> required;
};

thread_local std::string lastError;
thread_local torch::jit::Stack spareStack;

template <typename F>
auto guarded(F body, decltype(body()) failure) noexcept -> decltype(body()) {
  try { return body(); }
  catch (const c10::Error& e) { lastError = e.what_without_backtrace(); }
  catch (const std::exception& e) { lastError = e.what(); }
  catch (...) { lastError = "unknown native exception"; }
  return failure;
}

const at::Tensor& borrow(void* const& handle) { return reinterpret_cast<const at::Tensor&>(handle); }
void* release(at::Tensor t) { return t.defined() ? t.unsafeReleaseTensorImpl() : nullptr; }

Kind kindOf(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::OptionalType: return kindOf(type->castRaw<c10::OptionalType>()->getElementType());
    case c10::TypeKind::TensorType: return Kind::Tensor;
    case c10::TypeKind::IntType: case c10::TypeKind::SymIntType: return Kind::Int;
    case c10::TypeKind::FloatType: return Kind::Float;
    case c10::TypeKind::NumberType: return Kind::Scalar;
    case c10::TypeKind::BoolType: return Kind::Bool;
    case c10::TypeKind::StringType: return Kind::String;
    case c10::TypeKind::DeviceObjType: return Kind::Device;
    case c10::TypeKind::ListType: {
      const auto& element = type->castRaw<c10::ListType>()->getElementType();
      if (element->kind() == c10::TypeKind::OptionalType) return Kind::OptionalTensors;
      switch (kindOf(element)) {
        case Kind::Tensor: return Kind::Tensors;
        case Kind::Int: return Kind::Ints;
        case Kind::Float: return Kind::Floats;
        case Kind::Bool: return Kind::Bools;
        default: return Kind::Other;
      }
    }
    default: return Kind::Other;
  }
}

template <typename T, typename S>
c10::IValue listOf(const Value& v) {
  c10::List<T> list;
  auto data = static_cast<const S*>(v.p);
  list.reserve(v.len);
  for (int32_t i = 0; i < v.len; i++) list.push_back(static_cast<T>(data[i]));
  return list;
}

c10::IValue tensorsOf(const Value& v, bool optional) {
  auto handles = static_cast<void* const*>(v.p);
  if (!optional) {
    c10::List<at::Tensor> list;
    list.reserve(v.len);
    for (int32_t i = 0; i < v.len; i++) list.push_back(borrow(handles[i]));
    return list;
  }
  c10::impl::GenericList list(c10::OptionalType::create(c10::TensorType::get()));
  for (int32_t i = 0; i < v.len; i++) list.push_back(handles[i] ? c10::IValue(borrow(handles[i])) : c10::IValue());
  return list;
}

c10::IValue toIValue(const Value& v, Kind kind, const Op& op, size_t index) {
  switch (v.tag) {
    case None: return {};
    case TensorRef: return v.p ? c10::IValue(borrow(v.p)) : c10::IValue();
    case Int:
      if (kind == Kind::Float) return static_cast<double>(v.i);
      if (kind == Kind::Ints) return c10::List<int64_t>({v.i});
      return v.i;
    case Double: return v.d;
    case Bool: return v.i != 0;
    case Device: return c10::Device(static_cast<c10::DeviceType>(v.len), static_cast<c10::DeviceIndex>(v.i));
    case String: return std::string(static_cast<const char*>(v.p), v.len);
    case IntList: return listOf<int64_t, int64_t>(v);
    case DoubleList: return listOf<double, double>(v);
    case BoolList: return listOf<bool, uint8_t>(v);
    case TensorList: return tensorsOf(v, kind == Kind::OptionalTensors);
    case GeneratorRef: return v.p ? c10::IValue(*static_cast<at::Generator*>(v.p)) : c10::IValue();
    case Default:
      TORCH_CHECK(!op.required[index], "argument ", index, " of ", op.schema, " has no default");
      return op.defaults[index];
  }
  TORCH_CHECK(false, "argument ", index, " of ", op.schema, ": unknown tag ", v.tag);
}

void give(const c10::IValue& v, Value* outs, int32_t cap, int32_t& count) {
  if (v.isTensorList()) {
    for (const at::Tensor& t : v.toTensorVector()) give(t, outs, cap, count);
    return;
  }
  TORCH_CHECK(count < cap, "more results than the caller made room for (", cap, ")");
  Value& out = outs[count];
  out.len = 0;
  if (v.isTensor()) { out.tag = TensorRef; out.p = release(v.toTensor()); }
  else if (v.isInt()) { out.tag = Int; out.i = v.toInt(); }
  else if (v.isDouble()) { out.tag = Double; out.d = v.toDouble(); }
  else if (v.isBool()) { out.tag = Bool; out.i = v.toBool(); }
  else if (v.isNone()) { out.tag = None; out.i = 0; }
  else TORCH_CHECK(false, "a result of type ", v.tagKind(), " is not supported");
  count++;
}

std::vector<at::Tensor> tensors(void* const* handles, int32_t n) {
  std::vector<at::Tensor> list;
  for (int32_t i = 0; i < n; i++) list.push_back(borrow(handles[i]));
  return list;
}

// libtorch 2 is on its way from getNumGPUs to deviceCount.
template <typename Hooks>
auto devices(const Hooks& hooks, int) -> decltype(static_cast<int32_t>(hooks.getNumGPUs())) { return static_cast<int32_t>(hooks.getNumGPUs()); }
template <typename Hooks>
auto devices(const Hooks& hooks, long) -> decltype(static_cast<int32_t>(hooks.deviceCount())) { return static_cast<int32_t>(hooks.deviceCount()); }

}  // namespace

API const char* lab_error() { return lastError.c_str(); }

API Op* lab_op(const char* name, const char* overload) {
  return guarded([&]() -> Op* {
    auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
    auto op = std::make_unique<Op>(Op{handle, {}, {}, {}, {}});
    std::ostringstream text;
    text << handle.schema();
    op->schema = text.str();
    for (const auto& argument : handle.schema().arguments()) {
      op->kinds.push_back(kindOf(argument.type()));
      op->required.push_back(!argument.default_value().has_value());
      op->defaults.push_back(argument.default_value().has_value() ? *argument.default_value() : c10::IValue());
    }
    return op.release();
  }, nullptr);
}

API const char* lab_schema(const Op* op) { return op->schema.c_str(); }

API int32_t lab_call(const Op* op, const Value* args, int32_t nargs, Value* outs, int32_t cap) {
  torch::jit::Stack stack = std::move(spareStack);
  int32_t result = guarded([&]() -> int32_t {
    const size_t arity = op->kinds.size();
    TORCH_CHECK(static_cast<size_t>(nargs) <= arity, op->schema, " takes ", arity, " arguments, ", nargs, " given");
    for (size_t i = 0; i < static_cast<size_t>(nargs); i++) stack.push_back(toIValue(args[i], op->kinds[i], *op, i));
    for (size_t i = nargs; i < arity; i++) {
      TORCH_CHECK(!op->required[i], "argument ", i, " of ", op->schema, " is missing");
      stack.push_back(op->defaults[i]);
    }
    op->handle.callBoxed(&stack);
    int32_t count = 0;
    if (cap > 0) for (const auto& v : stack) give(v, outs, cap, count);
    return count;
  }, -1);
  stack.clear();
  spareStack = std::move(stack);
  return result;
}

// The one operator with an entry of its own: boxing a list of tensors costs as much as joining small ones.
API void* lab_cat(void* const* handles, int32_t n, int64_t dim) {
  return guarded([&] { return release(at::cat(at::TensorList(reinterpret_cast<const at::Tensor*>(handles), n), dim)); }, static_cast<void*>(nullptr));
}

struct Meta {  // mirrored in Interop/Value.cs; the pointers live as long as the tensor
  int32_t ndim, dtype, deviceType, deviceIndex;
  int64_t numel;
  void* data;
  const int64_t* sizes;
  const int64_t* strides;
  int32_t contiguous, requiresGrad;
};

API void lab_free(void* handle) { at::Tensor(c10::intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>::reclaim(static_cast<at::TensorImpl*>(handle))); }
API void* lab_retain(void* handle) { return release(at::Tensor(borrow(handle))); }

API void lab_meta(void* handle, Meta* m) {
  const at::Tensor& t = borrow(handle);
  m->ndim = static_cast<int32_t>(t.dim());
  m->dtype = static_cast<int32_t>(t.scalar_type());
  m->deviceType = static_cast<int32_t>(t.device().type());
  m->deviceIndex = t.device().index();
  m->numel = t.numel();
  m->data = t.has_storage() && t.numel() > 0 ? t.data_ptr() : nullptr;
  m->sizes = t.sizes().data();
  m->strides = t.strides().data();
  m->contiguous = t.is_contiguous();
  m->requiresGrad = t.requires_grad();
}

API void* lab_from_blob(void* data, const int64_t* sizes, int32_t ndim, int32_t dtype, void (*deleter)(void*), void* context) {
  return guarded([&] {
    return release(at::from_blob(data, at::IntArrayRef(sizes, ndim), [deleter, context](void*) { if (deleter) deleter(context); },
                                 at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype))));
  }, static_cast<void*>(nullptr));
}

// ---- autograd ----

API int32_t lab_set_requires_grad(void* handle, int32_t on) { return guarded([&] { borrow(handle).set_requires_grad(on != 0); return 0; }, -1); }
API void* lab_grad(void* handle) { return guarded([&] { return release(borrow(handle).grad()); }, static_cast<void*>(nullptr)); }
API int32_t lab_set_grad(void* handle, void* grad) {
  return guarded([&] { at::Tensor(borrow(handle)).mutable_grad() = grad ? at::Tensor(borrow(grad)) : at::Tensor(); return 0; }, -1);
}

API int32_t lab_backward(void* const* roots, int32_t n, void* const* grads, int32_t ngrads, int32_t retain, int32_t create, void* const* inputs, int32_t ninputs) {
  return guarded([&] { torch::autograd::backward(tensors(roots, n), tensors(grads, ngrads), retain != 0, create != 0, tensors(inputs, ninputs)); return 0; }, -1);
}

API int32_t lab_autograd_grad(void* const* outputs, int32_t n, void* const* inputs, int32_t ninputs, void* const* grads, int32_t ngrads,
                              int32_t retain, int32_t create, int32_t unused, void** results) {
  return guarded([&] {
    auto found = torch::autograd::grad(tensors(outputs, n), tensors(inputs, ninputs), tensors(grads, ngrads), retain != 0, create != 0, unused != 0);
    for (size_t i = 0; i < found.size(); i++) results[i] = release(std::move(found[i]));
    return 0;
  }, -1);
}

API int32_t lab_grad_enabled() { return c10::GradMode::is_enabled(); }
API void lab_set_grad_enabled(int32_t on) { c10::GradMode::set_enabled(on != 0); }
API void* lab_inference_enter(int32_t on) { return new c10::InferenceMode(on != 0); }
API void lab_inference_exit(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }

// ---- random numbers ----

API int32_t lab_manual_seed(uint64_t seed) { return guarded([&] { at::manual_seed(seed); return 0; }, -1); }
API void* lab_generator(uint64_t seed) { return guarded([&] { return new at::Generator(at::detail::createCPUGenerator(seed)); }, static_cast<at::Generator*>(nullptr)); }
API void* lab_default_generator() { return new at::Generator(at::detail::getDefaultCPUGenerator()); }
API void lab_generator_seed(void* generator, uint64_t seed) { static_cast<at::Generator*>(generator)->set_current_seed(seed); }
API void lab_generator_free(void* generator) { delete static_cast<at::Generator*>(generator); }

// ---- process ----

API int32_t lab_get_threads() { return at::get_num_threads(); }
API int32_t lab_set_threads(int32_t n) {
  return guarded([&] {
    at::set_num_threads(n);
    for (const char* name : {"libblas.so.3", "libopenblas.so.0"})  // OpenBLAS keeps a pool of its own
      if (void* blas = dlopen(name, RTLD_LAZY | RTLD_NOLOAD)) {
        if (auto set = reinterpret_cast<void (*)(int)>(dlsym(blas, "openblas_set_num_threads"))) set(n);
        dlclose(blas);
      }
    return 0;
  }, -1);
}
API int32_t lab_keep_freed_memory() { return mallopt(M_MMAP_MAX, 0) & mallopt(M_TRIM_THRESHOLD, 0x7fffffff) & mallopt(M_ARENA_MAX, 1); }
API int32_t lab_has_cuda() { return at::hasCUDA(); }
API int32_t lab_cuda_count() { return guarded([] { return devices(at::detail::getCUDAHooks(), 0); }, -1); }
API int32_t lab_has_cudnn() { return at::detail::getCUDAHooks().compiledWithCuDNN(); }
API int32_t lab_cuda_synchronize(int32_t device) { return guarded([&] { at::detail::getCUDAHooks().deviceSynchronize(static_cast<c10::DeviceIndex>(device)); return 0; }, -1); }
API int32_t lab_flag(int32_t which, int32_t set) {  // 0: TF32 in cuBLAS, 1: flash attention, 2: plain attention; set < 0 only reads
  auto& c = at::globalContext();
  if (set >= 0) which == 0 ? c.setAllowTF32CuBLAS(set != 0) : which == 1 ? c.setSDPUseFlash(set != 0) : c.setSDPUseMath(set != 0);
  return which == 0 ? c.allowTF32CuBLAS() : which == 1 ? c.userEnabledFlashSDP() : c.userEnabledMathSDP();
}
API const char* lab_version() { return TORCH_VERSION; }
API const char* lab_config() { static thread_local std::string text; text = at::show_config(); return text.c_str(); }
