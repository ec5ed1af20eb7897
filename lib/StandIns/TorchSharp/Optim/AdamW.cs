using TorchSharp.Interop;
using TorchSharp.Modules;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class optim
        {
            /// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019); weight_decay is 0 unless given (PyTorch: 0.01).</summary>
            public static AdamW AdamW(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new([new AdamW.ParamGroup { Parameters = parameters }], lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            public static AdamW AdamW(IEnumerable<(string name, Parameter parameter)> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new([new AdamW.ParamGroup { Parameters = parameters.Select(p => p.parameter) }], lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            public static AdamW AdamW(IEnumerable<AdamW.ParamGroup> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);
        }
    }
}

namespace TorchSharp.Modules
{
    using static TorchSharp.torch;

    /// <summary>
    /// p = p (1 - lr wd); m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p = p - lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps).
    /// Contiguous float32 parameters on the CPU take one fused pass over memory instead of nine operators.
    /// </summary>
    public class AdamW : OptimizerHelper
    {
        private readonly Options defaults;

        internal AdamW(IEnumerable<ParamGroup> groups, double lr, double beta1, double beta2, double eps, double weight_decay, bool amsgrad, bool maximize)
        {
            Check(lr, beta1, beta2, eps, weight_decay);
            defaults = new Options { LearningRate = lr, InitialLearningRate = lr, beta1 = beta1, beta2 = beta2, eps = eps, weight_decay = weight_decay, amsgrad = amsgrad, maximize = maximize };
            foreach (ParamGroup group in groups) add_param_group(group);
        }

        public override void add_param_group(Modules.ParamGroup param_group)
        {
            var options = (Options)(param_group.Options ??= new Options());
            options.Complete(defaults);
            Add(param_group, defaults, p => new State(p, options.amsgrad!.Value));
        }

        internal static void Check(double lr, double beta1, double beta2, double eps, double weight_decay)
        {
            if (lr < 0) throw new ArgumentException($"Invalid learning rate: {lr}");
            if (eps < 0) throw new ArgumentException($"Invalid eps: {eps}");
            if (beta1 is < 0 or >= 1) throw new ArgumentException($"Invalid beta1: {beta1}");
            if (beta2 is < 0 or >= 1) throw new ArgumentException($"Invalid beta2: {beta2}");
            if (weight_decay < 0) throw new ArgumentException($"Invalid weight_decay value: {weight_decay}");
        }

        private protected override void Step(Modules.ParamGroup group) => Step(group, parameter => (State)States[parameter], decoupled: true);

        /// <summary>One step over a group: the decay shrinks the parameter (decoupled), or else adds to the gradient (Adam).</summary>
        internal static void Step(Modules.ParamGroup group, Func<Parameter, State> stateOf, bool decoupled)
        {
            var options = (Options)group.Options;
            double beta1 = options.beta1!.Value, beta2 = options.beta2!.Value, eps = options.eps!.Value, lr = options.LearningRate!.Value, weightDecay = options.weight_decay!.Value;
            foreach (Parameter parameter in group.Parameters)
            {
                Tensor? gradient = parameter.grad;
                if (gradient is null) continue;
                if (options.maximize!.Value) gradient = -gradient;
                if (!decoupled && weightDecay != 0) gradient = gradient.add(parameter, weightDecay);
                State state = stateOf(parameter);
                state.step++;
                double keep = decoupled ? 1 - lr * weightDecay : 1;
                double size = lr / (1 - Math.Pow(beta1, state.step));
                double root = Math.Sqrt(1 - Math.Pow(beta2, state.step));
                if (state.max_exp_avg_sq is null && AdamKernel.Fits(parameter, gradient, state.exp_avg, state.exp_avg_sq))
                {
                    AdamKernel.Update(parameter, gradient, state.exp_avg, state.exp_avg_sq, new AdamKernel.Step(keep, beta1, beta2, size, root, eps));
                    continue;
                }
                if (keep != 1) parameter.mul_(keep);
                state.exp_avg.mul_(beta1).add_(gradient, 1 - beta1);
                state.exp_avg_sq.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
                Tensor square = state.exp_avg_sq;
                if (state.max_exp_avg_sq is Tensor largest) square = largest.copy_(largest.maximum(square));
                parameter.addcdiv_(state.exp_avg, square.sqrt().div_(root).add_(eps), -size);
            }
        }

        /// <summary>Settings of a group.</summary>
        public class Options : OptimizerOptions
        {
            public double? beta1, beta2, weight_decay, eps;
            public bool? amsgrad, maximize;

            internal void Complete(Options from)
            {
                beta1 ??= from.beta1;
                beta2 ??= from.beta2;
                eps ??= from.eps;
                weight_decay ??= from.weight_decay;
                amsgrad ??= from.amsgrad;
                maximize ??= from.maximize;
            }

            internal override void Save(BinaryWriter writer)
            {
                base.Save(writer);
                foreach (double? number in (double?[])[beta1, beta2, eps, weight_decay]) writer.Write(number!.Value);
                writer.Write(amsgrad!.Value);
                writer.Write(maximize!.Value);
            }

            internal override void Load(BinaryReader reader)
            {
                base.Load(reader);
                (beta1, beta2, eps, weight_decay) = (reader.ReadDouble(), reader.ReadDouble(), reader.ReadDouble(), reader.ReadDouble());
                (amsgrad, maximize) = (reader.ReadBoolean(), reader.ReadBoolean());
            }
        }

        /// <summary>Steps taken and running averages of the gradient and its square.</summary>
        public class State : OptimizerState
        {
            public long step;
            public Tensor exp_avg, exp_avg_sq;
            public Tensor? max_exp_avg_sq;

            internal State(Parameter parameter, bool amsgrad)
            {
                using var _ = no_grad();
                exp_avg = zeros_like(parameter).DetachFromDisposeScope();
                exp_avg_sq = zeros_like(parameter).DetachFromDisposeScope();
                if (amsgrad) max_exp_avg_sq = zeros_like(parameter).DetachFromDisposeScope();
            }

            private IEnumerable<Tensor> All => max_exp_avg_sq is null ? [exp_avg, exp_avg_sq] : [exp_avg, exp_avg_sq, max_exp_avg_sq];

            internal override void Save(BinaryWriter writer)
            {
                writer.Write(step);
                foreach (Tensor tensor in All) tensor.WriteBytesToStream(writer.BaseStream);
            }

            internal override void Load(BinaryReader reader)
            {
                step = reader.ReadInt64();
                foreach (Tensor tensor in All) tensor.ReadBytesFromStream(reader.BaseStream);
            }

            internal override void Dispose()
            {
                foreach (Tensor tensor in All) tensor.Dispose();
            }
        }

        /// <summary>Parameters with settings of their own.</summary>
        public class ParamGroup : ParamGroup<Options>
        {
            public ParamGroup() { }
            public ParamGroup(IEnumerable<Parameter> parameters, Options? options = null) : base(parameters, options) { }
        }
    }
}
