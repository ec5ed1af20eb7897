namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        /// <summary>Learning rates over steps, in closed form from each group's initial rate.</summary>
        public static class lr_scheduler
        {
            /// <summary>Sets the learning rates of an optimiser at each <see cref="step"/>.</summary>
            public abstract class LRScheduler
            {
                private readonly Optimizer optimizer;

                private protected LRScheduler(Optimizer optimizer, int last_epoch)
                {
                    this.optimizer = optimizer;
                    Epoch = last_epoch;
                }

                private protected int Epoch { get; private set; }

                private protected abstract double Rate(double initial, int epoch);

                /// <summary>Moves on by one step.</summary>
                public virtual void step()
                {
                    Epoch++;
                    foreach (ILearningRateController group in optimizer.ParamGroups) group.LearningRate = Rate(group.InitialLearningRate, Epoch);
                }

                /// <summary>The rates now, one a group.</summary>
                public IEnumerable<double> get_last_lr() => optimizer.ParamGroups.Select(g => g.LearningRate);
            }

            private sealed class Scheduler : LRScheduler
            {
                private readonly Func<double, int, double> rate;

                internal Scheduler(Optimizer optimizer, int last_epoch, Func<double, int, double> rate) : base(optimizer, last_epoch)
                {
                    this.rate = rate;
                    step();
                }

                private protected override double Rate(double initial, int epoch) => rate(initial, epoch);
            }

            /// <summary>eta_min + (initial - eta_min) (1 + cos(pi t / T_max)) / 2.</summary>
            public static LRScheduler CosineAnnealingLR(Optimizer optimizer, double T_max, double eta_min = 0, int last_epoch = -1, bool verbose = false) =>
                new Scheduler(optimizer, last_epoch, (initial, t) => eta_min + (initial - eta_min) * (1 + Math.Cos(Math.PI * t / T_max)) / 2);

            /// <summary>initial * lr_lambda(t).</summary>
            public static LRScheduler LambdaLR(Optimizer optimizer, Func<int, double> lr_lambda, int last_epoch = -1, bool verbose = false) =>
                new Scheduler(optimizer, last_epoch, (initial, t) => initial * lr_lambda(t));

            /// <summary>initial * gamma^(t / step_size), in whole steps.</summary>
            public static LRScheduler StepLR(Optimizer optimizer, int step_size, double gamma = 0.1, int last_epoch = -1, bool verbose = false) =>
                new Scheduler(optimizer, last_epoch, (initial, t) => initial * Math.Pow(gamma, t / step_size));
        }
    }
}
