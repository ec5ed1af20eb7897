namespace TorchSharp.Interop;

/// <summary>The operators of ATen that the stand-in calls, one line each; found when first called.</summary>
internal static class Ops
{
    // Elementwise arithmetic
    internal static readonly Op add = new("aten::add", "Tensor");
    internal static readonly Op add_scalar = new("aten::add", "Scalar");
    internal static readonly Op add_ = new("aten::add_", "Tensor");
    internal static readonly Op add__scalar = new("aten::add_", "Scalar");
    internal static readonly Op sub = new("aten::sub", "Tensor");
    internal static readonly Op sub_scalar = new("aten::sub", "Scalar");
    internal static readonly Op sub_ = new("aten::sub_", "Tensor");
    internal static readonly Op sub__scalar = new("aten::sub_", "Scalar");
    internal static readonly Op rsub = new("aten::rsub", "Scalar");
    internal static readonly Op mul = new("aten::mul", "Tensor");
    internal static readonly Op mul_scalar = new("aten::mul", "Scalar");
    internal static readonly Op mul_ = new("aten::mul_", "Tensor");
    internal static readonly Op mul__scalar = new("aten::mul_", "Scalar");
    internal static readonly Op div = new("aten::div", "Tensor");
    internal static readonly Op div_scalar = new("aten::div", "Scalar");
    internal static readonly Op div_ = new("aten::div_", "Tensor");
    internal static readonly Op div__scalar = new("aten::div_", "Scalar");
    internal static readonly Op remainder = new("aten::remainder", "Tensor");
    internal static readonly Op remainder_scalar = new("aten::remainder", "Scalar");
    internal static readonly Op pow_tensor = new("aten::pow", "Tensor_Tensor");
    internal static readonly Op pow = new("aten::pow", "Tensor_Scalar");
    internal static readonly Op neg = new("aten::neg");
    internal static readonly Op reciprocal = new("aten::reciprocal");
    internal static readonly Op addcmul_ = new("aten::addcmul_");
    internal static readonly Op addcdiv_ = new("aten::addcdiv_");

    // Elementwise functions
    internal static readonly Op exp = new("aten::exp");
    internal static readonly Op log = new("aten::log");
    internal static readonly Op sqrt = new("aten::sqrt");
    internal static readonly Op rsqrt = new("aten::rsqrt");
    internal static readonly Op sin = new("aten::sin");
    internal static readonly Op cos = new("aten::cos");
    internal static readonly Op abs = new("aten::abs");
    internal static readonly Op round = new("aten::round", "decimals");
    internal static readonly Op silu = new("aten::silu");
    internal static readonly Op silu_ = new("aten::silu_");
    internal static readonly Op sigmoid = new("aten::sigmoid");
    internal static readonly Op gelu = new("aten::gelu");
    internal static readonly Op relu = new("aten::relu");
    internal static readonly Op relu_ = new("aten::relu_");
    internal static readonly Op clamp = new("aten::clamp");
    internal static readonly Op maximum = new("aten::maximum");
    internal static readonly Op isnan = new("aten::isnan");
    internal static readonly Op isinf = new("aten::isinf");
    internal static readonly Op isfinite = new("aten::isfinite");
    internal static readonly Op polar = new("aten::polar");

    // Comparison and logic
    internal static readonly Op eq = new("aten::eq", "Tensor");
    internal static readonly Op eq_scalar = new("aten::eq", "Scalar");
    internal static readonly Op ne = new("aten::ne", "Tensor");
    internal static readonly Op ne_scalar = new("aten::ne", "Scalar");
    internal static readonly Op gt = new("aten::gt", "Tensor");
    internal static readonly Op gt_scalar = new("aten::gt", "Scalar");
    internal static readonly Op ge = new("aten::ge", "Tensor");
    internal static readonly Op ge_scalar = new("aten::ge", "Scalar");
    internal static readonly Op lt = new("aten::lt", "Tensor");
    internal static readonly Op lt_scalar = new("aten::lt", "Scalar");
    internal static readonly Op le = new("aten::le", "Tensor");
    internal static readonly Op le_scalar = new("aten::le", "Scalar");
    internal static readonly Op logical_not = new("aten::logical_not");
    internal static readonly Op bitwise_not = new("aten::bitwise_not");
    internal static readonly Op bitwise_and = new("aten::bitwise_and", "Tensor");
    internal static readonly Op bitwise_or = new("aten::bitwise_or", "Tensor");
    internal static readonly Op any = new("aten::any");
    internal static readonly Op all = new("aten::all");
    internal static readonly Op any_dim = new("aten::any", "dim");
    internal static readonly Op all_dim = new("aten::all", "dim");
    internal static readonly Op allclose = new("aten::allclose");
    internal static readonly Op isin = new("aten::isin", "Tensor_Tensor");

    // Matrix products
    internal static readonly Op matmul = new("aten::matmul");
    internal static readonly Op mm = new("aten::mm");
    internal static readonly Op bmm = new("aten::bmm");
    internal static readonly Op outer = new("aten::outer");
    internal static readonly Op einsum = new("aten::einsum");
    internal static readonly Op linear = new("aten::linear");

    // Reductions
    internal static readonly Op sum = new("aten::sum");
    internal static readonly Op sum_dim = new("aten::sum", "dim_IntList");
    internal static readonly Op mean = new("aten::mean");
    internal static readonly Op mean_dim = new("aten::mean", "dim");
    internal static readonly Op std_dim = new("aten::std", "dim");
    internal static readonly Op var_dim = new("aten::var", "dim");
    internal static readonly Op amax = new("aten::amax");
    internal static readonly Op amin = new("aten::amin");
    internal static readonly Op max = new("aten::max");
    internal static readonly Op max_dim = new("aten::max", "dim");
    internal static readonly Op min = new("aten::min");
    internal static readonly Op min_dim = new("aten::min", "dim");
    internal static readonly Op norm = new("aten::norm", "Scalar");
    internal static readonly Op linalg_vector_norm = new("aten::linalg_vector_norm");
    internal static readonly Op median = new("aten::median");
    internal static readonly Op quantile = new("aten::quantile");
    internal static readonly Op logsumexp = new("aten::logsumexp");
    internal static readonly Op cumsum = new("aten::cumsum");
    internal static readonly Op argmax = new("aten::argmax");
    internal static readonly Op bincount = new("aten::bincount");
    internal static readonly Op nonzero = new("aten::nonzero");
    internal static readonly Op _unique2 = new("aten::_unique2");
    internal static readonly Op unique_dim = new("aten::unique_dim");
    internal static readonly Op softmax = new("aten::softmax", "int");
    internal static readonly Op log_softmax = new("aten::log_softmax", "int");

    // Order
    internal static readonly Op topk = new("aten::topk");
    internal static readonly Op sort_stable = new("aten::sort", "stable");
    internal static readonly Op argsort = new("aten::argsort");
    internal static readonly Op kthvalue = new("aten::kthvalue");

    // Shape
    internal static readonly Op view = new("aten::view");
    internal static readonly Op reshape = new("aten::reshape");
    internal static readonly Op permute = new("aten::permute");
    internal static readonly Op transpose = new("aten::transpose", "int");
    internal static readonly Op t = new("aten::t");
    internal static readonly Op contiguous = new("aten::contiguous");
    internal static readonly Op squeeze = new("aten::squeeze");
    internal static readonly Op squeeze_dim = new("aten::squeeze", "dim");
    internal static readonly Op unsqueeze = new("aten::unsqueeze");
    internal static readonly Op flatten = new("aten::flatten", "using_ints");
    internal static readonly Op expand = new("aten::expand");
    internal static readonly Op repeat = new("aten::repeat");
    internal static readonly Op repeat_interleave = new("aten::repeat_interleave", "self_int");
    internal static readonly Op repeat_interleave_tensor = new("aten::repeat_interleave", "self_Tensor");
    internal static readonly Op narrow = new("aten::narrow");
    internal static readonly Op slice = new("aten::slice", "Tensor");
    internal static readonly Op select = new("aten::select", "int");
    internal static readonly Op split = new("aten::split", "Tensor");
    internal static readonly Op split_with_sizes = new("aten::split_with_sizes");
    internal static readonly Op chunk = new("aten::chunk");
    internal static readonly Op unbind = new("aten::unbind", "int");
    internal static readonly Op stack = new("aten::stack");
    internal static readonly Op alias = new("aten::alias");
    internal static readonly Op detach = new("aten::detach");
    internal static readonly Op clone = new("aten::clone");
    internal static readonly Op meshgrid = new("aten::meshgrid", "indexing");
    internal static readonly Op tril = new("aten::tril");
    internal static readonly Op triu = new("aten::triu");

    // Indexing
    internal static readonly Op index = new("aten::index", "Tensor");
    internal static readonly Op index_put_ = new("aten::index_put_");
    internal static readonly Op index_select = new("aten::index_select");
    internal static readonly Op index_copy_ = new("aten::index_copy_");
    internal static readonly Op index_add_ = new("aten::index_add_");
    internal static readonly Op gather = new("aten::gather");
    internal static readonly Op scatter = new("aten::scatter", "src");
    internal static readonly Op scatter_ = new("aten::scatter_", "src");
    internal static readonly Op scatter_value_ = new("aten::scatter_", "value");
    internal static readonly Op scatter_add = new("aten::scatter_add");
    internal static readonly Op masked_fill = new("aten::masked_fill", "Scalar");
    internal static readonly Op masked_fill_ = new("aten::masked_fill_", "Scalar");
    internal static readonly Op masked_select = new("aten::masked_select");
    internal static readonly Op where_self = new("aten::where", "self");
    internal static readonly Op where = new("aten::where");

    // Filling and copying
    internal static readonly Op fill_ = new("aten::fill_", "Scalar");
    internal static readonly Op zero_ = new("aten::zero_");
    internal static readonly Op copy_ = new("aten::copy_");
    internal static readonly Op to = new("aten::to", "dtype_layout");
    internal static readonly Op pin_memory = new("aten::pin_memory");
    internal static readonly Op uniform_ = new("aten::uniform_");

    // Factories
    internal static readonly Op empty = new("aten::empty", "memory_format");
    internal static readonly Op from_file = new("aten::from_file");
    internal static readonly Op zeros = new("aten::zeros");
    internal static readonly Op ones = new("aten::ones");
    internal static readonly Op full = new("aten::full");
    internal static readonly Op rand = new("aten::rand");
    internal static readonly Op rand_generator = new("aten::rand", "generator");
    internal static readonly Op randn = new("aten::randn");
    internal static readonly Op randn_generator = new("aten::randn", "generator");
    internal static readonly Op randint_low = new("aten::randint", "low");
    internal static readonly Op randint_low_generator = new("aten::randint", "low_generator");
    internal static readonly Op randperm = new("aten::randperm");
    internal static readonly Op randperm_generator = new("aten::randperm", "generator");
    internal static readonly Op arange = new("aten::arange", "start_step");
    internal static readonly Op linspace = new("aten::linspace");
    internal static readonly Op eye = new("aten::eye", "m");
    internal static readonly Op zeros_like = new("aten::zeros_like");
    internal static readonly Op ones_like = new("aten::ones_like");
    internal static readonly Op full_like = new("aten::full_like");
    internal static readonly Op multinomial = new("aten::multinomial");

    // Neural network
    internal static readonly Op embedding = new("aten::embedding");
    internal static readonly Op scaled_dot_product_attention = new("aten::scaled_dot_product_attention");   // absent before libtorch 2
    internal static readonly Op layer_norm = new("aten::layer_norm");
    internal static readonly Op dropout = new("aten::dropout");
    internal static readonly Op dropout_ = new("aten::dropout_");
    internal static readonly Op cross_entropy_loss = new("aten::cross_entropy_loss");
    internal static readonly Op mse_loss = new("aten::mse_loss");
    internal static readonly Op kl_div = new("aten::kl_div");
    internal static readonly Op cosine_similarity = new("aten::cosine_similarity");
    internal static readonly Op one_hot = new("aten::one_hot");
    internal static readonly Op max_pool1d = new("aten::max_pool1d");
    internal static readonly Op avg_pool1d = new("aten::avg_pool1d");
    internal static readonly Op conv1d = new("aten::conv1d");
    internal static readonly Op pad = new("aten::pad");
    internal static readonly Op constant_pad_nd = new("aten::constant_pad_nd");

    // Optimisers
    internal static readonly Op _foreach_mul_ = new("aten::_foreach_mul_", "Scalar");
}
