using TorchSharp.Modules;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class optim
        {
            /// <summary>Changes parameters along their gradients.</summary>
            public abstract class Optimizer : IDisposable
            {
                private protected readonly List<ParamGroup> Groups = [];

                /// <summary>Groups of parameters with the learning rate each is stepped with; settable at any time.</summary>
                public virtual IEnumerable<ILearningRateController> ParamGroups => Groups;

                /// <summary>One step; the closure, when given, computes the loss with gradients first.</summary>
                /// <returns>The closure's loss, or null.</returns>
                public abstract Tensor? step(Func<Tensor>? closure = null);

                /// <summary>Zeroes the gradients in place.</summary>
                public virtual void zero_grad()
                {
                    foreach (Parameter parameter in parameters())
                    {
                        using Tensor? gradient = parameter.grad;
                        if (gradient is null) continue;
                        using var _ = no_grad();
                        gradient.zero_();
                    }
                }

                public virtual IEnumerable<Parameter> parameters() => Groups.SelectMany(g => g.Parameters);

                public virtual void add_param_group(ParamGroup param_group) => Groups.Add(param_group);

                public void Dispose()
                {
                    Dispose(true);
                    GC.SuppressFinalize(this);
                }

                protected virtual void Dispose(bool disposing) { }

                /// <summary>What an optimiser remembers: options by group, state by parameter.</summary>
                public class StateDictionary
                {
                    internal StateDictionary() { }
                    public List<OptimizerOptions> Options { get; } = [];
                    public List<OptimizerState> State { get; } = [];
                }
            }

            /// <summary>What a scheduler sees of a group of parameters.</summary>
            public interface ILearningRateController
            {
                double LearningRate { set; get; }
                double InitialLearningRate { set; get; }
            }
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>Options of a group; those not set are the optimiser's.</summary>
    public class OptimizerOptions
    {
        public double? LearningRate { get; set; }
        public double InitialLearningRate { get; set; }

        internal virtual void Save(BinaryWriter writer)
        {
            writer.Write(InitialLearningRate);
            writer.Write(LearningRate!.Value);
        }

        internal virtual void Load(BinaryReader reader)
        {
            InitialLearningRate = reader.ReadDouble();
            LearningRate = reader.ReadDouble();
        }
    }

    /// <summary>What an optimiser remembers of one parameter.</summary>
    public abstract class OptimizerState
    {
        internal abstract void Save(BinaryWriter writer);
        internal abstract void Load(BinaryReader reader);
        internal abstract void Dispose();
    }

    /// <summary>Parameters that share options.</summary>
    public class ParamGroup : torch.optim.ILearningRateController
    {
        public IEnumerable<Parameter> Parameters { get; set; } = [];
        public OptimizerOptions Options { get; set; } = null!;
        public double LearningRate { get => Options.LearningRate!.Value; set => Options.LearningRate = value; }
        public double InitialLearningRate { get => Options.InitialLearningRate; set => Options.InitialLearningRate = value; }
    }

    /// <summary>Parameters that share options of one optimiser.</summary>
    public class ParamGroup<TOptions> : ParamGroup where TOptions : OptimizerOptions
    {
        public ParamGroup() { }

        public ParamGroup(IEnumerable<Parameter> parameters, TOptions? options = null)
        {
            Parameters = parameters;
            base.Options = options!;
        }

        public new TOptions Options { get => (TOptions)base.Options; set => base.Options = value; }
    }
}
