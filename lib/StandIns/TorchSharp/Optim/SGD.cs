using TorchSharp.Modules;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class optim
        {
            /// <summary>Stochastic gradient descent, optionally with momentum.</summary>
            public static SGD SGD(IEnumerable<Parameter> parameters, double learningRate, double momentum = 0.0, double dampening = 0.0, double weight_decay = 0.0, bool nesterov = false, bool maximize = false) =>
                new(parameters, learningRate, momentum, dampening, weight_decay, nesterov, maximize);
        }
    }
}

namespace TorchSharp.Modules
{
    using static TorchSharp.torch;

    /// <summary>g = grad + wd p; b = momentum b + (1 - dampening) g; p = p - lr b (Nesterov: lr (g + momentum b)).</summary>
    public class SGD : OptimizerHelper
    {
        private readonly double momentum, dampening, decay;
        private readonly bool nesterov, maximize;

        internal SGD(IEnumerable<Parameter> parameters, double learningRate, double momentum, double dampening, double weight_decay, bool nesterov, bool maximize)
        {
            if (learningRate < 0) throw new ArgumentException($"Invalid learning rate: {learningRate}");
            if (nesterov && (momentum <= 0 || dampening != 0)) throw new ArgumentException("Nesterov momentum requires a momentum and zero dampening");
            (this.momentum, this.dampening, decay, this.nesterov, this.maximize) = (momentum, dampening, weight_decay, nesterov, maximize);
            var options = new OptimizerOptions { LearningRate = learningRate, InitialLearningRate = learningRate };
            Add(new ParamGroup { Parameters = parameters, Options = options }, options, _ => new Velocity());
        }

        private protected override void Step(ParamGroup group)
        {
            foreach (Parameter parameter in group.Parameters)
            {
                Tensor? gradient = parameter.grad;
                if (gradient is null) continue;
                if (maximize) gradient = -gradient;
                if (decay != 0) gradient = gradient.add(parameter, decay);
                if (momentum != 0)
                {
                    var state = (Velocity)States[parameter];
                    if (state.Buffer is null) state.Buffer = gradient.clone().DetachFromDisposeScope();
                    else state.Buffer.mul_(momentum).add_(gradient, 1 - dampening);
                    gradient = nesterov ? gradient.add(state.Buffer, momentum) : state.Buffer;
                }
                parameter.add_(gradient, -group.LearningRate);
            }
        }

        private sealed class Velocity : OptimizerState
        {
            internal Tensor? Buffer;

            internal override void Save(BinaryWriter writer)
            {
                writer.Write(Buffer is not null);
                Buffer?.Save(writer);
            }

            internal override void Load(BinaryReader reader)
            {
                Dispose();
                Buffer = reader.ReadBoolean() ? Tensor.Load(reader).DetachFromDisposeScope() : null;
            }

            internal override void Dispose()
            {
                Buffer?.Dispose();
                Buffer = null;
            }
        }
    }
}
