using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Evaluation.Reducers;

/// <summary>
/// Sentences whose states are like the question's: cosine of the mean of the model's own last hidden states, those of the context read in one piece and those of the question read
/// alone. No other model is needed; to make the index costs a prefill of the whole context.
/// </summary>
/// <param name="keep">See <see cref="IReducer.Keep"/>.</param>
public sealed class Dense(double? keep = null) : IReducer
{
    /// <inheritdoc/>
    public string Name => ReducerSettings.Name("Dense", keep);

    /// <inheritdoc/>
    public bool AsksQuestion => true;

    /// <inheritdoc/>
    public double? Keep => keep;

    /// <inheritdoc/>
    public ISegmentIndex Index(ReducibleContext context) => new StateIndex(context, Segmentation.Sentences(context.Model.Tokenizer, context.Tokens));

    private sealed class StateIndex : ISegmentIndex
    {
        private readonly ReducibleContext _context;
        private readonly double[][] _states;

        internal StateIndex(ReducibleContext context, Segment[] segments)
        {
            (_context, Segments) = (context, segments);
            using var scope = NewDisposeScope();
            var states = States(context.Tokens);
            _states = [.. segments.Select(segment => Mean(states.narrow(0, segment.Start, segment.Length)))];
        }

        public IReadOnlyList<Segment> Segments { get; }

        public double[] Score(ReducerQuestion question)
        {
            using var scope = NewDisposeScope();
            var asked = Mean(States(question.Tokens));
            return [.. _states.Select(state => Cosine(state, asked))];
        }

        /// <summary>Last hidden states of some tokens behind what stands before the context, <c>[token, hidden]</c>.</summary>
        private Tensor States(int[] tokens) => _context.Model.Decoder.Hidden([.. _context.Before, .. tokens], layers: null).narrow(0, _context.Before.Length, tokens.Length);

        private static double[] Mean(Tensor states) => states.to(ScalarType.Float64).mean([0]).cpu().data<double>().ToArray();

        private static double Cosine(double[] a, double[] b)
        {
            var (dot, lengths) = (0.0, 0.0);
            var (first, second) = (0.0, 0.0);
            for (var i = 0; i < a.Length; i++) (dot, first, second) = (dot + a[i] * b[i], first + a[i] * a[i], second + b[i] * b[i]);
            lengths = Math.Sqrt(first) * Math.Sqrt(second);
            return lengths > 0 ? dot / lengths : 0;
        }
    }
}
