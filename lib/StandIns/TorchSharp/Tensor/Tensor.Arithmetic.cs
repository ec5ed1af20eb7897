using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Elementwise arithmetic, comparison and logic, with broadcasting and ATen's type promotion.</summary>
    public partial class Tensor
    {
        public Tensor add(Tensor target) => Ops.add.Call(this, target);
        public Tensor add(Tensor target, Scalar alpha) => Ops.add.Call(this, target, alpha);
        public Tensor add(Scalar scalar) => Ops.add_scalar.Call(this, scalar);
        public Tensor add_(Tensor target) { Ops.add_.CallInPlace(this, target); return this; }
        public Tensor add_(Tensor target, Scalar alpha) { Ops.add_.CallInPlace(this, target, alpha); return this; }
        public Tensor add_(Scalar scalar) { Ops.add__scalar.CallInPlace(this, scalar); return this; }
        public Tensor sub(Tensor target) => Ops.sub.Call(this, target);
        public Tensor sub(Scalar scalar) => Ops.sub_scalar.Call(this, scalar);
        public Tensor sub_(Tensor target) { Ops.sub_.CallInPlace(this, target); return this; }
        public Tensor sub_(Scalar scalar) { Ops.sub__scalar.CallInPlace(this, scalar); return this; }
        public Tensor mul(Tensor target) => Ops.mul.Call(this, target);
        public Tensor mul(Scalar scalar) => Ops.mul_scalar.Call(this, scalar);
        public Tensor mul_(Tensor target) { Ops.mul_.CallInPlace(this, target); return this; }
        public Tensor mul_(Scalar scalar) { Ops.mul__scalar.CallInPlace(this, scalar); return this; }
        public Tensor div(Tensor target) => Ops.div.Call(this, target);
        public Tensor div(Scalar target) => Ops.div_scalar.Call(this, target);
        public Tensor div_(Tensor target) { Ops.div_.CallInPlace(this, target); return this; }
        public Tensor div_(Scalar target) { Ops.div__scalar.CallInPlace(this, target); return this; }
        public Tensor pow(Tensor exponent) => Ops.pow_tensor.Call(this, exponent);
        public Tensor pow(Scalar scalar) => Ops.pow.Call(this, scalar);
        public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar value) { Ops.addcmul_.CallInPlace(this, tensor1, tensor2, value); return this; }
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar value) { Ops.addcdiv_.CallInPlace(this, tensor1, tensor2, value); return this; }

        public Tensor exp() => Ops.exp.Call(this);
        public Tensor log() => Ops.log.Call(this);
        public Tensor sqrt() => Ops.sqrt.Call(this);
        public Tensor rsqrt() => Ops.rsqrt.Call(this);
        public Tensor sin() => Ops.sin.Call(this);
        public Tensor cos() => Ops.cos.Call(this);
        public Tensor abs() => Ops.abs.Call(this);
        public Tensor round(long decimals = 0) => Ops.round.Call(this, decimals);
        public Tensor silu() => Ops.silu.Call(this);
        public Tensor sigmoid() => Ops.sigmoid.Call(this);
        public Tensor clamp(Scalar? min = null, Scalar? max = null) => Ops.clamp.Call(this, min, max);
        public Tensor maximum(Tensor other) => Ops.maximum.Call(this, other);

        public Tensor eq(Tensor target) => Ops.eq.Call(this, target);
        public Tensor eq(Scalar target) => Ops.eq_scalar.Call(this, target);
        public Tensor ne(Tensor target) => Ops.ne.Call(this, target);
        public Tensor ne(Scalar target) => Ops.ne_scalar.Call(this, target);
        public Tensor gt(Tensor target) => Ops.gt.Call(this, target);
        public Tensor gt(Scalar target) => Ops.gt_scalar.Call(this, target);
        public Tensor ge(Tensor target) => Ops.ge.Call(this, target);
        public Tensor ge(Scalar target) => Ops.ge_scalar.Call(this, target);
        public Tensor lt(Tensor target) => Ops.lt.Call(this, target);
        public Tensor lt(Scalar target) => Ops.lt_scalar.Call(this, target);
        public Tensor le(Tensor target) => Ops.le.Call(this, target);
        public Tensor le(Scalar target) => Ops.le_scalar.Call(this, target);
        public Tensor logical_not() => Ops.logical_not.Call(this);
        public Tensor isnan() => Ops.isnan.Call(this);
        public Tensor isinf() => Ops.isinf.Call(this);
        public Tensor isfinite() => Ops.isfinite.Call(this);

        /// <summary>Whether all elements agree within <c>atol + rtol * |target|</c>.</summary>
        public bool allclose(Tensor target, double rtol = 1e-05, double atol = 1e-08, bool equal_nan = false) => Ops.allclose.CallBool(this, target, rtol, atol, equal_nan);

        public static Tensor operator +(Tensor left, Tensor right) => left.add(right);
        public static Tensor operator +(Tensor left, Scalar right) => left.add(right);
        public static Tensor operator +(Scalar left, Tensor right) => right.add(left);
        public static Tensor operator -(Tensor left, Tensor right) => left.sub(right);
        public static Tensor operator -(Tensor left, Scalar right) => left.sub(right);
        public static Tensor operator -(Scalar left, Tensor right) => Ops.rsub.Call(right, left);
        public static Tensor operator -(Tensor tensor) => Ops.neg.Call(tensor);
        public static Tensor operator *(Tensor left, Tensor right) => left.mul(right);
        public static Tensor operator *(Tensor left, Scalar right) => left.mul(right);
        public static Tensor operator *(Scalar left, Tensor right) => right.mul(left);
        public static Tensor operator /(Tensor left, Tensor right) => left.div(right);
        public static Tensor operator /(Tensor left, Scalar right) => left.div(right);

        public static Tensor operator /(Scalar left, Tensor right)
        {
            using Tensor inverse = Ops.reciprocal.Call(right);
            return inverse.mul(left);
        }

        public static Tensor operator %(Tensor left, Tensor right) => Ops.remainder.Call(left, right);
        public static Tensor operator %(Tensor left, Scalar right) => Ops.remainder_scalar.Call(left, right);
        public static Tensor operator ~(Tensor left) => Ops.bitwise_not.Call(left);
        public static Tensor operator &(Tensor left, Tensor right) => Ops.bitwise_and.Call(left, right);
        public static Tensor operator |(Tensor left, Tensor right) => Ops.bitwise_or.Call(left, right);
        public static Tensor operator ==(Tensor left, Tensor right) => left.eq(right);
        public static Tensor operator ==(Tensor left, Scalar right) => left.eq(right);
        public static Tensor operator !=(Tensor left, Tensor right) => left.ne(right);
        public static Tensor operator !=(Tensor left, Scalar right) => left.ne(right);
        public static Tensor operator <(Tensor left, Tensor right) => left.lt(right);
        public static Tensor operator <(Tensor left, Scalar right) => left.lt(right);
        public static Tensor operator >(Tensor left, Tensor right) => left.gt(right);
        public static Tensor operator >(Tensor left, Scalar right) => left.gt(right);
        public static Tensor operator <=(Tensor left, Tensor right) => left.le(right);
        public static Tensor operator <=(Tensor left, Scalar right) => left.le(right);
        public static Tensor operator >=(Tensor left, Tensor right) => left.ge(right);
        public static Tensor operator >=(Tensor left, Scalar right) => left.ge(right);
    }
}
